"""Say what reading words again costs: ``python -m benchmarks.spelling en-small en-nano --data DIR``.

Each model reads questions and sentences in the runtime, on one thread, in turn with spellings as they stand, with its
list of words that they may mean, and with their sentence besides, as it ships: by a process that has just started, and
once more, when it knows the chunks.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import tiered_st
from benchmarks.cpu import cpu
from benchmarks.report.markdown import markdown
from benchmarks.texts.columns import read_columns
from tiered_st.modules.tiers_of import tiers_of
from tiered_st.runtime import RuntimeEncoder, load

TEXTS, ROUNDS = 3_000, 5


def ways(name: str, folder: Path) -> list[Path]:
    """Write a shipped model that reads spellings as they stand, one that has its list, and one as it ships."""
    model = tiered_st.load(name, device="cpu")
    tiers = tiers_of(model)
    if tiers.spelling is None or tiers.lexicon is None or tiers.spelling_context is None:
        raise ValueError(f"{name} has no list of spellings that it reads in context: name a model that has one.")
    places = [folder / f"{name} {way}" for way in ("as they stand", "list", "sentence")]
    model.save(str(places[2]), create_model_card=False)
    tiers.set_spelling_context(None)
    model.save(str(places[1]), create_model_card=False)
    tiers.set_lexicon(tiers.lexicon.words)
    model.save(str(places[0]), create_model_card=False)
    return places


def seconds(model: RuntimeEncoder, texts: list[str]) -> float:
    """Return how long a model takes to read texts."""
    start = time.perf_counter()
    model.encode(texts, show_progress_bar=False)
    return time.perf_counter() - start


def compare(name: str, texts: list[str], folder: Path) -> list[str]:
    """Return a row of the table: model, then of the list and of list and sentence, what they cost anew and again."""
    places = ways(name, folder)
    rounds = []
    for _ in range(ROUNDS):
        models = [load(place, threads=1) for place in places]
        first = [seconds(model, ["wrld"]) for model in models]
        new, again = ([seconds(model, texts) for model in models] for _ in range(2))
        rounds.append([
            new[1] / new[0], new[2] / new[0], again[1] / again[0], again[2] / again[0], first[2] - first[0]
        ])  # fmt: skip
    *ratios, once = (statistics.median(values) for values in zip(*rounds, strict=True))
    return [name, *(f"{ratio:.2f}" for ratio in ratios), f"{once:.2f} s"]


def main(argv: Sequence[str] | None = None) -> int:
    """Print a row per model; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.spelling", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("models", nargs="+", metavar="MODEL", help="shipped models")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of parquet files")
    options = parser.parse_args(argv)
    try:
        rows = read_columns(options.data, "dev_quora_dup.parquet", "s1", "s2")
        texts = list(dict.fromkeys(text for row in rows for text in row))[:TEXTS]
        with tempfile.TemporaryDirectory() as folder:
            table = [compare(name, texts, Path(folder)) for name in options.models]
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    machine = cpu()
    print(f"Time over that of spellings as they stand, {len(texts):,} questions, median of {ROUNDS} rounds")
    print(f"CPU: {machine['name']}, {', '.join(machine['sets'])}\n")
    heads = ["list, new chunks", "and sentence", "list, known chunks", "and sentence", "the first such word, once"]
    print(markdown(["model", *heads], table))
    return 0


if __name__ == "__main__":
    sys.exit(main())
