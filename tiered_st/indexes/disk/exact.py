"""Compare queries with every row of a file of vectors, a block at a time; ties and all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tiered_st.indexes.disk.row_vectors import RowVectors
from tiered_st.indexes.faiss_vectors import TIE

Found = tuple[NDArray[np.float64], NDArray[np.int64]]  # cosines and row numbers of one query, best first
NOTHING: Found = (np.empty(0), np.empty(0, dtype=np.int64))


def best(scores: NDArray[np.float64], rows: NDArray[np.int64], k: int) -> Found:
    """Return the best ``k``, equal scores in order of row numbers."""
    order = np.lexsort((rows, -scores))[:k]
    return scores[order], rows[order]


def best_of(one: Found, other: Found, k: int) -> Found:
    """Return the best ``k`` of both."""
    return best(np.concatenate([one[0], other[0]]), np.concatenate([one[1], other[1]]), k)


def cosines(vectors: NDArray[np.float32], query: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return cosines, (rows,) float64; BLAS may score equal vectors unequally, a sum per row does not."""
    summed: NDArray[np.float64] = (vectors * query.astype(np.float64)).sum(axis=1)
    return summed.clip(-1, 1)


def nearest_of_all(
    vectors: RowVectors, queries: NDArray[np.float32], k: int, *, start: int, stop: int, removed: NDArray[np.int64]
) -> list[Found]:
    """Return the nearest ``k`` rows of ``start`` up to ``stop`` for each query of (queries, dimension).

    Args:
        vectors: Where the rows are.
        queries: Unit vectors.
        k: Rows per query; fewer come back where there are fewer.
        start: The first row.
        stop: The first row that is not compared.
        removed: Numbers of rows to leave out, rising.
    """
    found = [NOTHING] * len(queries)
    for first, block in vectors.blocks(start, stop):
        alive = np.ones(len(block), dtype=bool)
        low, high = np.searchsorted(removed, (first, first + len(block)))
        alive[removed[low:high] - first] = False
        numbers = np.flatnonzero(alive)
        if not len(numbers):
            continue
        block = block if len(numbers) == len(block) else block[numbers]
        scored = queries @ block.T  # (queries, rows)
        keep = min(k, len(numbers))
        for place, (query, scores) in enumerate(zip(queries, scored, strict=True)):
            cut = np.partition(scores, -keep)[-keep]
            if len(found[place][0]) == k:
                cut = max(cut, found[place][0][-1])
            near = np.flatnonzero(scores >= cut - TIE)  # the whole tie at the cut-off
            if len(near):
                found[place] = best_of(found[place], (cosines(block[near], query), first + numbers[near]), k)
    return found
