"""Measure everything and draw it: ``python -m benchmarks --data DIR``, or ``make benchmarks DATA=DIR``.

Quality of the shipped models and the baselines in every suite, what int8 loses, speed and size of all in the forms in
which one deploys them, scale (15 GB in the temporary folder; Linux), then all tables (into RESULTS.md) and plots. Each
step but scale's throughput, memory and kills reuses what is stored: stopped, the same command goes on. A baseline that
must be trained takes part once its run is there (see `benchmarks.peers`).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import run
from benchmarks.peers import BASELINES, is_ready
from benchmarks.report import __main__ as report
from benchmarks.scale import index, kills, memory, throughput
from benchmarks.speed import __main__ as speed
from benchmarks.speed import install_size
from benchmarks.suites.new_words import SUITE as NEW_WORDS
from tiered_st.model import pretrained

VARIANTS = ("minilm+symspell-compound", "minilm+shuffled")  # reached by name: no better than one that is here, a check
TIMED = ("static", "minilm+openvino", "minilm+bf16", "minilm+onnx-int8", "minilm")
SCALE = {"throughput": throughput.main, "memory": memory.main, "kills": kills.main, "index": index.main}
SLOW = {  # these suites alone: slower by far than the others, or no model of texts
    "e5": ("typo", "retrieval", "long", "unseen_noise", "spanish", "cross_lingual"),
    "symspell": ("spanish_words",),
}
LOST = {"typo": ("clean", "10 %"), "retrieval": ("XQuAD",)}  # what is asked of forms in int8
TAUGHT = {"new_words": NEW_WORDS.metrics, "retrieval": ("XQuAD", "XQuAD 10 %")}  # asked of models that are taught


def steps(args: argparse.Namespace) -> list[tuple[str, list[str]]]:
    """Return the commands, as (program, arguments)."""
    models = args.models or pretrained()
    ready = [name for name in BASELINES if name not in VARIANTS and is_ready(name)]
    baselines, slow = [name for name in ready if name not in SLOW], [name for name in ready if name in SLOW]
    texts = ["--data", str(args.data)]
    measured = [*texts, "--seeds", str(args.seeds)]
    ours = [name for name in models if name in pretrained()]
    deployed = [f"{name}+{form}" for name in ours for form in ("bf16", "onnx-int8", "openvino")]
    small = [f"{name}+onnx-int8" for name in (*ours, "minilm")]
    taught = [f"{name}+taught" for name in ours]
    return [
        ("run", [*models, *baselines, "--suite", "all", *measured]),
        *(("run", [name, "--suite", suite, *measured]) for name in slow for suite in SLOW[name]),
        *(("run", [*taught, "--suite", suite, "--metrics", *metrics, *measured])
          for suite, metrics in TAUGHT.items() if taught),
        *(("run", [*small, "--suite", suite, "--metrics", *metrics, *measured]) for suite, metrics in LOST.items()),
        ("speed", [*models, *deployed, *TIMED, "--full", *texts, "--rounds", str(args.rounds)]),
        ("speed.install_size", []),
        *((f"scale.{name}", texts) for name in SCALE),
        ("report", ["--plots", "--write"]),
    ]  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Run all steps; return the first exit status that is not 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of parquet files")
    parser.add_argument("--models", nargs="+", metavar="MODEL", help="instead of the shipped ones")
    parser.add_argument("--seeds", type=int, default=5, help="default: 5")
    parser.add_argument("--rounds", type=int, default=7, help="of speed (default: 7)")
    parser.add_argument("--print", action="store_true", help="only say what would be run")
    args = parser.parse_args(argv)
    programs = {
        "run": run.main, "speed": speed.main, "speed.install_size": install_size.main, "report": report.main,
        **{f"scale.{name}": main for name, main in SCALE.items()},
    }  # fmt: skip
    for program, arguments in steps(args):
        print(f"python -m benchmarks.{program} {' '.join(arguments)}", file=sys.stderr)
        if not args.print and (status := programs[program](arguments)):
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
