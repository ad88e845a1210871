"""Judges for English recipes: rows of training tables, for the dev sets are what is reported.

A judgement reads some 3,500 texts. Articles of 300 words and more are left to the benchmark of long texts.
"""

from training.english import STS_TRAIN
from training.judging import Judge
from training.sources import Source

QUESTIONS = Source("train_pairs_qa_passage", ("question", "passage"), lengths=(1, 450))
ARTICLES = Source("docs_wikipedia_en", ("title", "text"), lengths=(150, 299))

JUDGES = (
    #     name         kind          table      rows       rates                     read
    Judge("sts",       "similarity", STS_TRAIN, rows=300, rates=(0.0, 0.1, 0.2)),
    Judge("questions", "retrieval",  QUESTIONS, rows=400, rates=(0.0, 0.1)),
    Judge("articles",  "retrieval",  ARTICLES,  rows=200, rates=(0.0,),           chunks=256),
)  # fmt: skip
