"""Tried and not shipped: en-small goes on with texts of every length, E2 alone, then E1 too in larger batches.

It gains as much as it loses: see benchmarks/RESULTS.md, "Texts of every length". It went on from the int8 weights of
en-small 2, which the stages up to "grade" had made, then from those of "passages", which had read all searches.
"""

from dataclasses import replace

from training.english import PASSAGES, SEARCHES
from training.english_judges import JUDGES
from training.recipe import Stage
from training.recipes.en_small import E1, E2, READ, TEXT_NOISE
from training.recipes.en_small import RECIPE as SMALL
from training.sources import at_most

BOTH = (
    ("passage_distillation", 0.7, 1.0, dict(chunks=510, budget=12_000)),
    ("retrieval", 0.15, 0.3, dict(chunks=192, budget=14_000)), ("sts", 0.15, 0.3),
)  # fmt: skip

RECIPE = replace(
    SMALL,
    name="small-passages",
    passages=PASSAGES,
    searches=at_most(6_000, SEARCHES),
    judges=JUDGES,
    spacing_words=0, spelling_words=0,
    stages=(
        *(stage for stage in SMALL.stages if not stage.spaced),
        #     name        learns    objectives steps batch  peak learning rates          noise             views
        Stage("passages", (E2,),    READ,      600,  128, ((E2, 8e-5),),               TEXT_NOISE, 0.15, views=1,
              judged=4, keep="best"),
        Stage("both",     (E1, E2), BOTH,      450,  256, ((E1, 2e-4), (E2, 1.5e-4)),  TEXT_NOISE, 0.15, views=1,
              judged=3),
    ),
)  # fmt: skip
