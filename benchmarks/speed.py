"""Time models side by side: ``python -m benchmarks.speed MODEL [MODEL ...]``.

Rounds are interleaved (every model encodes the same fresh texts before the next round), so that a slow moment of the
machine hits all of them; a figure is the median over rounds, a ratio the median of each round's ratio to the last model
named, with the range of the middle half. Texts are docstrings of the standard library, cut to a number of words and
mistyped at ``--rate``: no text comes twice, so a chunk cache helps only as far as words of real texts repeat.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import cycle

import torch

from benchmarks.baselines import Candidate, resolve
from tiered_st.demo.docstrings import stdlib_docstrings
from tiered_st.noise import add_typos, seeded


def texts_of(words: int, rate: float) -> Iterator[str]:
    """Yield texts of exactly ``words`` words without end, each read on from where the one before stopped."""
    stream = (word for _, text in cycle(list(stdlib_docstrings())) for word in text.split())
    for number, first in enumerate(stream):
        rest = [next(stream) for _ in range(words - 1)]
        yield add_typos(" ".join([first, *rest]), rate, seeded("speed", number))


def measure(
    candidates: Sequence[Candidate], *, words: int, count: int, rounds: int, rate: float = 0.0
) -> list[list[float]]:
    """Return texts per second, (models, rounds); a first round that warms up is not counted."""
    stream = texts_of(words, rate)
    speeds: list[list[float]] = [[] for _ in candidates]
    for number in range(rounds + 1):
        texts = [next(stream) for _ in range(count)]
        for candidate, found in zip(candidates, speeds, strict=True):
            start = time.perf_counter()
            candidate.encode(texts, batch_size=candidate.batch_size, show_progress_bar=False)
            if number:
                found.append(count / (time.perf_counter() - start))
    return speeds


def ratios(speeds: list[list[float]]) -> list[tuple[float, float, float]]:
    """Return the lower quartile, median and upper quartile of each model's speed over the last model's, per round."""
    rows = []
    for own in speeds:
        each = sorted(a / b for a, b in zip(own, speeds[-1], strict=True))
        quartiles = statistics.quantiles(each, n=4) if len(each) > 1 else [each[0]] * 3
        rows.append((quartiles[0], statistics.median(each), quartiles[2]))
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__.split("\n\n")[0])
    parser.add_argument("models", nargs="+", metavar="MODEL", help="the last one is what ratios are taken to")
    parser.add_argument("--words", type=int, nargs="+", default=[8, 16, 32, 128], help="words per text")
    parser.add_argument("--count", type=int, default=512, help="texts per round (default: 512)")
    parser.add_argument("--rounds", type=int, default=7, help="rounds (default: 7)")
    parser.add_argument("--rate", type=float, default=0.0, help="share of characters mistyped (default: 0)")
    parser.add_argument("--batch-size", type=int, default=32, help="texts per call (default: 32)")
    parser.add_argument("--threads", type=int, help="threads (default: torch's)")
    parser.add_argument("--bf16", action="store_true", help="encode under bfloat16 autocast")
    args = parser.parse_args(argv)
    if args.threads:
        torch.set_num_threads(args.threads)
    try:
        candidates = [resolve(name) for name in args.models]
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for candidate in candidates:
        candidate.bf16, candidate.batch_size = args.bf16, args.batch_size
    precision = "bf16" if args.bf16 else "fp32"
    print(f"{torch.get_num_threads()} threads, {precision}, batches of {args.batch_size}, {args.rate:.0%} mistyped\n")
    print("| words per text | model | texts/s | ratio (middle half) |\n| ---: | --- | ---: | --- |")
    for words in args.words:
        speeds = measure(candidates, words=words, count=args.count, rounds=args.rounds, rate=args.rate)
        for candidate, own, (low, mid, high) in zip(candidates, speeds, ratios(speeds), strict=True):
            print(f"| {words} | {candidate.name} | {statistics.median(own):.0f} | {mid:.2f} ({low:.2f}–{high:.2f}) |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
