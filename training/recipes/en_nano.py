"""The smallest English model: a small E1 of its own, and one layer that weighs and mixes what it recognised."""

from dataclasses import replace

from training.english import PASSAGES, SEARCHES
from training.recipe import Stage
from training.recipes.en_small import CONFIG, E1, E2, GRADE, MEAN, READ, RECOGNISE, SPELL, TEXT_NOISE, WORD_NOISE
from training.recipes.en_small import RECIPE as SMALL

RECIPE = replace(
    SMALL,
    name="en-nano",
    config=CONFIG.replace(memory_slots=12_288, memory_width=80, memory_values=96, projector_hidden=512),
    warm_start=(0,),
    warm_ffn=768,
    passages=PASSAGES,
    searches=SEARCHES,
    notes='Version 3 went on from the int8 weights of version 2, which the stages before "passages" had made.',
    max_seq_length=160,
    stages=(
        #     name         learns    objectives   steps  batch  peak learning rates        noise             views
        Stage("recognise", (E1,),    RECOGNISE,   1_500,  512, ((E1, 3e-3),),             WORD_NOISE, 0.15, views=3),
        Stage("spell",     (E1,),    SPELL,         800,  512, ((E1, 2e-3),),             WORD_NOISE, 0.15, views=3),
        Stage("mean",      (E1, E2), MEAN,        2_000,  128, ((E1, 3e-4), (E2, 6e-4)),  TEXT_NOISE, 0.15, views=1),
        Stage("grade",     (E1, E2), GRADE,         200,  128, ((E1, 1e-4), (E2, 1e-4)),  TEXT_NOISE, 0.15, views=1),
        Stage("passages",  (E2,),    READ,          900,  128, ((E2, 3e-4),),             TEXT_NOISE, 0.15, views=1),
    ),
)  # fmt: skip
