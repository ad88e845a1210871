"""Details of passages, asked for in both languages: en-es goes on from what ships, on a GPU. See benchmarks/RESULTS.md.

Questions are made of what passages say: `python -m training.made_questions english|spanish --data DIR`.
"""

from dataclasses import replace

from training import english, spanish
from training.recipe import Stage
from training.recipes.en_es import SPANISH_NOISE
from training.recipes.en_small import E1, E2, RELEVANCE, SPACED_NOISE
from training.recipes.es_articles import RECIPE as ES_ARTICLES
from training.recipes.es_search import PARALLEL
from training.sources import at_most

DETAIL = (
    ("parallel_distillation", 0.32, 1.0, dict(noise=SPANISH_NOISE, chunks=256, budget=24_000)),
    ("passage_distillation", 0.20, 1.0, dict(chunks=510, budget=20_000)),
    ("retrieval", 0.06, 0.3, dict(chunks=192, budget=20_000)), ("ranking", 0.04, 0.3), ("sts", 0.10, 0.3),
    ("relevance", 0.28, 1.0, RELEVANCE | dict(budget=28_000, noise=SPANISH_NOISE)),
)  # fmt: skip

RECIPE = replace(
    ES_ARTICLES,
    name="es-asked",
    passages=(*english.WIDE, english.ARTICLES),
    parallel=PARALLEL + at_most(24_000, spanish.TRANSLATED + spanish.BACK + spanish.TRANSLATED_ARTICLES),
    queries=(*english.QUERIES, english.ASKED, *spanish.QUERIES, spanish.ASKED),
    candidates=(*english.CANDIDATES, english.ARTICLES, *spanish.CANDIDATES, *spanish.ARTICLES),
    stages=(
        #     name     learns    objectives steps batch  peak learning rates         noise               views
        Stage("asked", (E1, E2), DETAIL,      700,  384, ((E1, 2e-4), (E2, 1.5e-4)), SPACED_NOISE, 0.15, views=1,
              spaced=True),
    ),
)  # fmt: skip
