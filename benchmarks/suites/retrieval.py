"""Suite `retrieval`: documents found by questions, clean and mistyped: XQuAD (English), Cranfield, CISI.

Judgements keep their grades. Documents are always clean, with their title in front where the collection has one.
A model that ranks documents itself, such as BM25, is asked for its ranking instead of vectors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.ndcg import DEPTH, ndcg
from benchmarks.peers import Candidate
from benchmarks.suite import Suite
from benchmarks.texts.clean_and_noisy import CleanAndNoisy, metrics_of, retained_of
from benchmarks.texts.collections import COLLECTIONS, Collection, read_collection
from tiered_st.evaluation import unit_vectors


class TypoRetrieval(CleanAndNoisy):
    """Rank all documents for each question by cosine, or as a model that ranks says; documents are always clean."""

    suite = "retrieval"
    takes_rankings = True  # a model need not have vectors

    def __init__(self, collections: Mapping[str, Collection]) -> None:
        self.sets: dict[str, Collection] = {}
        for name, (queries, corpus, qrels) in collections.items():
            grades = {id: {doc: rel for doc, rel in found.items() if rel > 0} for id, found in qrels.items()}
            judged = {id: text for id, text in queries.items() if grades.get(id)}
            if not judged or not corpus:
                raise ValueError(f"{name}: no question with a relevant document is left: this is not the kit's data.")
            self.sets[name] = Collection(judged, dict(corpus), grades)
        counts = (f"{name}, {len(s.queries):,} questions, {len(s.corpus):,} documents" for name, s in self.sets.items())
        super().__init__(self.sets, "; ".join(counts))

    def texts(self, name: str) -> Sequence[str]:
        return list(self.sets[name].queries.values())

    def fixed(self, name: str) -> Iterable[str]:
        queries, corpus, qrels = self.sets[name]
        return [*corpus, *corpus.values(), *(f"{id} {sorted(qrels[id].items())!r}" for id in queries)]

    def measure(self, model: Candidate, name: str, texts: Sequence[str], seed: int) -> float:
        queries, corpus, qrels = self.sets[name]
        documents, ids = list(corpus.values()), list(corpus)
        if model.ranks:
            best = model.rank(list(texts), documents, depth=DEPTH)  # (questions, DEPTH)
        else:
            model.learn(documents)
            size = model.batch_size
            vectors = self.once(model, name, lambda: unit_vectors(model.documents, documents, batch_size=size))
            scores = unit_vectors(model.queries, texts, batch_size=size) @ vectors.T  # (questions, documents)
            best = np.argsort(-scores, axis=1, kind="stable")[:, :DEPTH]
        rankings = ([ids[column] for column in row] for row in best)
        found = [ndcg(ranking, qrels[id]) for ranking, id in zip(rankings, queries, strict=True)]
        return 100.0 * sum(found) / len(found)


def load(data: Path | None) -> TypoRetrieval:
    """Read the kit's collections."""
    return TypoRetrieval({name: read_collection(data, file) for name, file in COLLECTIONS.items()})


SUITE = Suite(
    name="retrieval",
    title="Documents found by questions, mistyped at 10 % (nDCG@10 × 100)",
    metrics=metrics_of(*COLLECTIONS),
    load=load,
    retained=retained_of(*COLLECTIONS),
)
