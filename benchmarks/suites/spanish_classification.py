"""Suite `spanish_classification`: Spanish intents and tweets told apart by logistic regression on clean training texts.

As suite `classification`, with texts mistyped on the Spanish keyboard: what one asks an assistant (alarms, reminders,
weather), the sentiment of tweets, and their emotion.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.suite import Suite
from benchmarks.suites.classification import Labelled, TextClassification, balanced
from benchmarks.texts.clean_and_noisy import metrics_of, retained_of
from benchmarks.texts.columns import read_columns
from benchmarks.texts.spanish import mistyped_in

# File, column of labels, training and test split, and how many texts of a label each may hold.
SETS = {
    "intents": ("es_dev_mtod_intents", "intent", ("train", "eval"), (30, 50)),
    "sentiment": ("es_dev_tweets_sentiment", "label", ("train", "val"), (600, 108)),
    "emotion": ("es_dev_tweets_emotion", "label", ("train", "dev"), (230, 100)),
}


class SpanishClassification(TextClassification):
    """Learn from clean Spanish texts, predict the labels of others."""

    suite = "spanish_classification"

    def mistyped(self, name: str, *, rate: float, seed: int) -> list[str]:
        return mistyped_in("es", f"{self.suite} {name}", self.texts(name), rate=rate, seed=seed)


def load(data: Path | None) -> SpanishClassification:
    """Read the kit's Spanish intents and tweets."""
    sets: dict[str, tuple[Labelled, Labelled]] = {}
    for name, (file, column, splits, most) in SETS.items():
        rows = read_columns(data, f"{file}.parquet", "text", column, "split")
        learnt, tested = (
            balanced(((text, label) for text, label, own in rows if own == split), count, name, split)
            for split, count in zip(splits, most, strict=True)
        )
        sets[name] = learnt, tested
    return SpanishClassification(sets)


SUITE = Suite(
    name="spanish_classification",
    title="Spanish classification, trained on clean text (accuracy, %)",
    metrics=metrics_of(*SETS),
    load=load,
    retained=retained_of(*SETS),
)
