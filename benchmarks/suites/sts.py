"""Suite `sts`: pairs of sentences, graded (STS-B) or told from hard negatives (Quora, Twitter), clean and mistyped.

STS-B is Spearman's correlation of cosine and gold. The others hold pairs that mean the same; for each, a negative is
made of its first text and, of 100 texts drawn from other clusters, the one that shares most words with it. Average
precision of the cosine then says how well the pairs are told apart: 50 is chance, since half of them are negatives.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from sklearn.metrics import average_precision_score

from benchmarks.peers import Candidate
from benchmarks.suite import Suite
from benchmarks.texts.clean_and_noisy import CleanAndNoisy, metrics_of, retained_of
from benchmarks.texts.columns import read_columns
from benchmarks.texts.stsb import read_stsb
from benchmarks.texts.word_overlap import hard_negatives, words_of
from tiered_st.evaluation import spearman, unit_vectors
from tiered_st.noise import seeded

FILES = {"Quora": "dev_quora_dup.parquet", "Twitter": "dev_twitter_url.parquet"}
AMONG = 100  # texts drawn, of which the one with most words in common is the negative


class Pairs(NamedTuple):
    """Pairs of texts with what they are worth.

    Attributes:
        first: First text of each pair.
        second: Second text of each pair.
        gold: Similarity of each pair, or 1 for the same meaning and 0 for another.
        graded: Whether gold is a similarity.
    """

    first: Sequence[str]
    second: Sequence[str]
    gold: Sequence[float]
    graded: bool


class SentencePairs(CleanAndNoisy):
    """Compare both texts of every pair, both of them mistyped."""

    suite = "sts"

    def __init__(self, sets: Mapping[str, Pairs]) -> None:
        super().__init__(sets, "; ".join(f"{name}, {len(pairs.gold):,} pairs" for name, pairs in sets.items()))
        self.sets = sets

    def texts(self, name: str) -> Sequence[str]:
        return [*self.sets[name].first, *self.sets[name].second]

    def fixed(self, name: str) -> Iterable[str]:
        return map(repr, self.sets[name].gold)

    def measure(self, model: Candidate, name: str, texts: Sequence[str], seed: int) -> float:
        gold, half = self.sets[name].gold, len(texts) // 2
        vectors = unit_vectors(model, texts, batch_size=model.batch_size)  # (2 × pairs, dimension)
        cosines = (vectors[:half] * vectors[half:]).sum(axis=1)  # (pairs,)
        if self.sets[name].graded:
            return 100.0 * spearman(cosines, gold)
        return 100.0 * float(average_precision_score(gold, cosines))


def with_negatives(name: str, rows: Sequence[tuple[str, str, int]]) -> Pairs:
    """Put a hard negative behind every pair of (text, text of the same meaning, cluster).

    Raises:
        ValueError: If there are no two clusters.
    """
    if len({cluster for _, _, cluster in rows}) < 2:
        raise ValueError(
            f"{name} needs pairs of at least two clusters to take negatives from: it is not the kit's file."
        )
    groups = [words_of(second) for _, second, _ in rows]
    members: dict[int, set[int]] = {}
    for row, (_, _, cluster) in enumerate(rows):
        members.setdefault(cluster, set()).add(row)
    first: list[str] = []
    second: list[str] = []
    gold: list[float] = []
    for row, (text, same, cluster) in enumerate(rows):
        rng = seeded("negatives", name, row)
        found = hard_negatives(text, groups, members[cluster], rng, count=1, among=AMONG)
        # Where every draw fell into the text's own cluster, which large data never does, the next other row serves.
        other = found[0] if found else next(i for i in range(len(rows)) if i not in members[cluster])
        first += text, text
        second += same, rows[other][1]
        gold += 1.0, 0.0
    return Pairs(first, second, gold, graded=False)


def load(data: Path | None) -> SentencePairs:
    """Read the kit's pairs."""
    sets = {"STS-B": Pairs(*read_stsb(data), graded=True)}
    for name, file in FILES.items():
        sets[name] = with_negatives(name, read_columns(data, file, "s1", "s2", "cluster"))  # type: ignore[arg-type]
    return SentencePairs(sets)


NAMES = ("STS-B", *FILES)
SUITE = Suite(
    name="sts",
    title="Sentence pairs (STS-B: Spearman × 100; others: average precision × 100, chance 50)",
    metrics=metrics_of(*NAMES),
    load=load,
    retained=retained_of(*NAMES),
)
