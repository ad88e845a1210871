"""Suite `retrieval`: paragraphs of Wikipedia found by questions, clean and mistyped (XQuAD, English)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log2
from pathlib import Path

import numpy as np

from benchmarks.baselines import Candidate
from benchmarks.tasks import Condition, Suite, read_columns
from tiered_st.evaluation import digest, unit_vectors
from tiered_st.noise import add_typos, seeded

RATES = {"clean": 0.0, "10 %": 0.10}
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


class TypoRetrieval:
    """Rank all documents for each question by cosine, or as a model that ranks says; documents are always clean."""

    takes_rankings = True  # a model need not have vectors

    def __init__(
        self, queries: Mapping[str, str], corpus: Mapping[str, str], qrels: Mapping[str, Mapping[str, float]]
    ) -> None:
        self._queries = {id: text for id, text in queries.items() if qrels.get(id)}
        self._corpus, self._qrels = dict(corpus), qrels
        self._encoded: tuple[Candidate, np.ndarray] | None = None
        if not self._queries or not self._corpus:
            raise ValueError("no question with a relevant document is left: this is not the kit's data.")
        self.data = f"XQuAD English, {len(self._queries):,} questions, {len(self._corpus):,} paragraphs"

    def conditions(self, seeds: int) -> list[Condition]:
        return [Condition(metric, seed) for metric, rate in RATES.items() for seed in range(seeds if rate else 1)]

    def corrupted(self, condition: Condition) -> list[str]:
        """Return the questions as the model sees them."""
        rate, permille = RATES[condition.metric], round(1000 * RATES[condition.metric])
        return [
            add_typos(text, rate, seeded("retrieval", condition.seed, permille, i))
            for i, text in enumerate(self._queries.values())
        ]

    def checksum(self, condition: Condition) -> str:
        labels = (f"{id} {sorted(self._qrels[id].items())!r}" for id in self._queries)
        return digest([*self.corrupted(condition), *self._corpus, *self._corpus.values(), *labels])

    def score(self, model: Candidate, condition: Condition) -> float:
        ids, questions = list(self._corpus), self.corrupted(condition)
        best = self._best(model, questions)  # (questions, DEPTH)
        rankings = ([ids[column] for column in row] for row in best)
        scores = [ndcg(ranking, self._qrels[id]) for ranking, id in zip(rankings, self._queries, strict=True)]
        return 100.0 * sum(scores) / len(scores)

    def _best(self, model: Candidate, questions: list[str]) -> np.ndarray:
        """Return the rows of the documents ranked first, (questions, DEPTH), fewer where there are fewer documents."""
        if model.ranks:
            return model.rank(questions, list(self._corpus.values()), depth=DEPTH)
        vectors = unit_vectors(model, questions, batch_size=model.batch_size)  # (questions, dimension)
        cosines = vectors @ self._documents(model).T  # (questions, documents)
        return np.argsort(-cosines, axis=1, kind="stable")[:, :DEPTH]

    def _documents(self, model: Candidate) -> np.ndarray:
        """Return (documents, dimension), encoded once per model: they are the same in every condition."""
        if self._encoded is None or self._encoded[0] is not model:
            self._encoded = model, unit_vectors(model, list(self._corpus.values()), batch_size=model.batch_size)
        return self._encoded[1]


def load(data: Path | None) -> TypoRetrieval:
    """Read the English half of the kit's XQuAD."""
    queries = read_columns(data, "dev_xquad_queries.parquet", "query_id", "text", "lang")
    corpus = read_columns(data, "dev_xquad_corpus.parquet", "doc_id", "text", "lang")
    qrels: dict[str, dict[str, float]] = {}
    for query, document, relevance in read_columns(data, "dev_xquad_qrels.parquet", "query_id", "doc_id", "rel"):
        qrels.setdefault(query, {})[document] = relevance
    return TypoRetrieval(
        {id: text for id, text, lang in queries if lang == "en"},
        {id: text for id, text, lang in corpus if lang == "en"},
        qrels,
    )


SUITE = Suite(
    name="retrieval",
    title="XQuAD English, questions mistyped (nDCG@10 × 100)",
    metrics=tuple(RATES),
    load=load,
    retained=("10 %", "clean"),
)
