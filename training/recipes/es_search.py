"""What answers a question in either language, as E5 says: en-es goes on from what ships. See benchmarks/RESULTS.md.

`python -m training.unpacked_e5 E5` makes the second teacher, which ``--relater E5`` names. Texts are about a fifth of
the recipe's, for two cores; English sentences, which "scale" had left, are among them again.
"""

from dataclasses import replace

from training import english, spanish
from training.recipe import Stage
from training.recipes.en_es import DOCS, QUESTIONS, SETTLE, SPANISH_NOISE, TATOEBA, UI
from training.recipes.en_es import RECIPE as EN_ES
from training.recipes.en_small import E1, E2, RELEVANCE, SPACED_NOISE
from training.sources import at_most

SEARCH = (
    ("distillation", 0.16, 1.0), *((name, 0.8 * share, *rest) for name, share, *rest in SETTLE),
    ("relevance", 0.3, 1.0, RELEVANCE | dict(noise=SPANISH_NOISE)),
)  # fmt: skip
PARALLEL = (replace(TATOEBA, limit=24_000), replace(UI, limit=8_000), replace(DOCS, limit=12_000), QUESTIONS)

RECIPE = replace(
    EN_ES,
    name="es-search",
    start="en-es", growth=None, judges=(),
    texts=english.TEXTS, passages=english.PASSAGES,
    parallel=PARALLEL + at_most(10_000, spanish.TRANSLATED) + at_most(14_000, spanish.BACK),
    pairs=PARALLEL + spanish.PAIRS + at_most(12_000, english.PAIRS[:4]),
    searches=at_most(6_000, english.SEARCHES + spanish.TRANSLATED_SEARCHES) + spanish.SEARCHES,
    relater="intfloat/multilingual-e5-small",
    queries=english.QUERIES + spanish.QUERIES,
    candidates=english.CANDIDATES + spanish.CANDIDATES,
    stages=(
        #     name      learns    objectives steps batch  peak learning rates         noise               views
        Stage("search", (E1, E2), SEARCH,    900,  128, ((E1, 1.2e-4), (E2, 1.2e-4)), SPACED_NOISE, 0.15, views=1,
              spaced=True),
    ),
)  # fmt: skip
