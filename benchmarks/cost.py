"""Say how many texts one model embeds in each suite: ``python -m benchmarks.cost --data DIR``.

No model is loaded: what is counted is what the suites ask of one that embeds texts anywhere. The first seed includes
what is read once, such as clean text and documents.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers import Candidate
from benchmarks.report.markdown import markdown
from benchmarks.suite import Suite
from benchmarks.suites import suites

DIMENSION = 4


class Counter:
    """Counts the texts that it is asked to embed, and embeds them anywhere."""

    max_seq_length, revision = 512, "counter"

    def __init__(self) -> None:
        self.texts = self.words = 0
        self._random = np.random.default_rng(0)

    def encode(self, texts: Sequence[str], **options: Any) -> np.ndarray:
        """Return (texts, DIMENSION), random."""
        self.texts += len(texts)
        self.words += sum(min(len(text.split()), self.max_seq_length) for text in texts)
        return self._random.normal(size=(len(texts), DIMENSION)).astype(np.float32)


def count(suite: Suite, data: Path, seeds: int) -> tuple[int, int]:
    """Return how many texts and words one model embeds in a suite with so many seeds."""
    task, counter = suite.load(data), Counter()
    candidate = Candidate("counter", counter)
    for condition in task.conditions(seeds):
        task.score(candidate, condition)
    return counter.texts, counter.words


def main(argv: Sequence[str] | None = None) -> int:
    """Print a row per suite; return the exit status."""
    known = suites()
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cost", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of parquet files")
    parser.add_argument("--suite", nargs="+", choices=list(known), default=list(known))
    options = parser.parse_args(argv)
    rows = []
    try:
        for name in options.suite:
            first, second = (count(known[name], options.data, seeds) for seeds in (1, 2))
            rows.append([f"`{name}`", f"{first[0]:,}", f"{second[0] - first[0]:,}", f"{first[1] / first[0]:.0f}"])
            print(f"{name}: {first[0]:,} texts", file=sys.stderr)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(markdown(["suite", "texts, first seed", "each further seed", "words a text"], rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
