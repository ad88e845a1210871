"""Baseline `bm25`: documents ranked by the words they share with the query, for suite `retrieval`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.peers.optional import need


class BM25:
    """Rank documents by BM25 (bm25s: Lucene's variant, k1 = 1.5, b = 0.75).

    Words are in lower case, English stop words are out, nothing is stemmed. It makes no vectors.

    Reference: Robertson & Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond".
    """

    def __init__(self) -> None:
        self._bm25s = need("bm25s", of="bm25")
        self.revision = f"bm25s-{self._bm25s.__version__}"
        self._index: tuple[tuple[str, ...], object] | None = None

    def rank(self, queries: Sequence[str], documents: Sequence[str], *, depth: int) -> np.ndarray:
        """Return the rows of the best documents for each query, (queries, depth) int64, the best first."""
        if self._index is None or self._index[0] != tuple(documents):
            index = self._bm25s.BM25(method="lucene", k1=1.5, b=0.75)
            index.index(self._tokens(documents), show_progress=False)
            self._index = tuple(documents), index
        found = self._index[1].retrieve(  # type: ignore[attr-defined]
            self._tokens(queries), k=depth, show_progress=False, n_threads=0
        )
        return np.asarray(found.documents, dtype=np.int64)

    def _tokens(self, texts: Sequence[str]) -> object:
        return self._bm25s.tokenize(list(texts), stopwords="en", show_progress=False)
