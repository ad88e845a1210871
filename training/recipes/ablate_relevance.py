"""Do E5's relations of questions and passages teach en-nano to search? Rows have equal steps, from the shipped model.

`python -m training.unpacked_e5 E5` makes the second teacher, which ``--relater E5`` names.
"""

from dataclasses import replace
from typing import Any

from training.english import CANDIDATES, PASSAGES, QUERIES
from training.recipe import Recipe, Stage
from training.recipes.en_nano import RECIPE as NANO
from training.recipes.en_small import E1, E2, PASSAGE, SPACED_NOISE, TOGETHER

E5 = "intfloat/multilingual-e5-small"


def _row(name: str, *more: tuple[Any, ...], left_out: str = "") -> Recipe:
    """Return a row that practises ``more`` beside what "together" does."""
    objectives = (*(row for row in TOGETHER if row[0] != left_out), *more)
    stage = Stage(
        "search", (E1, E2), objectives, 800, 128, ((E1, 1.5e-4), (E2, 3e-4)), SPACED_NOISE, 0.15, spaced=True
    )  # fmt: skip
    asked: dict[str, Any] = dict(relater=E5, queries=QUERIES, candidates=CANDIDATES) if more else {}
    return replace(NANO, name=name, config=None, start="en-nano", stages=(stage,), passages=PASSAGES, **asked)


def _relevance(share: float, weight: float, **settings: Any) -> tuple[Any, ...]:
    return ("relevance", share, weight, PASSAGE | dict(teacher_temperature=0.01) | settings)


RECIPES = {
    recipe.name: recipe
    for recipe in (
        _row("without"),
        _row("beside", _relevance(0.3, 1.0)),
        _row("instead", _relevance(0.3, 1.0), left_out="retrieval"),
    )
}
