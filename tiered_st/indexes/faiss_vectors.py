"""The vectors of an index in FAISS: find the nearest, ties and all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tiered_st.indexes.index_files import import_faiss

TIE = 1e-6  # two float32 cosines of the same vectors, summed in another order, differ by less
BLOCK = 1024  # rows to score again, held at once


def empty_index(dimension: int, given: Any = None) -> Any:
    """Return an empty FAISS index that takes row numbers: of exact search, or around the one that is given.

    Raises:
        ImportError: If FAISS is not installed.
        ValueError: If `given` is not trained and empty, of `dimension`, with the inner-product metric.
    """
    faiss = import_faiss()
    index = faiss.IndexFlatIP(dimension) if given is None else given
    if index.d != dimension:
        raise ValueError(f"index has {index.d} dimensions, the model has {dimension}")
    if index.metric_type != faiss.METRIC_INNER_PRODUCT:
        raise ValueError("index must use faiss.METRIC_INNER_PRODUCT: scores are cosines")
    if index.ntotal or not index.is_trained:
        raise ValueError("index must be trained and empty: add() stores the texts along with the vectors")
    takes_no_ids = isinstance(index, (faiss.IndexFlatCodes, faiss.IndexHNSW))  # unlike IVF
    return faiss.IndexIDMap2(index) if takes_no_ids else index


def remove_rows(index: Any, rows: Sequence[int]) -> None:
    """Remove vectors by row number; ValueError where this kind of index (HNSW) cannot."""
    if not rows:
        return
    try:
        index.remove_ids(np.array(rows, dtype=np.int64))
    except RuntimeError as err:
        raise ValueError(f"this kind of FAISS index cannot remove: build it again ({err})") from err


def nearest(index: Any, vectors: np.ndarray, k: int) -> Iterator[tuple[list[float], list[int]]]:
    """Yield the cosines and row numbers of the best `k`, for each unit vector of (queries, dimension).

    Equal scores are in order of row numbers; exact search keeps the earliest of a tie at the cut-off.
    """
    exact, size = _is_exact(index), index.ntotal
    if not size:
        yield from (([], []) for _ in vectors)
        return
    k, fetch = min(k, size), min(size, k + 1)
    for query, scores, rows in zip(vectors, *index.search(vectors, fetch), strict=True):
        wide = fetch
        # At its cut-off FAISS keeps any members of a tie: fetch on until the whole tie is in.
        while exact and wide < size and scores[-1] > scores[k - 1] - TIE:
            wide = min(size, 4 * wide)
            scores, rows = (array[0] for array in index.search(query[None], wide))
        found = rows >= 0  # an approximate index pads with -1
        scores, rows = scores[found], rows[found]
        if exact:
            scores = _cosines(index, query, rows)
        order = np.lexsort((rows, -scores))[:k]
        yield scores[order].astype(np.float64).clip(-1, 1).tolist(), rows[order].tolist()


def _is_exact(index: Any) -> bool:
    faiss = import_faiss()
    inner = faiss.downcast_index(index.index) if isinstance(index, faiss.IndexIDMap2) else index
    return isinstance(inner, faiss.IndexFlatIP)


def _cosines(index: Any, query: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return cosines, (rows,) float64; BLAS may score equal vectors unequally, a sum per row does not."""
    blocks = [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]
    wide = query.astype(np.float64)
    return np.concatenate([(index.reconstruct_batch(block) * wide).sum(axis=1) for block in blocks])
