"""Do E5's relations of questions and passages teach the shipped models to search? See benchmarks/RESULTS.md.

`python -m training.unpacked_e5 E5` makes the second teacher, which ``--relater E5`` names. Rows go on from what ships:
in RESULTS.md en-small 7, en-mini 7 and en-nano 8, of whose rows the versions after them are means.
"""

from dataclasses import replace
from typing import Any

from training.english import CANDIDATES, PASSAGES, QUERIES
from training.recipe import Recipe
from training.recipes import en_mini, en_nano, en_small
from training.recipes.en_small import DOCUMENT, E1, E2, PASSAGE, RELEVANCE, TOGETHER
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


def _row(of: Recipe, name: str, change: dict[str, Any], **asked: Any) -> Recipe:
    """Return a row that goes on from what a recipe ships by its stage "search", with what is changed of that."""
    alone = of.only("search")
    asked = dict(passages=PASSAGES, queries=QUERIES, candidates=CANDIDATES) | asked
    return replace(alone, name=name, stages=(replace(alone.stages[0], **change),), **asked)


RECIPES = {
    recipe.name: recipe
    for recipe in (
        _row(en_nano.RECIPE, "nano-without", dict(objectives=TOGETHER)),
        _row(en_nano.RECIPE, "nano-all", {}),
        _row(en_nano.RECIPE, "nano-sure", dict(objectives=SURE, steps=1_200), **CUT),
        _row(en_mini.RECIPE, "mini-all", {}),
        _row(en_mini.RECIPE, "mini-sure", dict(objectives=SURE, steps=900, rates=((E1, 1e-4), (E2, 2e-4))), **CUT),
        _row(en_small.RECIPE, "small-all", {}),
        _row(en_small.RECIPE, "small-sure", dict(objectives=SURE, steps=720, rates=((E1, 1e-4), (E2, 1.2e-4))), **CUT),
    )
}
