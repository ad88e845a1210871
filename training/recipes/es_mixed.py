"""Tried and not shipped: en-es goes on with twice the translations, passages of them, and more switched words.

It is no better: see benchmarks/RESULTS.md, "A second language". It went on from the int8 weights of en-es 1, and up to
all words of a text were switched, which are at most six in ten else.
"""

from dataclasses import replace

from training import english, spanish
from training.recipe import Stage
from training.recipes.en_es import DOCUMENT, E1, E2, PARALLEL, PASSAGE, SPANISH, SPELL, TEXT_NOISE, WORD_NOISE
from training.recipes.en_es import RECIPE as EN_ES
from training.sources import at_most

# Spanish of every length: translations that follow each other, and English passages with words in Spanish.
MIXED = (
    ("parallel_distillation", 0.30, 1.0, SPANISH | dict(switched=0.15)),
    ("parallel_passages", 0.11, 1.0, SPANISH | dict(switched=0.15, chunks=256)),
    ("passage_distillation", 0.27, 1.0, DOCUMENT | dict(switched=0.35)),
    ("retrieval", 0.14, 0.5, PASSAGE | dict(switched=0.35)), ("ranking", 0.05, 0.3), ("sts", 0.08, 0.3),
    ("recognition", 0.05, 0.3, dict(noise=WORD_NOISE)),
)  # fmt: skip

RECIPE = replace(
    EN_ES,
    name="es-mixed",
    parallel=PARALLEL,
    passages=english.PASSAGES,
    searches=at_most(6_000, english.SEARCHES + spanish.SEARCHES),
    stages=(
        *(stage for stage in EN_ES.stages if not stage.spaced),
        #     name     learns    objectives steps  batch  peak learning rates             noise             views
        Stage("spell", (E1,),    SPELL,       500,   512, ((E1, 1e-3),),                  WORD_NOISE, 0.15, views=2,
              word_power=0.5),
        Stage("mixed", (E1, E2), MIXED,     1_300,   256, ((E1, 1.5e-4), (E2, 1.2e-4)),   TEXT_NOISE, 0.15, views=1,
              judged=4),
    ),
)  # fmt: skip
