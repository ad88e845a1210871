"""What `scratch` is measured against: a Transformer over wordpieces, of its size, on its data, losses and steps."""

from dataclasses import replace

from training.baselines.subword import SubwordConfig
from training.recipe import Stage
from training.recipes import scratch
from training.recipes.scratch import E2, MEAN

STEPS = sum(stage.steps for stage in scratch.RECIPE.stages)

RECIPE = replace(
    scratch.RECIPE,
    name="subword-baseline",
    config=SubwordConfig(vocabulary=17_000, sem_layers=4, sem_ffn=1024),
    stages=(Stage("joint", (E2,), MEAN, STEPS, 256, ((E2, 5e-4),), scratch.TEXT_NOISE, 0.15, chunks=64),),
)
