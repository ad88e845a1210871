"""Cut texts into words as a model reads them, and spell them out again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiered_st.text import TextReader
from tiered_st.text.chunk_text import ChunkText
from tiered_st.text.chunk_types import NOT_WORDS
from tiered_st.text.tokenizer import PAD

_TEXTS = 1_024  # read at once, at the most,
_CHARACTERS = 1 << 18  # or so many characters, padding included: rows are as many as the longest text has
NO_LIMIT = 1 << 30


def word_rows(reader: TextReader, texts: Iterable[Any], *, limit: int = NO_LIMIT) -> Iterator[NDArray[np.int64]]:
    """Yield the rows of ids of the words of texts, in order, some at a time: (words, chars).

    Punctuation, emoji and the marks of a text are no words.

    Args:
        reader: how the model reads.
        texts: any number of them.
        limit: chunks read of a text.
    """
    for batch in _batches(texts):
        ids = reader.read(batch, limit=limit).input_ids
        rows = ids[ids[:, :, 0] != PAD]  # (chunks, chars)
        yield rows[~np.isin(rows[:, 0], NOT_WORDS)]


def spellings_of(rows: NDArray[np.integer]) -> list[bytes]:
    """Return what tells words from each other, whatever their case: their characters' ids."""
    return keys_of(rows[:, 1:])


def keys_of(rows: NDArray[np.integer]) -> list[bytes]:
    """Return rows of ids (rows, ids) as bytes, two for an id."""
    data, width = np.ascontiguousarray(rows, dtype="<u2").tobytes(), 2 * rows.shape[1]
    return [data[start : start + width] for start in range(0, len(data), width)]


def rows_of(keys: Iterable[bytes], chars: int) -> NDArray[np.int64]:
    """Return the rows that `keys_of` made these of, (rows, chars)."""
    return np.frombuffer(b"".join(keys), dtype="<u2").reshape(-1, chars).astype(np.int64)


def spelt(reader: TextReader, rows: NDArray[np.integer]) -> list[str]:
    """Return the text of each word (words, chars), in the case that it was read in."""
    text_of = ChunkText(reader.settings, reader.tokenizer)
    return [text_of([row]) for row in rows.tolist()]


def stands_alone(reader: TextReader, rows: NDArray[np.int64], words: Sequence[str]) -> NDArray[np.bool_]:
    """Say of each word (words, chars) whether its text, alone, is read as this very row: (words,).

    What the chunker cuts otherwise beside other words is not, nor a glyph of which a window holds some bytes alone.
    """
    found = [
        read is not None and np.array_equal(read, row) for read, row in zip(_alone(reader, words), rows, strict=True)
    ]
    return np.array(found, dtype=np.bool_)


def rows_alone(reader: TextReader, words: Sequence[str]) -> NDArray[np.int64] | None:
    """Return the rows of words (words, chars), each of which is read alone; None if one is not read as one chunk."""
    rows = list(_alone(reader, words))
    found = [row for row in rows if row is not None]
    return np.stack(found) if found and len(found) == len(rows) else None


def _alone(reader: TextReader, words: Sequence[str]) -> Iterator[NDArray[np.int64] | None]:
    """Yield the row of each text that is one chunk, and None for others."""
    for batch in _batches(words):
        read = reader.read(batch, limit=NO_LIMIT)
        single = read.attention_mask.sum(axis=1) == 3  # between two marks
        for row, is_one in zip(read.input_ids[:, 1], single, strict=True):
            yield row if is_one else None


def _batches(texts: Iterable[Any]) -> Iterator[list[Any]]:
    batch: list[Any] = []
    longest = 0
    for text in texts:
        longest = max(longest, len(text) if isinstance(text, str) else 0)
        if batch and (len(batch) == _TEXTS or longest * (len(batch) + 1) > _CHARACTERS):
            yield batch
            batch, longest = [], len(text) if isinstance(text, str) else 0
        batch.append(text)
    if batch:
        yield batch
