"""Does E1 recognise more words with layers between n-grams and pooling? Rows have equal steps; logs say the minutes.

`python -m benchmarks.recognition RUN/model` says what came of a row; E2 learns nothing and is asked nothing.
"""

from dataclasses import replace
from typing import Any

from tiered_st.config import TieredConfig
from training.recipe import Recipe, Stage
from training.recipes.en_nano import RECIPE as NANO
from training.recipes.en_small import E1, RECOGNISE, WORD_NOISE

STAGE = Stage("recognise", (E1,), RECOGNISE, 1_000, 512, ((E1, 3e-3),), WORD_NOISE, 0.15, views=3)


def _row(name: str, **settings: Any) -> Recipe:
    """Return a row whose E1 is en-nano's but for these settings."""
    assert isinstance(NANO.config, TieredConfig)
    return replace(
        NANO, name=name, config=NANO.config.replace(**settings), stages=(STAGE,), spacing_words=0, spelling_words=0,
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
