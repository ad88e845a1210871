"""Embed and add records chunk by chunk, each whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from tiered_st.indexes.embedder import Embedder
from tiered_st.indexes.first_vectors import FirstVectors
from tiered_st.indexes.index_files import Record
from tiered_st.indexes.index_inputs import as_records
from tiered_st.indexes.uninterrupted import uninterrupted


def add_in_chunks(
    records: Iterable[str | tuple[str, str]] | Mapping[str, str],
    embedder: Embedder | FirstVectors,
    *,
    number: Callable[[Sequence[Any], int], list[Record]],
    commit: Callable[[Sequence[Any], int, np.ndarray], None],
    batch_size: int,
    chunk_size: int,
    progress: bool,
    on_batch: Callable[[int], None] | None,
) -> int:
    """Read, check, embed and commit; return how many records were added.

    Args:
        records: Texts or (id, text) pairs, or a mapping of ids to texts.
        embedder: Gives their vectors.
        number: Takes a chunk and the place of its first record; checks it and returns its records, keeping nothing.
        commit: Takes the same and the vectors, (chunk, dimension); runs to its end whatever signal comes.
        batch_size: Texts per forward pass.
        chunk_size: Records per call of ``encode`` and of ``commit``.
        progress: Show a progress bar.
        on_batch: Called after each chunk with the number of records added so far.
    """
    records = as_records(records)
    if batch_size < 1 or chunk_size < 1:
        raise ValueError(f"batch_size {batch_size} and chunk_size {chunk_size} must be at least 1")
    embedder.settle()
    iterator, added, total = iter(records), 0, len(records) if isinstance(records, Sized) else None
    with tqdm(total=total, unit="text", disable=not progress) as bar:
        while chunk := list(islice(iterator, chunk_size)):
            # To find out what is wrong before anything is embedded.
            _, ids, texts = map(list, zip(*number(chunk, added), strict=True))
            vectors = embedder(texts, ids, side="document", batch_size=batch_size)
            uninterrupted(partial(commit, chunk, added, vectors))
            added += len(chunk)
            bar.update(len(chunk))
            if on_batch is not None:
                on_batch(added)
    return added
