"""Fine-tune E2 for a task: graded similarity, on STS-B's train split. E1 and the projector stay as they are."""

from dataclasses import replace

from training.english import MISSPELLINGS, STS_TRAIN
from training.recipe import Recipe, Stage
from training.recipes.en_small import TEXT_NOISE

E2 = "semantic_encoder"
FINE_NOISE = replace(TEXT_NOISE, rates=(0.02, 0.15))  # the levels people type at

RECIPE = Recipe(
    name="en-small-similarity",
    start="en-small", config=None, storage="int8",
    texts=(), scored=(STS_TRAIN,), misspellings=MISSPELLINGS,
    stages=(
        #     name    learns  objectives        steps batch  rate          noise
        Stage("tune", (E2,), (("sts", 1.0),),   400,   64,  ((E2, 2e-5),), FINE_NOISE, 0.15),
    ),
)  # fmt: skip
