"""Measure everything and draw it: ``python -m benchmarks --data DIR``, or ``make benchmarks DATA=DIR``.

Quality of the shipped models and the baselines in every suite, speed and size of these and of other forms and
architectures, then all tables (into RESULTS.md) and plots. Each step reuses what is stored: stopped, the same command
goes on. A baseline that must be trained takes part once its run is there (see `benchmarks.peers`).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import run
from benchmarks.peers import BASELINES, is_ready
from benchmarks.report import __main__ as report
from benchmarks.speed import __main__ as speed
from tiered_st.model import pretrained

VARIANTS = ("minilm+symspell-compound", "minilm+shuffled")  # reached by name: no better than one that is here, a check
TIMED = ("static", "minilm+openvino", "minilm+onnx-int8", "minilm")  # the last is what ratios are taken to


def steps(args: argparse.Namespace) -> list[tuple[str, list[str]]]:
    """Return the commands, as (program, arguments)."""
    models = args.models or pretrained()
    baselines = [name for name in BASELINES if name not in VARIANTS and is_ready(name)]
    measured = ["--suite", "all", "--data", str(args.data), "--seeds", str(args.seeds)]
    timed = ["--full", "--data", str(args.data), "--rounds", str(args.rounds)]
    return [
        ("run", [*models, *baselines, *measured, "--bf16", "--batch-size", "128"]),
        ("speed", [*models, *TIMED, *timed]),
        ("report", ["--plots", "--write"]),
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Run all steps; return the first exit status that is not 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of parquet files")
    parser.add_argument("--models", nargs="+", metavar="MODEL", help="instead of the shipped ones")
    parser.add_argument("--seeds", type=int, default=5, help="default: 5")
    parser.add_argument("--rounds", type=int, default=7, help="of speed (default: 7)")
    parser.add_argument("--print", action="store_true", help="only say what would be run")
    args = parser.parse_args(argv)
    programs = {"run": run.main, "speed": speed.main, "report": report.main}
    for program, arguments in steps(args):
        print(f"python -m benchmarks.{program} {' '.join(arguments)}", file=sys.stderr)
        if not args.print and (status := programs[program](arguments)):
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
