"""Train and score every row of the ablation table: ``python -m benchmarks.ablation --data DIR --runs DIR``.

A row is a recipe of training/recipes/ablate_*.py. Each is trained by the stock runner, from wherever it stands, then
scored; what is scored already is not trained again. Kill it at any moment: the same command goes on.
"""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.baselines import Candidate, resolve
from benchmarks.probes import part_of_speech
from benchmarks.speed import measure, ratios
from benchmarks.store import RESULTS, provenance, write_json
from benchmarks.tasks import Condition
from benchmarks.tasks.typo_sts import RATES, TypoSts, load
from tiered_st.evaluation import TypoRobustnessEvaluator
from tiered_st.modules import TieredInput
from tiered_st.noise import drop_spaces, insert_spaces, seeded
from training.stage import Recipe

logger = logging.getLogger("ablation")

FOLDER = RESULTS / "ablations"
QUESTIONS = ("chunks", "chars", "projector", "positions", "objectives", "freezing", "vocabulary")
SPACES = "spaces"  # 10 % of the spaces dropped, 5 % inserted


def rows_of(question: str) -> dict[str, Recipe]:
    """Return the recipes of a question by the names of its rows, the base first."""
    return import_module(f"training.recipes.ablate_{question}").RECIPES


def place(question: str, row: str, seed: int) -> str:
    """Return the name of a row's files; all questions share one base."""
    return f"{'base' if row == 'base' else f'{question}-{row}'}{f'-seed{seed}' if seed else ''}"


def train(question: str, row: str, seed: int, args: argparse.Namespace) -> Path:
    """Train a row in a process of its own and return the folder of its model."""
    out = args.runs / place(question, row, seed)
    command = [
        sys.executable, "-m", "training.run", f"ablate_{question}/{row}", "--data", str(args.data), "--out", str(out),
        "--cache", str(args.runs / "cache"), "--log-steps", "50", "--seed", str(seed), "--quiet",
    ]  # fmt: skip
    for name in ("teacher", "device", "scale"):
        if getattr(args, name) is not None:
            command += [f"--{name}", str(getattr(args, name))]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=None if args.verbose else subprocess.DEVNULL)
    return out / "model"


def spaced(task: TypoSts, seed: int) -> TypoRobustnessEvaluator:
    """Return the task's pairs with 10 % of the spaces dropped and 5 % put in, on both sides."""

    def respace(texts: Sequence[str], side: int) -> list[str]:
        out = []
        for number, text in enumerate(texts):
            rng = seeded("spaces", seed, side, number)
            out.append(insert_spaces(drop_spaces(text, 0.10, rng), 0.05, rng))
        return out

    plain = task.evaluator
    return TypoRobustnessEvaluator(
        respace(plain.sentences1, 1), respace(plain.sentences2, 2), plain.scores, rates=(0.0,)
    )


def score(candidate: Candidate, task: TypoSts, data: Path, seeds: int) -> dict[str, float]:
    """Return STS-B dev at every rate and with unreliable spaces, and what the probes find."""
    scores = {}
    for metric, rate in RATES.items():
        found = [task.score(candidate, Condition(metric, seed)) for seed in range(seeds if rate else 1)]
        scores[metric] = sum(found) / len(found)
    found = [spaced(task, seed).score(candidate, rate=0.0, seed=0) for seed in range(seeds)]
    scores[SPACES] = sum(found) / len(found)
    if isinstance(candidate.model[0], TieredInput) and candidate.model[0].settings.chunker == "words":
        scores |= part_of_speech(candidate.model, data)
    return scores


def speed_against(candidate: Candidate, base: Candidate) -> float:
    """Return the median ratio of texts per second to the base, rounds interleaved."""
    speeds = measure([candidate, base], words=16, count=256, rounds=5)
    return ratios(speeds)[0][1]


def log_of(run: Path) -> dict[str, Any]:
    """Return the minutes a run took and its losses at the end, by stage."""
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    minutes: dict[str, float] = {}
    for line in lines:
        minutes[line["stage"]] = max(minutes.get(line["stage"], 0.0), line["minutes"])
    return {"minutes": round(sum(minutes.values()), 1)}


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ablation", description=__doc__.split("\n\n")[0])
    parser.add_argument("questions", nargs="*", metavar="QUESTION", help=f"of {', '.join(QUESTIONS)}; default: all")
    parser.add_argument("--rows", nargs="+", help="only these rows")
    parser.add_argument("--data", type=Path, required=True, help="folder of parquet files")
    parser.add_argument("--runs", type=Path, required=True, help="folder for the runs")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder for the results")
    parser.add_argument("--seed", type=int, default=0, help="of the training (default 0)")
    parser.add_argument("--noise-seeds", type=int, default=3, help="of the mistyped texts (default 3)")
    parser.add_argument("--teacher", help="as for training.run")
    parser.add_argument("--device", help="as for training.run")
    parser.add_argument("--scale", type=float, help="as for training.run")
    parser.add_argument("--verbose", action="store_true", help="show what the runner says")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s", datefmt="%H:%M:%S")
    if unknown := set(args.questions) - set(QUESTIONS):
        parser.error(f"{', '.join(sorted(unknown))}: choose from {', '.join(QUESTIONS)}")
    task = load(args.data)
    base: Candidate | None = None
    for question in args.questions or QUESTIONS:
        for row, recipe in rows_of(question).items():
            file = args.out / f"{place(question, row, args.seed)}.json"
            if (args.rows and row not in args.rows) or file.is_file():
                continue
            start = time.monotonic()
            candidate = resolve(str(train(question, row, args.seed, args)))
            candidate.bf16, candidate.batch_size = True, 128
            if base is None:
                base = resolve(str(train(question, "base", 0, args)))
            result = {
                "question": question,
                "row": row,
                "seed": args.seed,
                "parameters": candidate.parameters,
                "steps": sum(stage.steps for stage in recipe.stages),
                "scores": score(candidate, task, args.data, args.noise_seeds),
                "noise_seeds": args.noise_seeds,
                "speed": speed_against(Candidate(row, candidate.model), base),
                **log_of(args.runs / place(question, row, args.seed)),
                "provenance": provenance("benchmarks.ablation"),
            }
            write_json(file, result)
            logger.info("%s/%s, %.1f min: %s", question, row, (time.monotonic() - start) / 60, result["scores"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
