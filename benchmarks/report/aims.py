"""What the shipped models were to reach, and what they do reach, from stored results: a table for RESULTS.md."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import mean
from typing import Any, NamedTuple

from benchmarks.report.markdown import markdown
from benchmarks.report.speed import REFERENCE, ratio_of
from benchmarks.speed.stored import BATCH, cell_of
from benchmarks.store import Stored, values_of

CORRECTED = f"{REFERENCE} + SymSpell"
OWN_CLEAN = "its own score on clean text"


class Aim(NamedTuple):
    """A score that must not lie too far below, or must lie far enough above, another one.

    Attributes:
        suite: The suite of both scores.
        metric: The score.
        least: What the difference must be at least.
        against: The model whose score of this metric is subtracted, or `OWN_CLEAN`.
    """

    suite: str
    metric: str
    least: float
    against: str = REFERENCE


LEVELS = ("clean", "5 %", "10 %", "20 %")  # of suite `typo`
SCORES = {
    "en-small": (86.5, 84.0, 82.0, 75.0), "en-mini": (85.0, 82.0, 79.0, 71.0), "en-nano": (80.0, 77.0, 74.0, 65.0),
}  # fmt: skip
SPEEDS = {"en-small": 1.5, "en-mini": 3.0, "en-nano": 8.0}  # times as fast as MiniLM: 16 words, fp32, one thread
AIMS = (
    *(Aim("retrieval", name, -1.0) for name in ("XQuAD", "Cranfield", "CISI")),
    *(Aim("retrieval", f"{name} 10 %", 15.0) for name in ("XQuAD", "Cranfield", "CISI")),
    *(Aim("classification", name, -1.0) for name in ("Banking77", "offensive", "sentiment")),
    *(Aim("classification", f"{name} 10 %", 10.0) for name in ("Banking77", "offensive", "sentiment")),
    *(Aim("real", name, 0.0, CORRECTED) for name in ("misspellings", "JFLEG")),
    *(
        Aim("operators", name, -4.0, OWN_CLEAN)
        for name in (
            "upper case", "title case", "no punctuation", "OCR 10 %", "spaces inserted 10 %", "spaces dropped 30 %",
        )
    ),
    *(Aim("minimal_pairs", f"{change}, typos 5 %", 0.0) for change in ("antonym", "negation", "number")),
)  # fmt: skip


def aims(stored: Stored, speeds: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a row per aim and a column per model; what is met is bold, what was not measured a dash."""
    rows = [
        [f"typo: {level}", "≥ " + " / ".join(f"{aim[place]:g}" for aim in SCORES.values())]
        + [cell(_score(stored, "typo", name, level), aim[place]) for name, aim in SCORES.items()]
        for place, level in enumerate(LEVELS)
    ]
    rows.append(["speed", "≥ " + " / ".join(f"{least:g}×" for least in SPEEDS.values())])
    rows[-1] += [cell(_ratio(speeds, name), least, "{:.2f}×") for name, least in SPEEDS.items()]
    for suite, metric, least, against in AIMS:
        other = "clean" if against == OWN_CLEAN else against
        row = [f"{suite}: {metric}", f"≥ {least:+g} against {other}" if least else f"≥ {other}"]
        for name in SCORES:
            own = _score(stored, suite, name, metric)
            base = (
                _score(stored, suite, name, "clean") if against == OWN_CLEAN else _score(stored, suite, against, metric)
            )
            row.append(cell(None if own is None or base is None else own - base, least, "{:+.1f}"))
        rows.append(row)
    return markdown(["what", "aim", *SCORES], rows)


def cell(found: float | None, least: float, form: str = "{:.1f}") -> str:
    """Write a figure, bold where it is at least ``least``, a dash where there is none."""
    if found is None:
        return "–"
    return f"**{form.format(found)}**" if found >= least else form.format(found)


def _score(stored: Stored, suite: str, model: str, metric: str) -> float | None:
    values = values_of(stored, model, suite, metric)
    return mean(values) if values else None


def _ratio(speeds: Mapping[str, Mapping[str, Any]], model: str) -> float | None:
    """Return how many times as fast as MiniLM a model reads texts of 16 words, each at its best batch."""
    timed = cell_of(speeds, 16, BATCH)
    return ratio_of(timed, model).median if timed and {model, REFERENCE} <= set(timed["models"]) else None
