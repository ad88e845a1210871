"""Say what reading words a second time costs: ``python -m benchmarks.spelling en-small en-nano --data DIR``.

Each model reads questions and sentences in the runtime, on one thread, with its list of spellings and without, in turn:
with an empty cache of chunks, as a process that has just started, and once more, when it knows them.
"""

from __future__ import annotations

import argparse
import json
import shutil
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
from tiered_st.runtime import RuntimeEncoder, load

TEXTS, ROUNDS = 3_000, 5


def without_spelling(name: str, folder: Path) -> Path:
    """Copy a shipped model that reads what is in no list as it is spelt; return where."""
    place = folder / name
    shutil.copytree(tiered_st.path(name), place)
    config = json.loads((place / "config.json").read_text(encoding="utf-8"))
    if config.pop("spelling", None) is None:
        raise ValueError(f"{name} has no list of spellings: name a model that has one.")
    (place / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return place


def seconds(model: RuntimeEncoder, texts: list[str]) -> float:
    """Return how long a model takes to read texts."""
    start = time.perf_counter()
    model.encode(texts, show_progress_bar=False)
    return time.perf_counter() - start


def compare(name: str, texts: list[str], folder: Path) -> list[str]:
    """Return a row of the table: model, cost with an empty cache, with a full one, and of the first word."""
    pair = load(name, threads=1), load(without_spelling(name, folder), threads=1)
    first = seconds(pair[0], ["wrld"]) - seconds(pair[1], ["wrld"])
    cold, warm = [], []
    for _ in range(ROUNDS):
        times = []
        for model in pair:
            assert model.chunks.cache is not None
            model.chunks.cache.clear()
            times.append((seconds(model, texts), seconds(model, texts)))
        cold.append(times[0][0] / times[1][0])
        warm.append(times[0][1] / times[1][1])
    return [name, f"{statistics.median(cold):.2f}", f"{statistics.median(warm):.2f}", f"{first:.2f} s"]


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
    print(f"Time with the list over time without, {len(texts):,} questions, median of {ROUNDS} rounds")
    print(f"CPU: {machine['name']}, {', '.join(machine['sets'])}\n")
    print(markdown(["model", "empty cache", "full cache", "the first such word, once"], table))
    return 0


if __name__ == "__main__":
    sys.exit(main())
