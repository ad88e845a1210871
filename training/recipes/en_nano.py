"""The smallest English model: a small E1 of its own, and one layer that weighs and mixes what it recognised."""

from dataclasses import replace

from training.recipe import Stage
from training.recipes.en_small import (
    ANSWER,
    CONFIG,
    DETAIL,
    E1,
    E2,
    GRADE,
    MEAN,
    READ,
    RECOGNISE,
    RELEVANCE,
    SCALE,
    SPACED_NOISE,
    SPELL,
    TEXT_NOISE,
    TOGETHER,
    WORD_NOISE,
)
from training.recipes.en_small import RECIPE as SMALL

# Scans take the place of typos here too. Words alone gained nothing from these steps: see benchmarks/RESULTS.md.
SCANNED_NOISE = replace(WORD_NOISE, weights=(("typos", 0.70), ("ocr", 0.15), ("homoglyphs", 0.03), ("delete", 0.04)))
# It has room to gain of search what the larger models have.
SEARCH = (*TOGETHER, ("relevance", 0.3, 1.0, RELEVANCE))
REREAD = (("recognition", 0.75, 1.0, dict(readings=50)), ("mimicry", 0.25, 1.0))

RECIPE = replace(
    SMALL,
    name="en-nano",
    config=CONFIG.replace(memory_slots=12_288, memory_width=80, memory_values=96, projector_hidden=512),
    warm_start=(0,),
    warm_ffn=768,
    spelling_words=20_000,
    notes='Version 3 went on from the int8 weights of version 2, which the stages before "passages" had made; version '
    "5, with seed 1, from those of version 4, and version 6, with seed 2, from those of version 5. Stages before "
    '"scale", and "search", read english.PASSAGES; those from "articles" on read ARTICLES. Version 7 '
    "is version 6 with spelling_words; version 8 the mean of "
    'what "again" (seed 5) and "further" (seed 6) left of it: training.average. Version 9 is the mean of what "search" '
    "made of the int8 weights of version 8 with seeds 0, 1 and, in twice the steps, 2. Version 10 is the mean of what "
    '"articles" (seed 11) and "onwards" (seed 12) left of version 9. Version 11 is version 10 with a context of '
    'misspellings: training.spelling_context. Version 12 is the mean of version 11 and of what "asked" (seed 13) left '
    'of it, with a context of its own; stages before "asked" read QUERIES, and of 9,000 articles. '
    "Version 13 is version 12 with a context that reads words by itself: training.spelling_context.",
    stages=(
        #     name         learns    objectives   steps  batch  peak learning rates        noise             views
        Stage("recognise", (E1,),    RECOGNISE,   1_500,  512, ((E1, 3e-3),),             WORD_NOISE, 0.15, views=3),
        Stage("spell",     (E1,),    SPELL,         800,  512, ((E1, 2e-3),),             WORD_NOISE, 0.15, views=3),
        Stage("mean",      (E1, E2), MEAN,        2_000,  128, ((E1, 3e-4), (E2, 6e-4)),  TEXT_NOISE, 0.15, views=1),
        Stage("grade",     (E1, E2), GRADE,         200,  128, ((E1, 1e-4), (E2, 1e-4)),  TEXT_NOISE, 0.15, views=1),
        Stage("passages",  (E2,),    READ,          900,  128, ((E2, 3e-4),),             TEXT_NOISE, 0.15, views=1),
        Stage("reread",    (E1,),    REREAD,      700,    512, ((E1, 1.5e-3),),           SCANNED_NOISE, 0.25, views=3,
              word_power=0.6),
        Stage("together",  (E1, E2), TOGETHER,    2_500,  128, ((E1, 3e-4), (E2, 5e-4)),  SPACED_NOISE, 0.15, views=1,
              spaced=True),
        Stage("scale",     (E1, E2), SCALE,       2_303,  256, ((E1, 3e-4), (E2, 5e-4)),  SPACED_NOISE, 0.15, views=1,
              spaced=True),
        Stage("again",     (E1, E2), SCALE,       2_800,  256, ((E1, 3e-4), (E2, 5e-4)),  SPACED_NOISE, 0.15, views=1,
              spaced=True),
        Stage("further",   (E1, E2), SCALE,       1_848,  256, ((E1, 3e-4), (E2, 5e-4)),  SPACED_NOISE, 0.15, views=1,
              spaced=True),
        Stage("search",    (E1, E2), SEARCH,        800,  128, ((E1, 1.5e-4), (E2, 3e-4)), SPACED_NOISE, 0.15, views=1,
              spaced=True),
        Stage("articles",  (E1, E2), ANSWER,        527,  384, ((E1, 2e-4), (E2, 5e-4)), SPACED_NOISE, 0.15, views=1,
              spaced=True),
        Stage("onwards",   (E1, E2), ANSWER,      860,  384, ((E1, 2e-4), (E2, 5e-4)), SPACED_NOISE, 0.15, views=1,
              spaced=True),
        Stage("asked",     (E1, E2), DETAIL,      1_000,  384, ((E1, 2e-4), (E2, 5e-4)), SPACED_NOISE, 0.15, views=1,
              spaced=True),
    ),
)  # fmt: skip
