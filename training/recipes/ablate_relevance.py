"""Do E5's relations of questions and passages teach the shipped models to search? See benchmarks/RESULTS.md.

`python -m training.unpacked_e5 E5` makes the second teacher, which ``--relater E5`` names. Rows go on from what ships:
in RESULTS.md en-small 7, en-mini 7 and en-nano 8, of whose rows the versions after them are means.
"""

from dataclasses import replace
from typing import Any

from training.english import CANDIDATES, PASSAGES, QUERIES
from training.recipe import Recipe, Stage
from training.recipes import en_mini, en_nano, en_small
from training.recipes.en_small import DOCUMENT, E1, E2, PASSAGE, RELEVANCE, SEARCH, SPACED_NOISE, TOGETHER
from training.sources import Source

# Articles cut into passages of the same matter, and sentences of theirs that ask for where they stand.
CUT: dict[str, Any] = dict(
    queries=(
        *QUERIES[:5],
        Source("docs_wikipedia_en", ("text",), limit=5_000, split=True, most=299, lengths=(6, 25)),
        *QUERIES[5:],
    ),
    candidates=(Source("docs_wikipedia_en", ("text",), words=100, most=299, lengths=(30, 100)), *CANDIDATES[1:]),
)

SURE = (
    ("distillation", 0.34, 1.0), ("passage_distillation", 0.16, 1.0, DOCUMENT), ("retrieval", 0.09, 0.3, PASSAGE),
    ("ranking", 0.04, 0.3), ("sts", 0.16, 0.3), ("relevance", 0.25, 1.0, RELEVANCE | dict(sure=0.2)),
)  # fmt: skip


def _row(of: Recipe, name: str, objectives: tuple[Any, ...], steps: int, e1: float, e2: float, **asked: Any) -> Recipe:
    """Return a row that goes on from what a recipe ships, with peak rates of each encoder."""
    stage = Stage("search", (E1, E2), objectives, steps, 128, ((E1, e1), (E2, e2)), SPACED_NOISE, 0.15, spaced=True)
    return replace(
        of, name=name, config=None, e1=None, start=of.name, stages=(stage,), passages=PASSAGES, **asked
    )  # fmt: skip


RECIPES = {
    recipe.name: recipe
    for recipe in (
        _row(en_nano.RECIPE, "nano-without", TOGETHER, 800, 1.5e-4, 3e-4),
        _row(en_nano.RECIPE, "nano-all", en_nano.SEARCH, 800, 1.5e-4, 3e-4),
        _row(en_nano.RECIPE, "nano-sure", SURE, 1_200, 1.5e-4, 3e-4, **CUT),
        _row(en_mini.RECIPE, "mini-all", SEARCH, 1_000, 1.2e-4, 2.5e-4),
        _row(en_mini.RECIPE, "mini-sure", SURE, 900, 1e-4, 2e-4, **CUT),
        _row(en_small.RECIPE, "small-all", SEARCH, 900, 1.2e-4, 1.5e-4),
        _row(en_small.RECIPE, "small-sure", SURE, 720, 1e-4, 1.2e-4, **CUT),
    )
}
