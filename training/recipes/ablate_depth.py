"""Does E1 recognise more words with layers between n-grams and pooling? Rows have equal minutes, not equal steps.

`python -m benchmarks.recognition RUN/model` says what came of a row; E2 learns nothing and is asked nothing.
"""

from dataclasses import replace
from typing import Any

from tiered_st.config import TieredConfig
from training.recipe import Recipe, Stage
from training.recipes.en_nano import RECIPE as NANO
from training.recipes.en_small import E1, RECOGNISE, WORD_NOISE

STEPS = 1_000  # of the row without layers


def _row(name: str, share: float = 1.0, **settings: Any) -> Recipe:
    """Return a row that has time for so much of the steps."""
    assert isinstance(NANO.config, TieredConfig)
    stage = Stage("recognise", (E1,), RECOGNISE, round(share * STEPS), 512, ((E1, 3e-3),), WORD_NOISE, 0.15, views=3)
    return replace(
        NANO, name=name, config=NANO.config.replace(**settings), stages=(stage,), spacing_words=0, spelling_words=0,
        scored=(), pairs=(), passages=(), searches=(),
    )  # fmt: skip


RECIPES = {
    recipe.name: recipe
    for recipe in (
        _row("no-layer"),
        _row("convolution", char_layers=1, char_mixer="convolution"),
        _row("transformer", char_layers=1),
        _row("wide-ngrams", ngram_width=128),
    )
}
