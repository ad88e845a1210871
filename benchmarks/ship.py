"""Ship what a run has made: `python -m benchmarks.ship RUN`.

The model of RUN becomes tiered_st/pretrained/NAME, its log training/logs/NAME.jsonl, and the model's card says of its
stages and files what recipe, log and files say, and shows the log's curves, curves.svg beside it. Its recipe.json gets
a version, one above that of the model before: whoever ships another model moves users' vectors. Figures are another
matter: measure what has been shipped, then `python -m benchmarks.report --write`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.report.markdown import add_marks, compact, write_between
from tiered_st.files import recover, replace_file, replace_folder
from tiered_st.model import PRETRAINED, load
from training.curves import draw
from training.log import minutes_of, processes_of, read_log
from training.objectives import E1_OBJECTIVES, OBJECTIVES

LOGS = Path(__file__).parents[1] / "training" / "logs"
CURVES = "curves.svg"
TIERS = {"tiers": "E1, projector", "semantic_encoder": "E2"}
TERMS = {name: kind.title for name, kind in OBJECTIVES.items()}


def ship(run: Path, pretrained: Path = PRETRAINED, logs: Path = LOGS) -> Path:
    """Put a finished run's model and log in their places; return the model's folder.

    Args:
        run: The folder of a finished run.
        pretrained: Where models ship; NAME/README.md there is the model's card, with the marks of stages and weights.
        logs: Where logs are kept.

    Raises:
        ValueError: If the run is not finished, or there is no card; the text says what to do.
    """
    model = run / "model"
    if not (model / "modules.json").is_file():
        raise ValueError(f"{run} holds no finished model: the command of its training goes on where it stopped.")
    recipe = json.loads((model / "recipe.json").read_text(encoding="utf-8"))
    recipe.pop("version", None)  # of a model shipped before: what ships now is counted anew
    place = pretrained / recipe["name"]
    recover(place)  # where a killed process of this command left it set aside
    card = place / "README.md"
    if not card.is_file():
        raise ValueError(f"{card} is missing: write the model's card first, after the example of another model's.")
    load(model, device="cpu")  # whole, or it says what is wrong
    log = read_log(run / "log.jsonl")

    with replace_file(logs / f"{recipe['name'].replace('-', '_')}.jsonl") as copy, replace_folder(place) as beside:
        shutil.copytree(model, beside, dirs_exist_ok=True)
        text = json.dumps({"name": recipe["name"], "version": next_version(place), **recipe}, indent=1)
        (beside / "recipe.json").write_text(text + "\n", encoding="utf-8")
        shutil.copy(card, beside / "README.md")
        write_between(beside / "README.md", "stages", stages(recipe, log))
        write_between(beside / "README.md", "weights", weights(beside))
        draw(log, beside / CURVES)
        add_marks(beside / "README.md", "curves", after="stages")
        write_between(beside / "README.md", "curves", curves(log))
        shutil.copy(run / "log.jsonl", copy)
    return place


def next_version(place: Path) -> int:
    """Return one more than the version of the model that ships at ``place``: 1 where none does yet.

    Raises:
        ValueError: If the recipe of what ships there has no version, so that it is not known what to count on from.
    """
    shipped = place / "recipe.json"
    if not shipped.is_file():
        return 1
    version = json.loads(shipped.read_text(encoding="utf-8")).get("version")
    if type(version) is not int:
        raise ValueError(f"{shipped} says no version (a whole number): add the one that ships now.")
    return version + 1


def stages(recipe: dict[str, Any], log: Sequence[dict[str, Any]]) -> str:
    """Return the table of a recipe's stages, with the minutes that each took by the log.

    Where a log of before minutes were counted over resumes shows one, what can be known of its stage is the least.
    """
    rows = [["stage", "learns", "objectives (share of steps, weight)", "steps", "batch", "peak rates", "minutes"]]
    for stage in recipe["stages"]:
        names = [name for name, *_ in stage["objectives"]]
        objectives = ", ".join(
            f"{TERMS.get(name, name.replace('_', ' '))} ({share:g}, {_weight(weight)})"
            for name, share, weight, _ in stage["objectives"]
        )
        if stage.get("word_power") is not None:
            objectives += f"; words by their count to the power {stage['word_power']:g}"
        unit, copy = ("words", "spellings") if set(names) <= set(E1_OBJECTIVES) else ("texts", "views")
        tiers = {prefix: TIERS.get(prefix, prefix) for prefix in (*stage["learns"], *dict(stage["rates"]))}
        rates = ", ".join(f"{tiers[prefix].partition(',')[0]} {_rate(rate)}" for prefix, rate in stage["rates"])
        processes = processes_of(log, stage["name"])
        ranks = f" × {processes} processes" if processes > 1 else ""
        rows.append([
            stage["name"], ", ".join(tiers[prefix] for prefix in stage["learns"]), objectives, f"{stage['steps']:,}",
            f"{stage['batch']} {unit} × {stage['views'] + 1} {copy}{ranks}", rates, _minutes(log, stage["name"]),
        ])  # fmt: skip
    return compact(rows)


def weights(folder: Path) -> str:
    """Return the SHA-256 of every file of weights in a model's folder, as `sha256sum` writes them."""
    files = sorted(folder.rglob("*.safetensors"))
    sums = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(folder).as_posix()}" for file in files]
    return "\n".join(["```", *sums, "```"])


def curves(log: Sequence[dict[str, Any]]) -> str:
    """Return the figure of a log's curves, with what it shows."""
    judged = any("judged" in line for line in log)
    figures = (
        " Below it what its judges said while it learned, on rows held out of its training; a dot is the best step of "
        "a stage."
    )
    return f"![Curves of the training]({CURVES})\n\nThe loss of each stage over its steps.{figures if judged else ''}"


def _minutes(log: Sequence[dict[str, Any]], stage: str) -> str:
    took = minutes_of(log, stage)
    if took is None:
        return "–"
    return f"{took[0]:.0f}" if took[1] else f"at least {took[0]:.0f} (resumed)"


def _weight(weight: float | dict[str, float]) -> str:
    return f"{weight['start']:g} → {weight['end']:g}" if isinstance(weight, dict) else f"{weight:g}"


def _rate(rate: float) -> str:
    mantissa, exponent = f"{rate:e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ship", description=__doc__.split("\n\n")[0])
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a finished run")
    args = parser.parse_args(argv)
    try:
        place = ship(args.run)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{place.name} ships: measure it, then python -m benchmarks.report --write")
    return 0


if __name__ == "__main__":
    sys.exit(main())
