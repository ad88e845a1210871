"""Tried and not shipped: prototypes that are E1's own readings, then E2 alone learns to read that E1.

E1 reads misspelt words better, and the models are worse: see benchmarks/RESULTS.md, "Prototypes that are E1's own
readings". Both went on from the int8 weights of version 2, which the stages up to "grade" had made.
"""

from dataclasses import replace

from training.recipe import Recipe, Stage
from training.recipes import en_nano, en_small
from training.recipes.en_nano import REREAD
from training.recipes.en_small import E1, E2, READ, TEXT_NOISE, WORD_NOISE


def tried(recipe: Recipe, *, words: int, texts: int, rate: float) -> Recipe:
    """Return a recipe with so many further steps of words, then of texts at a peak rate."""
    stages = (
        *(stage for stage in recipe.stages if stage.name in ("recognise", "spell", "mean", "joint", "grade")),
        Stage("reread", (E1,), REREAD, words, 512, ((E1, 1.5e-3),), WORD_NOISE, 0.15, views=3, word_power=0.6),
        Stage("passages", (E2,), READ, texts, 128, ((E2, rate),), TEXT_NOISE, 0.15, views=1),
    )
    return replace(recipe, name=f"{recipe.name}-own-readings", spacing_words=0, spelling_words=0, stages=stages)


RECIPES = {
    "en_small": tried(en_small.RECIPE, words=560, texts=800, rate=8e-5),
    "en_nano": tried(en_nano.RECIPE, words=440, texts=900, rate=4e-4),
}
