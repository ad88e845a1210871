"""What `en_small` is measured against: MiniLM itself, fine-tuned on the noise, data, losses and steps of its version 3.

It has no E1 to teach spelling, so that the stages of words are out. Ours spends the minutes of 3,000 small steps there:
`--scale 1.5` gives them to this model as further steps of texts.
"""

from dataclasses import replace

from training.baselines.fine_tuned import FineTuned
from training.recipes import en_small
from training.recipes.en_small import E2

STAGES = tuple(
    # a token is less than a chunk, all the more where a word is misspelt
    replace(stage, learns=(E2,), rates=tuple(rate for rate in stage.rates if rate[0] == E2), chunks=2 * stage.chunks)
    for stage in en_small.RECIPE.stages
    if E2 in stage.learns and not stage.spaced  # which wordpieces are not
)

RECIPE = replace(
    en_small.RECIPE,
    name="minilm-noise",
    config=FineTuned(),
    stages=STAGES,
    storage="float32",
    max_seq_length=None,
    spacing_words=0,
    spelling_words=0,
)
