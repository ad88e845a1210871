"""Train and score every row of the ablation table: ``python -m benchmarks.ablation --data DIR --runs DIR``.

A row is a recipe of training/recipes/ablate_*.py. Each is trained by the stock runner, from wherever it stands, then
scored; what is scored already is not trained again. Kill it at any moment: the same command goes on.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from benchmarks.peers import Candidate, resolve
from benchmarks.probes import part_of_speech
from benchmarks.speed.timing import measure, ratios
from benchmarks.store import RESULTS, provenance, write_json
from benchmarks.suite import Condition
from benchmarks.suites.typo import RATES, TypoSts, load
from tiered_st.evaluation import TypoRobustnessEvaluator
from tiered_st.files import replace_folder
from tiered_st.modules import TieredInput
from tiered_st.noise import drop_spaces, insert_spaces, seeded
from training.recipe import Recipe

logger = logging.getLogger("ablation")

FOLDER = RESULTS / "ablations"
# The first three read for a pretrained E2, the others train both tiers: see training.ablation.
QUESTIONS = (
    "chars", "projector", "e1_objectives", "chunks", "positions", "e2_objectives", "freezing", "vocabulary",
)  # fmt: skip
SCORED = {metric: rate for metric, rate in RATES.items() if metric not in ("2 %", "5 %")}
SPACES = "spaces"  # 10 % of the spaces dropped, 5 % inserted


def rows_of(question: str) -> dict[str, Recipe]:
    """Return the recipes of a question by the names of its rows, the one that the others differ from first."""
    return import_module(f"training.recipes.ablate_{question}").RECIPES


def place(question: str, row: str, seed: int) -> str:
    """Return the name of a row's files; questions share their first rows."""
    first = row == next(iter(rows_of(question)))
    return f"{row if first else f'{question}-{row}'}{f'-seed{seed}' if seed else ''}"


def train(question: str, row: str, seed: int, args: argparse.Namespace) -> Path:
    """Train a row in a process of its own and return the folder of its model."""
    out = args.runs / place(question, row, seed)
    share_first_stage(question, row, seed, args.runs)
    command = [
        sys.executable, "-m", "training.run", f"ablate_{question}/{row}", "--data", str(args.data), "--out", str(out),
        "--cache", str(args.runs / "cache"), "--log-steps", "50", "--seed", str(seed), "--quiet",
    ]  # fmt: skip
    for name in ("teacher", "device"):
        if getattr(args, name) is not None:
            command += [f"--{name}", str(getattr(args, name))]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=None if args.verbose else subprocess.DEVNULL)
    return out / "model"


def share_first_stage(question: str, row: str, seed: int, runs: Path) -> None:
    """Start a row from the first row's first stage where the two are the same up to there."""
    (first, base), recipe = next(iter(rows_of(question).items())), rows_of(question)[row]
    stage = f"0_{base.stages[0].name}"
    done, out = runs / place(question, first, seed) / stage / "model", runs / place(question, row, seed)
    alike = recipe.config == base.config and recipe.stages[0] == base.stages[0] and len(recipe.stages) > 1
    if alike and row != first and (done / "modules.json").is_file() and not out.exists():
        with replace_folder(out / stage / "model") as beside:
            shutil.copytree(done, beside, dirs_exist_ok=True)


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
    """Return STS-B dev at some rates and with unreliable spaces, and what the probes find."""
    scores = {}
    for metric, rate in SCORED.items():
        found = [task.score(candidate, Condition(metric, seed)) for seed in range(seeds if rate else 1)]
        scores[metric] = sum(found) / len(found)
    found = [spaced(task, seed).score(candidate, rate=0.0, seed=0) for seed in range(seeds)]
    scores[SPACES] = sum(found) / len(found)
    if isinstance(candidate.model[0], TieredInput) and candidate.model[0].settings.chunker == "words":
        scores |= part_of_speech(candidate.model, data)
    return scores


def speed_against(candidate: Candidate, base: Candidate) -> float:
    """Return the median ratio of texts per second to the base, rounds interleaved."""
    speeds = measure([candidate, base], words=16, count=128, rounds=3)
    return ratios(speeds)[0][1]


def minutes_of(run: Path) -> float:
    """Return how long a run trained; a first stage that it shares is not counted."""
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    longest: dict[str, float] = {}
    for line in lines:
        longest[line["stage"]] = max(longest.get(line["stage"], 0.0), line["minutes"])
    return round(sum(longest.values()), 1)


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ablation", description=__doc__.split("\n\n")[0])
    parser.add_argument("questions", nargs="*", metavar="QUESTION", help=f"of {', '.join(QUESTIONS)}; default: all")
    parser.add_argument("--rows", nargs="+", help="only these rows")
    parser.add_argument("--data", type=Path, required=True, help="folder of parquet files")
    parser.add_argument("--runs", type=Path, required=True, help="folder for the runs")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder for the results")
    parser.add_argument("--seed", type=int, default=0, help="of the training (default 0)")
    parser.add_argument("--noise-seeds", type=int, default=2, help="of the mistyped texts (default 2)")
    parser.add_argument("--teacher", help="as for training.run")
    parser.add_argument("--device", help="as for training.run")
    parser.add_argument("--verbose", action="store_true", help="show what the runner says")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s", datefmt="%H:%M:%S")
    if unknown := set(args.questions) - set(QUESTIONS):
        parser.error(f"{', '.join(sorted(unknown))}: choose from {', '.join(QUESTIONS)}")
    task = load(args.data)
    for question in args.questions or QUESTIONS:
        first = next(iter(rows_of(question)))
        base: Candidate | None = None
        for row, recipe in rows_of(question).items():
            file = args.out / f"{place(question, row, args.seed)}.json"
            if (args.rows and row not in args.rows) or file.is_file():
                continue
            base = base or resolve(str(train(question, first, args.seed, args)))
            candidate = resolve(str(train(question, row, args.seed, args)))
            candidate.bf16, candidate.batch_size = True, 128
            result = {
                "row": row,
                "seed": args.seed,
                "parameters": candidate.parameters,
                "steps": {stage.name: stage.steps for stage in recipe.stages},
                "scores": score(candidate, task, args.data, args.noise_seeds),
                "noise_seeds": args.noise_seeds,
                "speed": speed_against(Candidate(row, candidate.model), base),
                "minutes": minutes_of(args.runs / place(question, row, args.seed)),
                "provenance": provenance("benchmarks.ablation"),
            }
            write_json(file, result)
            logger.info("%s/%s: %s", question, row, json.dumps(result["scores"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
