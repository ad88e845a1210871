"""Time models side by side: ``python -m benchmarks.speed MODEL [MODEL ...]``.

Rounds are interleaved (every model encodes the same fresh texts before the next round), so that a slow moment of the
machine hits all of them; a figure is the median over rounds, a ratio the median of each round's ratio to the last model
named, with the range of the middle half. Texts are docstrings of the standard library, cut to a number of words and
mistyped at ``--rate``: no text comes twice, so a chunk cache helps only as far as words of real texts repeat.

With ``--full`` everything is measured and stored in benchmarks/results/speed: the grid of lengths, kinds of calls and
threads, what a process pays, where the time goes, and how cost grows. A stopped run goes on by the same command.
``--kinds`` and ``--parts`` choose among these; ``--seconds`` is what one of the grid's 20 cells may take.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks.peers import BASELINES, FORMS
from benchmarks.speed.contenders import contender, set_threads
from benchmarks.speed.full import PARTS, run_full
from benchmarks.speed.stored import KINDS, SPEED
from benchmarks.speed.timing import measure, ratios


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line; return the exit status."""
    args = _parse(argv)
    try:
        if args.full:
            run_full(args)
            return 0
        candidates = [contender(name) for name in args.models]
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped: run the same command to go on from here", file=sys.stderr)
        return 130
    for candidate in candidates:
        candidate.batch_size = args.batch_size
        if args.threads:
            set_threads(candidate, args.threads)
    print(f"{torch.get_num_threads()} threads, batches of {args.batch_size}, {args.rate:.0%} mistyped\n")
    print("| words per text | model | texts/s | ratio (middle half) |\n| ---: | --- | ---: | --- |")
    for words in args.words:
        speeds = measure(candidates, words=words, count=args.count, rounds=args.rounds, rate=args.rate)
        for candidate, own, ratio in zip(candidates, speeds, ratios(speeds), strict=True):
            spread = f"{ratio.median:.2f} ({ratio.low:.2f}–{ratio.high:.2f})"
            print(f"| {words} | {candidate.name} | {statistics.median(own):.0f} | {spread} |")
    return 0


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    known = ", ".join(BASELINES)
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument(
        "models", nargs="+", metavar="MODEL",
        help=f"a shipped model, a folder, a name on the hub, or one of {known}; behind one that ships or minilm +"
        f"{', +'.join(FORMS)}; the last is what ratios are taken to",
    )  # fmt: skip
    parser.add_argument("--words", type=int, nargs="+", default=[8, 16, 32, 128], help="words per text")
    parser.add_argument("--count", type=int, default=512, help="texts per round (default: 512)")
    parser.add_argument("--rounds", type=int, default=7, help="rounds (default: 7)")
    parser.add_argument("--rate", type=float, default=0.0, help="share of characters mistyped (default: 0)")
    parser.add_argument("--batch-size", type=int, default=32, help="texts per call (default: 32)")
    parser.add_argument("--threads", type=int, help="threads (default: torch's)")
    full = parser.add_argument_group("with --full")
    full.add_argument("--full", action="store_true", help="measure everything and store it")
    full.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="default: all")
    full.add_argument("--data", type=Path, metavar="DIR", help="the kit's folder, for mixed texts; default: docstrings")
    full.add_argument("--seconds", type=float, default=45.0, help="of a cell, all models, about (default: 45)")
    full.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="of cells; default: all")
    full.add_argument("--out", type=Path, default=SPEED, metavar="DIR", help="default: benchmarks/results/speed")
    full.add_argument("--fresh", action="store_true", help="measure again what is stored")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
