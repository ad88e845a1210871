"""Do E5's relations of questions and passages teach the shipped models to search? See benchmarks/RESULTS.md.

`python -m training.unpacked_e5 E5` makes the second teacher, which ``--relater E5`` names. Rows go on from what ships.
"""

from dataclasses import replace
from typing import Any

from training import english, spanish
from training.english import CANDIDATES, PASSAGES, QUERIES
from training.recipe import Recipe, Stage
from training.recipes import en_es, en_mini, en_nano, en_small
from training.recipes.en_small import DOCUMENT, E1, E2, PASSAGE, SPACED_NOISE, TOGETHER
from training.sources import Source, at_most

WHOLE: dict[str, Any] = dict(relater="intfloat/multilingual-e5-small", queries=QUERIES, candidates=CANDIDATES)
# Articles cut into passages of the same matter, and sentences of theirs that ask for where they stand.
CUT = WHOLE | dict(
    queries=(
        *QUERIES[:5],
        Source("docs_wikipedia_en", ("text",), limit=5_000, split=True, most=299, lengths=(6, 25)),
        *QUERIES[5:],
    ),
    candidates=(Source("docs_wikipedia_en", ("text",), words=100, most=299, lengths=(30, 100)), *CANDIDATES[1:]),
)

RELEVANCE = PASSAGE | dict(teacher_temperature=0.01)
ALL = (*TOGETHER, ("relevance", 0.3, 1.0, RELEVANCE))
# The larger models gave up more of similarity than they gained of search.
GRADED = (
    ("distillation", 0.42, 1.0), ("passage_distillation", 0.18, 1.0, DOCUMENT), ("retrieval", 0.08, 0.3, PASSAGE),
    ("ranking", 0.07, 0.3), ("sts", 0.23, 0.3), ("relevance", 0.3, 1.0, RELEVANCE),
)  # fmt: skip
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


# Both languages' questions and passages, each found among both; English sentences again, which "scale" had left.
BOTH = (
    ("distillation", 0.16, 1.0), *((name, 0.8 * share, *rest) for name, share, *rest in en_es.SETTLE),
    ("relevance", 0.3, 1.0, RELEVANCE | dict(noise=en_es.SPANISH_NOISE)),
)  # fmt: skip
PARALLEL = (
    replace(en_es.TATOEBA, limit=24_000), replace(en_es.UI, limit=8_000), replace(en_es.DOCS, limit=12_000),
    en_es.QUESTIONS, *at_most(10_000, spanish.TRANSLATED), *at_most(14_000, spanish.BACK),
)  # fmt: skip
IN_BOTH: dict[str, Any] = WHOLE | dict(
    queries=QUERIES + spanish.QUERIES, candidates=CANDIDATES + spanish.CANDIDATES, growth=None, judges=(),
    texts=english.TEXTS, parallel=PARALLEL,
    pairs=PARALLEL[:4] + spanish.PAIRS + at_most(12_000, english.PAIRS[:4]),
    searches=at_most(6_000, english.SEARCHES + spanish.TRANSLATED_SEARCHES) + spanish.SEARCHES,
)  # fmt: skip

RECIPES = {
    recipe.name: recipe
    for recipe in (
        _row(en_nano.RECIPE, "nano-without", TOGETHER, 800, 1.5e-4, 3e-4),
        _row(en_nano.RECIPE, "nano-all", ALL, 800, 1.5e-4, 3e-4, **WHOLE),
        _row(en_nano.RECIPE, "nano-sure", SURE, 1_200, 1.5e-4, 3e-4, **CUT),
        _row(en_mini.RECIPE, "mini-all", GRADED, 1_000, 1.2e-4, 2.5e-4, **WHOLE),
        _row(en_mini.RECIPE, "mini-sure", SURE, 900, 1e-4, 2e-4, **CUT),
        _row(en_small.RECIPE, "small-all", GRADED, 900, 1.2e-4, 1.5e-4, **WHOLE),
        _row(en_small.RECIPE, "small-sure", SURE, 720, 1e-4, 1.2e-4, **CUT),
        _row(en_es.RECIPE, "both-all", BOTH, 900, 1.2e-4, 1.2e-4, **IN_BOTH),
    )
}
