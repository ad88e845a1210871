"""What all indexes share: a search for texts is one for their vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

from tiered_st.indexes.embedder import Embedder
from tiered_st.indexes.hit import Hit
from tiered_st.indexes.index_inputs import as_queries

BLOCK = 1024  # queries answered at once


class Searchable:
    """Search by texts or vectors, in what has a length and finds the hits of a block of vectors.

    Attributes:
        dimension: Of vectors.
        embedder: What embeds queries, or None where there is no model.
    """

    @property
    def dimension(self) -> int:
        """Dimensions of a vector."""
        raise NotImplementedError

    @property
    def embedder(self) -> Embedder | None:
        """What embeds queries and records, or None where there is no model."""
        raise NotImplementedError

    @property
    def learned_words(self) -> list[str]:
        """The words that the model was taught for the index, the most frequent first, in their case."""
        lesson = None if self.embedder is None else self.embedder.lesson
        return [] if lesson is None else list(lesson.words)

    def __len__(self) -> int:
        raise NotImplementedError

    @overload
    def search(self, queries: str, k: int = 10) -> list[Hit]: ...  # type: ignore[overload-overlap]

    @overload
    def search(self, queries: Sequence[str], k: int = 10) -> list[list[Hit]]: ...

    def search(self, queries: str | Sequence[str], k: int = 10) -> list[Hit] | list[list[Hit]]:
        """Return the `k` nearest records, best first; equal scores in order of insertion.

        Args:
            queries: One text, or several.
            k: Hits per query; fewer come back when the index, or what an approximate one looks at, holds fewer.

        Returns:
            A list of hits for one text, a list of such lists for several.

        Raises:
            ValueError: If `k` is below 1, a query is no text, its vector is zero or not finite, or there is no model.
            TypeError: If `queries` is a mapping, a table or a set.
        """
        if k < 1:
            raise ValueError(f"k must be at least 1, got {k}")
        if isinstance(queries, str):
            return self.search([queries], k)[0]
        texts = as_queries(queries)
        embedder = self._with_model()
        hits: list[list[Hit]] = []
        for start in range(0, len(texts), BLOCK):
            block = texts[start : start + BLOCK]
            if not len(self):
                hits += [[] for _ in block]
                continue
            hits += self._hits(embedder(block, block, side="query", batch_size=256), k)
        return hits

    def search_vectors(self, vectors: NDArray[np.float32], k: int = 10) -> list[list[Hit]]:
        """Return what `search` does, for unit vectors of queries, (queries, dimension)."""
        if k < 1:
            raise ValueError(f"k must be at least 1, got {k}")
        if vectors.ndim != 2 or vectors.shape[1] != self.dimension:
            raise ValueError(f"vectors have shape {vectors.shape}, expected (queries, {self.dimension})")
        vectors, hits = np.ascontiguousarray(vectors, dtype=np.float32), []
        for start in range(0, len(vectors), BLOCK):
            hits += self._hits(vectors[start : start + BLOCK], k)
        return hits

    def _hits(self, vectors: NDArray[np.float32], k: int) -> list[list[Hit]]:
        raise NotImplementedError

    def _with_model(self) -> Embedder:
        if self.embedder is None:
            raise ValueError("the index was opened without a model, so texts cannot be embedded: load(path, model)")
        return self.embedder
