"""The shipped English model: E1 learns to recognise misspelt words, then E2, MiniLM's six layers, learns to read E1.

At last both learn together from texts of every length, whose spaces are read by the list of words that ships.
"""

from dataclasses import replace

from tiered_st.config import TieredConfig
from tiered_st.noise import NoisePolicy
from training.english import (
    ARTICLES,
    ASKED,
    CANDIDATES,
    FREQUENCIES,
    MISSPELLINGS,
    PAIRS,
    QUERIES,
    SEARCHES,
    STS_TRAIN,
    TEXTS,
    WIDE,
    WORDS,
)
from training.recipe import Recipe, Stage

WORD_NOISE = NoisePolicy(
    weights=(("typos", 0.76), ("ocr", 0.08), ("homoglyphs", 0.04), ("delete", 0.05)),
    rates=(0.05, 0.30), compound=0.05,
)  # fmt: skip
TEXT_NOISE = NoisePolicy(
    weights=(
        ("typos", 0.60), ("ocr", 0.10), ("drop_spaces", 0.11), ("insert_spaces", 0.09), ("punctuation", 0.04),
        ("homoglyphs", 0.03), ("case", 0.02),
    ),
    rates=(0.02, 0.25), extra_case=0.10, compound=0.15,
)  # fmt: skip
# Where spaces are read by a list, fewer of them are left to learn; scans, of which most is lost, take their place.
SPACED_NOISE = replace(
    TEXT_NOISE,
    weights=(
        ("typos", 0.62), ("ocr", 0.15), ("drop_spaces", 0.08), ("insert_spaces", 0.06), ("punctuation", 0.03),
        ("homoglyphs", 0.02), ("case", 0.02),
    ),
)  # fmt: skip

E1, E2 = "tiers", "semantic_encoder"
RECOGNISE = (("recognition", 1.0, 1.0),)
SPELL = (("recognition", 0.3, 0.5), ("mimicry", 0.7, 1.0))
MEAN = (("distillation", 0.8, 1.0), ("ranking", 0.2, 0.3))
GRADE = (("distillation", 0.5, 1.0), ("ranking", 0.1, 0.3), ("sts", 0.4, 0.3))
# Texts of every length, a batch of 5,000 chunks: sentences, passages cut at 192 chunks, documents at 510.
PASSAGE, DOCUMENT = dict(chunks=192, budget=6_000), dict(chunks=510, budget=5_000)
READ = (
    ("passage_distillation", 0.65, 1.0, DOCUMENT), ("retrieval", 0.15, 0.3, PASSAGE), ("ranking", 0.05, 0.3),
    ("sts", 0.15, 0.3),
)  # fmt: skip
TOGETHER = (
    ("distillation", 0.42, 1.0), ("passage_distillation", 0.18, 1.0, DOCUMENT), ("retrieval", 0.15, 0.3, PASSAGE),
    ("ranking", 0.07, 0.3), ("sts", 0.18, 0.3),
)  # fmt: skip
# The same for a GPU, whose batches are larger: a question is told from some 100 passages, not from 30.
SCALE = (
    ("passage_distillation", 0.60, 1.0, dict(chunks=510, budget=14_000)),
    ("retrieval", 0.20, 0.3, dict(chunks=192, budget=20_000)), ("ranking", 0.08, 0.3), ("sts", 0.12, 0.3),
)  # fmt: skip
# What a second teacher finds that answers a question, beside what keeps similar sentences where they were.
RELEVANCE = PASSAGE | dict(teacher_temperature=0.01)
SEARCH = (
    ("distillation", 0.42, 1.0), ("passage_distillation", 0.18, 1.0, DOCUMENT), ("retrieval", 0.08, 0.3, PASSAGE),
    ("ranking", 0.07, 0.3), ("sts", 0.23, 0.3), ("relevance", 0.3, 1.0, RELEVANCE),
)  # fmt: skip
# And for a GPU, which larger batches fill: articles in passages, and what of them answers a question.
ANSWER = (
    ("passage_distillation", 0.55, 1.0, dict(chunks=510, budget=20_000)),
    ("retrieval", 0.10, 0.3, dict(chunks=192, budget=20_000)), ("ranking", 0.05, 0.3), ("sts", 0.12, 0.3),
    ("relevance", 0.22, 1.0, RELEVANCE | dict(budget=28_000)),
)  # fmt: skip
# The same, once more of it is about what passages of one article tell apart: questions made of them.
DETAIL = (
    ("passage_distillation", 0.42, 1.0, dict(chunks=510, budget=20_000)),
    ("retrieval", 0.06, 0.3, dict(chunks=192, budget=20_000)), ("ranking", 0.04, 0.3), ("sts", 0.12, 0.3),
    ("relevance", 0.36, 1.0, RELEVANCE | dict(budget=28_000)),
)  # fmt: skip
CONFIG = TieredConfig(
    char_layers=0, ngram_buckets=26_624, ngram_width=64, memory_slots=20_480, memory_width=96, memory_values=128,
    projector_hidden=704, dropout=0.0, pool_marks=False,
)  # fmt: skip  # E2's body is the teacher's

RECIPE = Recipe(
    name="en-small",
    config=CONFIG,
    teacher="sentence-transformers/all-MiniLM-L6-v2",
    texts=TEXTS, pairs=PAIRS, passages=(*WIDE, ARTICLES), searches=SEARCHES, scored=(STS_TRAIN,),
    misspellings=MISSPELLINGS, words=WORDS, frequencies=FREQUENCIES, word_power=0.7, word_listed=0.2,
    relater="intfloat/multilingual-e5-small", queries=(*QUERIES, ASKED),
    candidates=(*CANDIDATES, ARTICLES),
    notes='Version 4 went on, with seed 1, from the int8 weights of version 3, which the stages before "together" had '
    'made; version 5, with seed 2, from those of version 4. Stages before "scale", and "search", '
    'read english.PASSAGES; those from "articles" on read ARTICLES. Version 6 is version 5 with spelling_words. '
    'Version 7 is the mean of what "again" (seed 5) '
    'and "further" (seed 6) left of it: training.average. Version 8 is the mean of version 7, of what "search" (seed '
    '0) made of its int8 weights, and of what "small-sure" of ablate_relevance (seed 7) did. Version 9 is the mean of '
    'version 8 and of what "articles" (seed 11) and "onwards" (seed 12) left of it. Version 10 is version 9 with a '
    'context of misspellings: training.spelling_context. Version 11 is the mean of version 10 and of what "asked" '
    '(seed 13) left of it, with a context of its own; stages before "asked" read QUERIES, and of 9,000 articles. '
    "Version 12 is version 11 with a context that reads words by itself: training.spelling_context.",
    storage="int8", max_seq_length=160, spacing_words=80_000, spelling_words=30_000,
    stages=(
        #     name         learns    objectives   steps  batch  peak learning rates          noise             views
        Stage("recognise", (E1,),    RECOGNISE,   1_500,  512, ((E1, 3e-3),),               WORD_NOISE, 0.15, views=3),
        Stage("spell",     (E1,),    SPELL,       1_500,  512, ((E1, 1.5e-3),),             WORD_NOISE, 0.15, views=3,
              word_power=0.35),  # rare words, which have no slot, take the most practice
        Stage("joint",     (E1, E2), MEAN,        1_200,  128, ((E1, 1.5e-4), (E2, 1e-4)),  TEXT_NOISE, 0.15, views=1),
        Stage("grade",     (E1, E2), GRADE,         700,  128, ((E1, 1e-4), (E2, 4e-5)),    TEXT_NOISE, 0.15, views=1),
        Stage("together",  (E1, E2), TOGETHER,    2_600,  128, ((E1, 2e-4), (E2, 1e-4)),    SPACED_NOISE, 0.15, views=1,
              spaced=True),
        Stage("scale",     (E1, E2), SCALE,       2_021,  256, ((E1, 2e-4), (E2, 1e-4)),    SPACED_NOISE, 0.15, views=1,
              spaced=True),
        Stage("again",     (E1, E2), SCALE,       2_200,  256, ((E1, 2e-4), (E2, 1e-4)),    SPACED_NOISE, 0.15, views=1,
              spaced=True),
        Stage("further",   (E1, E2), SCALE,       1_452,  256, ((E1, 2e-4), (E2, 1e-4)),    SPACED_NOISE, 0.15, views=1,
              spaced=True),
        Stage("search",    (E1, E2), SEARCH,        900,  128, ((E1, 1.2e-4), (E2, 1.5e-4)), SPACED_NOISE, 0.15,
              views=1, spaced=True),
        Stage("articles",  (E1, E2), ANSWER,        668,  384, ((E1, 2e-4), (E2, 1.2e-4)), SPACED_NOISE, 0.15, views=1,
              spaced=True),
        Stage("onwards",   (E1, E2), ANSWER,      1_104,  384, ((E1, 2e-4), (E2, 1.2e-4)), SPACED_NOISE, 0.15, views=1,
              spaced=True),
        Stage("asked",     (E1, E2), DETAIL,        800,  384, ((E1, 2e-4), (E2, 1.2e-4)), SPACED_NOISE, 0.15, views=1,
              spaced=True),
    ),
)  # fmt: skip
