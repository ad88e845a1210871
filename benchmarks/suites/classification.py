"""Suite `classification`: intents and tweets told apart by logistic regression on clean training texts.

The classifier learns from clean embeddings and is tested on clean and on mistyped texts: that is how a model meets
typos in use. Both splits hold at most so many texts per label, the same for every model, so that accuracy is not led
by the largest label and chance is one in the number of labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression

from benchmarks.peers import Candidate
from benchmarks.suite import Suite
from benchmarks.texts.clean_and_noisy import CleanAndNoisy, metrics_of, retained_of
from benchmarks.texts.columns import read_columns
from tiered_st.evaluation import unit_vectors
from tiered_st.noise import seeded

TWEETS = "dev_tweeteval_offensive_sentiment.parquet"
# The kit has no training split of TweetEval's sentiment: its validation split serves.
SPLITS = {"offensive": ("train", "test"), "sentiment": ("val", "test")}
PER_LABEL = {"Banking77": (20, 20), "offensive": (1000, 240), "sentiment": (300, 500)}  # training, test


class Labelled(NamedTuple):
    """Texts with the name of their class."""

    texts: Sequence[str]
    labels: Sequence[str]


def balanced(rows: Iterable[tuple[str, str]], per_label: int, *key: str) -> Labelled:
    """Keep at most ``per_label`` of the (text, label) rows of each label, drawn by ``key``, in their order.

    Raises:
        ValueError: If fewer than two labels are left to be told apart.
    """
    by_label: dict[str, list[tuple[int, str]]] = {}
    for row, (text, label) in enumerate(rows):
        by_label.setdefault(label, []).append((row, text))
    if len(by_label) < 2:
        raise ValueError(
            f"{' '.join(key)} needs at least two labels, got {sorted(by_label)}: it is not the kit's file."
        )
    kept: list[tuple[int, str, str]] = []
    for label in sorted(by_label):
        rng = seeded("balanced", *key, label)
        drawn = sorted((rng.random(), row, text) for row, text in by_label[label])
        kept += [(row, text, label) for _, row, text in drawn[:per_label]]
    kept.sort()
    return Labelled([text for _, text, _ in kept], [label for _, _, label in kept])


class TextClassification(CleanAndNoisy):
    """Learn from clean texts, predict the labels of test texts."""

    suite = "classification"

    def __init__(self, sets: Mapping[str, tuple[Labelled, Labelled]]) -> None:
        counts = (
            f"{name}, {len(train.texts):,} training and {len(test.texts):,} test texts, {len(set(train.labels))} labels"
            for name, (train, test) in sets.items()
        )
        super().__init__(sets, "; ".join(counts))
        self.sets = sets

    def texts(self, name: str) -> Sequence[str]:
        return self.sets[name][1].texts

    def fixed(self, name: str) -> Iterable[str]:
        train, test = self.sets[name]
        return [*test.labels, *train.texts, *train.labels]

    def measure(self, model: Candidate, name: str, texts: Sequence[str], seed: int) -> float:
        train, test = self.sets[name]

        def fit() -> Any:
            vectors = unit_vectors(model, train.texts, batch_size=model.batch_size)  # (texts, dimension)
            # Unit vectors have small coordinates: at the default C = 1 the penalty, not the text, decides.
            return LogisticRegression(C=10.0, max_iter=1000).fit(vectors, train.labels)

        classifier = self.once(model, name, fit)
        found = classifier.predict(unit_vectors(model, texts, batch_size=model.batch_size))
        return 100.0 * float(np.mean(found == np.array(test.labels)))


def load(data: Path | None) -> TextClassification:
    """Read the kit's Banking77 and TweetEval."""
    sets: dict[str, tuple[Labelled, Labelled]] = {}
    rows = read_columns(data, "dev_banking77.parquet", "text", "intent", "split")
    halves = ([row[:2] for row in rows if (row[2] == "train") is learns] for learns in (True, False))
    sets["Banking77"] = _balanced("Banking77", *halves)
    tweets = read_columns(data, TWEETS, "text", "label", "task", "split")
    for task, splits in SPLITS.items():
        halves = ([row[:2] for row in tweets if row[2:] == (task, split)] for split in splits)
        sets[task] = _balanced(task, *halves)
    return TextClassification(sets)


def _balanced(name: str, train: Iterable[Any], test: Iterable[Any]) -> tuple[Labelled, Labelled]:
    learnt, tested = PER_LABEL[name]
    return balanced(train, learnt, name, "train"), balanced(test, tested, name, "test")


SUITE = Suite(
    name="classification",
    title="Classification, trained on clean text (accuracy, %)",
    metrics=metrics_of(*PER_LABEL),
    load=load,
    retained=retained_of(*PER_LABEL),
)
