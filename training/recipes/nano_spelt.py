"""Tried and not shipped: en-nano goes on learning while it reads what is in no list a second time.

It gains nothing over reading so without having learned it: see benchmarks/RESULTS.md, "Words read a second time". It
went on, with seed 3, from the int8 weights of en-nano 6, which the stages before "spelt" had made.
"""

from dataclasses import replace

from training.english import PASSAGES
from training.recipe import Stage
from training.recipes.en_nano import RECIPE as NANO
from training.recipes.en_small import E1, E2, SPACED_NOISE, TOGETHER

RECIPE = replace(
    NANO,
    name="nano-spelt",
    passages=PASSAGES,
    stages=(
        *(stage for stage in NANO.stages if stage.name not in ("again", "further")),
        Stage(
            "spelt", (E1, E2), TOGETHER, 1_500, 128, ((E1, 2e-4), (E2, 3e-4)), SPACED_NOISE, 0.15, spaced=True,
            spelt=True,
        ),
    ),
)  # fmt: skip
