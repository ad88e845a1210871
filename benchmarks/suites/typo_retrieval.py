"""Suite `retrieval`: documents found by questions, clean and mistyped: XQuAD (English), Cranfield, CISI.

Judgements keep their grades. Documents are always clean, with their title in front where the collection has one.
A model that ranks documents itself, such as BM25, is asked for its ranking instead of vectors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import log2
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.peers import Candidate
from benchmarks.suites import Suite, read_columns
from benchmarks.suites.clean_and_noisy import CleanAndNoisy, metrics_of, retained_of
from tiered_st.evaluation import unit_vectors

COLLECTIONS = {"XQuAD": "xquad", "Cranfield": "cranfield", "CISI": "cisi"}
DEPTH = 10


def ndcg(ranking: Sequence[str], relevant: Mapping[str, float], *, depth: int = DEPTH) -> float:
    """Return the normalised discounted cumulative gain of a ranking, 0 to 1.

    The gain is the relevance itself, discounted by log2(1 + rank), as in trec_eval and MTEB (Järvelin & Kekäläinen,
    2002). Where nothing is relevant the result is 0.
    """
    gains = [relevant.get(id, 0.0) for id in ranking[:depth]]
    ideal = sorted(relevant.values(), reverse=True)[:depth]
    found, best = (sum(gain / log2(rank + 2) for rank, gain in enumerate(row)) for row in (gains, ideal))
    return found / best if best else 0.0


class Collection(NamedTuple):
    """Questions, documents, and for each question the grade of its relevant documents, all by id."""

    queries: Mapping[str, str]
    corpus: Mapping[str, str]
    qrels: Mapping[str, Mapping[str, float]]


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
            vectors = self.once(model, name, lambda: unit_vectors(model, documents, batch_size=model.batch_size))
            scores = unit_vectors(model, texts, batch_size=model.batch_size) @ vectors.T  # (questions, documents)
            best = np.argsort(-scores, axis=1, kind="stable")[:, :DEPTH]
        rankings = ([ids[column] for column in row] for row in best)
        found = [ndcg(ranking, qrels[id]) for ranking, id in zip(rankings, queries, strict=True)]
        return 100.0 * sum(found) / len(found)


def read_collection(data: Path | None, file: str) -> Collection:
    """Read one of the kit's collections, of XQuAD the English half."""
    language = ("lang",) if file == "xquad" else ()
    queries = read_columns(data, f"dev_{file}_queries.parquet", "query_id", "text", *language)
    corpus = read_columns(data, f"dev_{file}_corpus.parquet", "doc_id", "text", *(language or ("title",)))
    qrels: dict[str, dict[str, float]] = {}
    for query, document, grade in read_columns(data, f"dev_{file}_qrels.parquet", "query_id", "doc_id", "rel"):
        qrels.setdefault(query, {})[document] = grade
    if language:
        return Collection(
            {id: text for id, text, lang in queries if lang == "en"},
            {id: text for id, text, lang in corpus if lang == "en"},
            qrels,
        )
    return Collection(dict(queries), {id: f"{title or ''} {text or ''}".strip() for id, text, title in corpus}, qrels)


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
