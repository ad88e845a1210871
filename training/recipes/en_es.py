"""English and Spanish in one space: en-small's memory grows by Spanish words, then E1 and E2 learn to read both.

A new word's slot begins with what the word's translations mean to en-small, so that a Spanish text is read, before E2
has learned anything, as its English words in Spanish order. `training.growth` has the details, and YOUR_LANGUAGE.md
what to do for another language.
"""

from dataclasses import replace

from tiered_st.noise import NoisePolicy
from training import english, spanish
from training.growth import Growth
from training.recipe import Recipe, Stage
from training.recipes.en_small import E1, E2, SPACED_NOISE, TEXT_NOISE
from training.sources import at_most
from training.spanish_judges import JUDGES

# Spanish is read without its accents, so that noise of accents would be none.
READING = dict(fold_accents=True, ordinals=True, decimal_commas=True, split_hashtags=True)

WORD_NOISE = NoisePolicy(
    weights=(
        ("typos", 0.40), ("es_typos", 0.34), ("es_sounds", 0.08), ("ocr", 0.07), ("homoglyphs", 0.03), ("delete", 0.04),
        ("stretches", 0.02),
    ),
    rates=(0.05, 0.30), compound=0.05,
)  # fmt: skip
SPANISH_NOISE = NoisePolicy(
    weights=(
        ("es_typos", 0.50), ("es_sounds", 0.08), ("es_homophones", 0.04), ("es_chat", 0.05), ("stretches", 0.02),
        ("es_opening_marks", 0.03), ("ocr", 0.07), ("drop_spaces", 0.08), ("insert_spaces", 0.07),
        ("punctuation", 0.03), ("case", 0.03),
    ),
    rates=(0.02, 0.25), extra_case=0.10, compound=0.20,
)  # fmt: skip

SPELL = (("recognition", 0.4, 1.0), ("mimicry", 0.6, 1.0))
SPANISH = dict(noise=SPANISH_NOISE, switched=0.12, chunks=64, budget=10_000)
PASSAGE, DOCUMENT = dict(chunks=192, budget=12_000), dict(chunks=510, budget=10_000)
BOTH = (
    ("parallel_distillation", 0.48, 1.0, SPANISH), ("passage_distillation", 0.2, 1.0, DOCUMENT),
    ("retrieval", 0.12, 0.3, PASSAGE), ("ranking", 0.07, 0.3), ("sts", 0.13, 0.3),
)  # fmt: skip
# Passages, and questions with what answers them, in either language: half of what is read in Spanish is a translation.
SCALE = (
    ("parallel_distillation", 0.36, 1.0, SPANISH | dict(chunks=256, budget=24_000)),
    ("passage_distillation", 0.32, 1.0, dict(chunks=510, budget=14_000)),
    ("retrieval", 0.16, 0.3, dict(chunks=192, budget=14_000)), ("ranking", 0.05, 0.3), ("sts", 0.11, 0.3),
)  # fmt: skip
SETTLE = (
    ("parallel_distillation", 0.40, 1.0, SPANISH | dict(chunks=256, budget=7_000)),
    ("passage_distillation", 0.24, 1.0, dict(chunks=510, budget=6_000)),
    ("retrieval", 0.19, 0.3, dict(chunks=192, budget=6_000)), ("ranking", 0.04, 0.3), ("sts", 0.13, 0.3),
)  # fmt: skip
TATOEBA, UI, DOCS, QUESTIONS = spanish.PARALLEL
PARALLEL = (replace(TATOEBA, limit=0), replace(UI, limit=30_000), replace(DOCS, limit=36_000), QUESTIONS)

RECIPE = Recipe(
    name="en-es",
    config=None, start="en-small", growth=Growth(of="en_small", memory_slots=36_864, reading=READING),
    teacher="sentence-transformers/all-MiniLM-L6-v2",
    texts=english.TEXTS + spanish.TEXTS,
    pairs=PARALLEL + spanish.PAIRS + at_most(12_000, english.PAIRS[:4]),
    passages=english.WIDE,
    searches=at_most(6_000, english.SEARCHES) + spanish.SEARCHES + at_most(12_000, spanish.TRANSLATED_SEARCHES),
    scored=(english.STS_TRAIN, spanish.STS_TRAIN),
    parallel=PARALLEL + spanish.TRANSLATED + spanish.BACK, forms=spanish.FORMS,
    misspellings=(english.MISSPELLINGS, spanish.MISSPELLINGS),
    words=english.WORDS + spanish.WORDS, frequencies=english.FREQUENCIES + spanish.FREQUENCIES,
    word_power=0.7, word_listed=0.2,
    judges=JUDGES,
    storage="int8", max_seq_length=160, spacing_words=120_000, spelling_words=40_000,
    notes='Version 2 is version 1 with spacing_words, whose training began with en-small 2 and went on from the int8 '
    'weights of "words", then of "both". Version 3 went on from those of version 2: "scale" was cut off at a time '
    'when its rates were to fall over 1,088 steps, and translations ran into each other at line ends; "settle" went '
    'on from there with about a fifth of the parallel texts and english.PASSAGES. Version 4 is version 3 with '
    'spelling_words. Version 5 is the mean of what "again" (seed 5) and "further" (seed 6), which read BACK for '
    "TRANSLATED, left of it: training.average. Version 6 is the mean of version 5 and of what recipe es_search "
    "(seed 0) made of its int8 weights; version 7 that of version 6 and of what es_articles (seed 1) made of these. "
    "Version 8 is version 7 with a context of misspellings: training.spelling_context. Version 9 is the mean of what "
    "es_asked left of version 8 with seed 13 and, in 600 steps, with seed 14, with a context of its own.",
    stages=(
        #     name     learns    objectives steps  batch  peak learning rates           noise             views
        Stage("words", (E1,),    SPELL,       400,   512, ((E1, 1e-3),),                WORD_NOISE, 0.15, views=2,
              word_power=0.5),
        Stage("both",  (E1, E2), BOTH,      1_600,   256, ((E1, 2e-4), (E2, 1.5e-4)),   TEXT_NOISE, 0.15, views=1,
              judged=4, keep="best"),
        Stage("more",  (E1, E2), BOTH,        900,   256, ((E1, 1e-4), (E2, 8e-5)),     TEXT_NOISE, 0.15, views=1,
              judged=3),
        Stage("scale", (E1, E2), SCALE,       612,   256, ((E1, 2e-4), (E2, 1.5e-4)),   SPACED_NOISE, 0.15, views=1,
              spaced=True),
        Stage("settle", (E1, E2), SETTLE,   1_000,   128, ((E1, 1.2e-4), (E2, 9e-5)),   SPACED_NOISE, 0.15, views=1,
              spaced=True),
        Stage("again", (E1, E2), SCALE,     1_300,   256, ((E1, 2e-4), (E2, 1.5e-4)),   SPACED_NOISE, 0.15, views=1,
              spaced=True),
        Stage("further", (E1, E2), SCALE,     650,   256, ((E1, 2e-4), (E2, 1.5e-4)),   SPACED_NOISE, 0.15, views=1,
              spaced=True),
    ),
)  # fmt: skip
