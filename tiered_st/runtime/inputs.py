"""Take what ``SentenceTransformer.encode`` takes for a text or several, and read it in batches of equal length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiered_st.runtime.chunks import ChunkVectors
from tiered_st.runtime.semantic import of_equal_length
from tiered_st.text import TextReader, TextRows

_BLOCK_CHARS = 1 << 14  # characters of texts that are read at once

_FIRST = 1 << 62  # the length of what is no text: it is read first, and refused before anything is computed


def as_texts(inputs: Any) -> tuple[list[Any], bool]:
    """Return a list of inputs, and whether it is one alone that was given.

    What is no text, and no sequence of them, counts as one, for ``TextReader`` to say what is wrong with it; so does a
    set, whose order would be lost.
    """
    if isinstance(inputs, np.ndarray) and inputs.ndim:
        return inputs.tolist(), False
    alone = isinstance(inputs, (str, bytes, Mapping, Set, np.ndarray)) or hasattr(inputs, "columns")  # a table
    return ([inputs], True) if alone or not isinstance(inputs, Iterable) else (list(inputs), False)


def batches(
    reader: TextReader, chunks: ChunkVectors, texts: Sequence[Any], prompt: str, size: int, limit: int | None
) -> Iterator[tuple[list[int], TextRows, NDArray[np.float32]]]:
    """Yield places of texts of equally many chunks, their rows, and the vectors of their chunks."""
    lengths = [_length(text) for text in texts]
    order = sorted(range(len(texts)), key=lengths.__getitem__, reverse=True)
    reach = 4 * (limit or reader.limit)
    start = 0
    while start < len(order):
        stop, room = start, _BLOCK_CHARS
        while stop < len(order) and room > 0:
            room -= min(lengths[order[stop]], reach) + 16
            stop += 1
        block = order[start:stop]
        rows = reader.read([texts[i] for i in block], prompt, limit)
        vectors = chunks.fill(rows.input_ids)
        counts = rows.attention_mask.sum(axis=1)
        for at in of_equal_length(counts, size):
            width = int(counts[at[0]])
            yield [block[i] for i in at], rows.of(at, width), vectors[at, :width]
        start = stop


def _length(item: Any) -> int:
    """Return how many characters an input has."""
    if isinstance(item, str):
        return len(item)
    if isinstance(item, dict) and item.keys() == {"text"}:
        return _length(item["text"])
    if isinstance(item, (list, tuple)) and all(isinstance(part, str) for part in item):
        return sum(map(len, item))
    return _FIRST
