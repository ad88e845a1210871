"""Judges for recipes of English and Spanish: rows of training tables, for the dev sets are what is reported."""

from training.english_judges import JUDGES as ENGLISH
from training.judging import Judge
from training.sources import Source
from training.spanish import STS_TRAIN

QUESTIONS = Source("es_train_pairs_squad_mt", ("question", "passage"), lengths=(1, 450))
TRANSLATIONS = Source("train_parallel_tatoeba_en_es", ("foreign", "en"))

JUDGES = (
    #     name            kind          table         rows       rates
    next(judge for judge in ENGLISH if judge.name == "sts"),
    Judge("es_sts",       "similarity", STS_TRAIN,    rows=300, rates=(0.0, 0.1, 0.2)),
    Judge("es_questions", "retrieval",  QUESTIONS,    rows=300, rates=(0.0, 0.1)),
    Judge("translations", "retrieval",  TRANSLATIONS, rows=400, rates=(0.0, 0.1)),
)  # fmt: skip
