"""How many threads FAISS computes with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tiered_st.indexes.index_files import import_faiss


@contextmanager
def faiss_threads(number: int) -> Iterator[None]:
    """Let FAISS, in this thread, compute with ``number`` threads within the block."""
    faiss = import_faiss()
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(number)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
