"""The half-sized English model: E1 is en-small's (what ships has that of version 2), E2 two of MiniLM's layers."""

from dataclasses import replace

from training.recipe import Stage
from training.recipes.en_small import ANSWER, DETAIL, E1, E2, GRADE, MEAN, READ, SCALE, SEARCH, SPACED_NOISE, TEXT_NOISE
from training.recipes.en_small import RECIPE as SMALL

RECIPE = replace(
    SMALL,
    name="en-mini",
    e1="en-small",
    warm_start=(0, 5),
    notes='Version 3 went on from the int8 weights of version 2, which the stages before "passages" had made; '
    'version 5, with seed 2, from those of version 4. Stages before "scale", and "search", read english.PASSAGES; '
    'those from "articles" on read ARTICLES. '
    'Version 6 is version 5 with spelling_words. Version 7 is the mean of what "again" (seed 5) and "further" (seed 6) '
    'left of it: training.average. Version 8 is the mean of version 7, of what "search" (seed 0) made of its int8 '
    'weights, and of what "mini-sure" of ablate_relevance (seed 7) did. Version 9 is the mean of what "articles" (seed '
    '11) and "onwards" (seed 12) left of version 8. Version 10 is version 9 with a context of misspellings: '
    'training.spelling_context. Version 11 is the mean of version 10 and, counted twice, of what "asked" (seed 13) '
    'left of it, with a context of its own; stages before "asked" read QUERIES, and of 9,000 articles. '
    "Version 12 is version 11 with a context that reads words by itself: training.spelling_context.",
    stages=(
        #     name     learns  objectives  steps  batch  peak learning rates  noise             views
        Stage("mean",  (E2,),  MEAN,       4_600,   128, ((E2, 3e-4),),       TEXT_NOISE, 0.15, views=1),
        Stage("grade", (E2,),  GRADE,        300,   128, ((E2, 8e-5),),       TEXT_NOISE, 0.15, views=1),
        Stage("passages", (E2,), READ,       600,   128, ((E2, 2e-4),),       TEXT_NOISE, 0.15, views=1),
        Stage("scale", (E1, E2), SCALE,     2_303,   256, ((E1, 2e-4), (E2, 2.5e-4)), SPACED_NOISE, 0.15, views=1,
              spaced=True),
        Stage("again", (E1, E2), SCALE,     2_500,   256, ((E1, 2e-4), (E2, 2.5e-4)), SPACED_NOISE, 0.15, views=1,
              spaced=True),
        Stage("further", (E1, E2), SCALE,   1_650,   256, ((E1, 2e-4), (E2, 2.5e-4)), SPACED_NOISE, 0.15, views=1,
              spaced=True),
        Stage("search", (E1, E2), SEARCH,   1_000,   128, ((E1, 1.2e-4), (E2, 2.5e-4)), SPACED_NOISE, 0.15, views=1,
              spaced=True),
        Stage("articles",  (E1, E2), ANSWER,        960,  384, ((E1, 2e-4), (E2, 2.5e-4)), SPACED_NOISE, 0.15, views=1,
              spaced=True),
        Stage("onwards",   (E1, E2), ANSWER,      1_706,  384, ((E1, 2e-4), (E2, 2.5e-4)), SPACED_NOISE, 0.15, views=1,
              spaced=True),
        Stage("asked",     (E1, E2), DETAIL,      1_000,  384, ((E1, 2e-4), (E2, 2.5e-4)), SPACED_NOISE, 0.15, views=1,
              spaced=True),
    ),
)  # fmt: skip
