"""Suite `unseen_noise`: noise that no model of ours was trained on, so that a figure does not rest on that of training.

STS-B's pairs with both sentences changed, and XQuAD's questions (English) against clean paragraphs, under one kind of
`benchmarks.texts.unseen` at a time: typos on a keyboard by Dvorak, spelling by sound, what speech recognition mishears,
syllables swapped, texting, and one of these drawn for each text.

One model embeds some 27,000 texts with one seed (`benchmarks.cost`), 23,000 more with each further one.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from benchmarks.peers import Candidate
from benchmarks.suite import Condition, Suite
from benchmarks.suites.retrieval import TypoRetrieval
from benchmarks.suites.sts import Pairs, SentencePairs
from benchmarks.texts.clean_and_noisy import CleanAndNoisy
from benchmarks.texts.collections import read_collection
from benchmarks.texts.stsb import read_stsb
from benchmarks.texts.unseen import KINDS, MIXED, corrupt
from tiered_st.evaluation import digest
from tiered_st.noise import seeded

NAMES = ("STS-B", "XQuAD")
NOISES = (*KINDS, MIXED)


def metric_of(name: str, noise: str) -> str:
    """Return what a data set under a kind of noise is called; without noise by its name alone."""
    return f"{name}, {noise}" if noise else name


class UnseenNoise:
    """Measure data sets as their own suites do, their texts changed in other ways.

    Args:
        tasks: By the name of the one data set that each is asked for.
    """

    def __init__(self, tasks: Mapping[str, CleanAndNoisy]) -> None:
        self.tasks = dict(tasks)
        self.data = "; ".join(task.data for task in self.tasks.values())

    def conditions(self, seeds: int) -> list[Condition]:
        return [
            Condition(metric_of(name, noise), seed)
            for name in self.tasks
            for noise in ("", *NOISES)
            for seed in range(seeds if noise else 1)
        ]

    def seen(self, condition: Condition) -> list[str]:
        """Return the texts as the model sees them; what happens to text i depends on names, seed and i alone."""
        name, _, noise = condition.metric.partition(", ")
        texts = list(self.tasks[name].texts(name))
        if not noise:
            return texts
        return [
            corrupt(text, noise, seeded("unseen_noise", name, noise, condition.seed, i)) for i, text in enumerate(texts)
        ]

    def checksum(self, condition: Condition) -> str:
        name = condition.metric.partition(", ")[0]
        return digest([*self.seen(condition), *self.tasks[name].fixed(name)])

    def score(self, model: Candidate, condition: Condition) -> float:
        name = condition.metric.partition(", ")[0]
        return self.tasks[name].measure(model, name, self.seen(condition), condition.seed)


def load(data: Path | None) -> UnseenNoise:
    """Read the kit's pairs and paragraphs."""
    return UnseenNoise(
        {
            "STS-B": SentencePairs({"STS-B": Pairs(*read_stsb(data), graded=True)}),
            "XQuAD": TypoRetrieval({"XQuAD": read_collection(data, "xquad")}),
        }
    )


SUITE = Suite(
    name="unseen_noise",
    title="Noise that training never used (STS-B: Spearman × 100; XQuAD's questions: nDCG@10 × 100)",
    metrics=tuple(metric_of(name, noise) for name in NAMES for noise in ("", *NOISES)),
    load=load,
    retained=tuple((metric_of(name, MIXED), name) for name in NAMES),
    means={f"{name}, mean of the five": tuple(metric_of(name, kind) for kind in KINDS) for name in NAMES},
    tall=True,
)
