"""Suite `reranking`: captions of the same picture before captions that share words (Multi30k), query mistyped or not.

The query is the first caption of a picture, the candidates are its other captions and, of 200 captions drawn from
other pictures, the 20 that share most words with the query. Mean average precision; candidates stay clean.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from sklearn.metrics import average_precision_score

from benchmarks.peers import Candidate
from benchmarks.suite import Suite
from benchmarks.texts.clean_and_noisy import CleanAndNoisy, metrics_of, retained_of
from benchmarks.texts.columns import read_columns
from benchmarks.texts.word_overlap import hard_negatives, words_of
from tiered_st.evaluation import unit_vectors
from tiered_st.noise import seeded

NAME = "Multi30k"
AMONG, NEGATIVES = 200, 20


class Reranking(CleanAndNoisy):
    """Rank, for each query, its own few candidates by cosine."""

    suite = "reranking"

    def __init__(self, groups: Sequence[Sequence[str]]) -> None:
        groups = [group for group in groups if len(group) > 1]
        if len(groups) < 2:
            raise ValueError("need two groups of texts or more: this is not the kit's file.")
        super().__init__((NAME,), f"{NAME} captions, {len(groups):,} queries, up to {NEGATIVES} negatives each")
        self.queries = [group[0] for group in groups]
        self.documents = [text for group in groups for text in group[1:]]
        words, start = [words_of(text) for text in self.documents], 0
        self.candidates: list[tuple[list[int], list[int]]] = []  # per query: rows of documents, relevance 0 or 1
        for i, group in enumerate(groups):
            own = list(range(start, start + len(group) - 1))
            start += len(own)
            rng = seeded("candidates", i)
            others = hard_negatives(group[0], words, set(own), rng, count=NEGATIVES, among=AMONG)
            self.candidates.append((own + others, [1] * len(own) + [0] * len(others)))

    def texts(self, name: str) -> Sequence[str]:
        return self.queries

    def fixed(self, name: str) -> Iterable[str]:
        return [*self.documents, *map(repr, self.candidates)]

    def measure(self, model: Candidate, name: str, texts: Sequence[str], seed: int) -> float:
        def encode(some: Sequence[str]) -> np.ndarray:
            return unit_vectors(model, some, batch_size=model.batch_size)

        documents = self.once(model, name, lambda: encode(self.documents))  # (documents, dimension)
        precisions = [
            average_precision_score(relevant, documents[rows] @ query)
            for query, (rows, relevant) in zip(encode(texts), self.candidates, strict=True)
        ]
        return 100.0 * float(np.mean(precisions))


def load(data: Path | None) -> Reranking:
    """Read the kit's captions."""
    return Reranking([group for (group,) in read_columns(data, "dev_multi30k_captions.parquet", "captions_en")])


SUITE = Suite(
    name="reranking",
    title="Captions of one picture before similar ones (mean average precision × 100)",
    metrics=metrics_of(NAME),
    load=load,
    retained=retained_of(NAME),
)
