"""Tried and not shipped: en-mini's E1 and E2 learn together, as en-small's do at last, and from words alone too.

It gains too little, and loses some of CISI: see benchmarks/RESULTS.md, "Both encoders together once more". It went
on, with seed 1, from the int8 weights of en-mini 4, which the stages before "together" had made.
"""

from dataclasses import replace

from training.english import PASSAGES
from training.recipe import Stage
from training.recipes.en_mini import RECIPE as MINI
from training.recipes.en_small import E1, E2, SPACED_NOISE, TOGETHER, WORD_NOISE

OBJECTIVES = (*TOGETHER, ("word_distillation", 0.25, 1.0, dict(noise=WORD_NOISE, real=0.5)))

RECIPE = replace(
    MINI,
    name="mini-together",
    passages=PASSAGES,
    stages=(
        *(stage for stage in MINI.stages if not stage.spaced),
        Stage(
            "together", (E1, E2), OBJECTIVES, 2_500, 128, ((E1, 2e-4), (E2, 2.5e-4)), SPACED_NOISE, 0.15, spaced=True
        ),
    ),
)
