"""Choose the words that a corpus teaches a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tiered_st.learned_words import MOST, SURE
from tiered_st.teaching.pupil import Pupil, Reading
from tiered_st.teaching.words import keys_of, rows_of, spellings_of, spelt, stands_alone, word_rows
from tiered_st.text.chunk_types import ChunkType

_BLOCK = 4_096  # words that the model reads at once


class CorpusWords(NamedTuple):
    """The words of a corpus that a model does not know, the most frequent first.

    Attributes:
        words: their texts, in the case that each stands in most often. Each, alone, is read as its row.
        rows: (words, chars), their rows of ids.
        reading: what the model makes of them.
        left: how many were left out for there being too many.
    """

    words: list[str]
    rows: NDArray[np.int64]
    reading: Reading
    left: int


def corpus_words(pupil: Pupil, texts: Iterable[str]) -> CorpusWords:
    """Return the words of texts that are to be taught, as many as the model can be.

    A word is new if the model's memory does not have it and it was not taught before. Numbers are no words: one that
    is like another is not a misspelling of it. Nor is taught what the model does not read of a text, since that is
    longer than ``max_seq_length``.

    What the corpus itself misspells is taught too, but for misspellings of words that the memory has: no count tells a
    slip from a rare name that is like a frequent one, and to take the name for the other would lose it.

    Args:
        pupil: the model that is to learn.
        texts: the corpus.
    """
    rows = _by_frequency(pupil, texts)
    known = set(spellings_of(pupil.rows))
    rows = rows[[spelling not in known for spelling in spellings_of(rows)]]
    if not len(rows):
        return CorpusWords([], rows, Reading(*[np.empty(0, dtype=np.float32)] * 3), 0)
    words: list[str] = []
    kept: list[tuple[NDArray[np.int64], Reading]] = []
    found = 0
    for block in np.split(rows, range(_BLOCK, len(rows), _BLOCK)):
        reading, texts_of = pupil.read(block), spelt(pupil.reader, block)
        new = np.flatnonzero((reading.unknown >= SURE) & stands_alone(pupil.reader, block, texts_of))
        found += len(new)
        new = new[: MOST - len(known) - len(words)]
        words += [texts_of[place] for place in new]
        kept.append((block[new], reading.at(new)))
    of_rows, readings = zip(*kept, strict=True)
    reading = Reading(*map(np.concatenate, zip(*readings, strict=True)))
    return CorpusWords(words, np.concatenate(of_rows), reading, found - len(words))


def _by_frequency(pupil: Pupil, texts: Iterable[str]) -> NDArray[np.int64]:
    """Return a row of each word of texts, as it is written most often, the most frequent first: (words, chars)."""
    chars = pupil.reader.settings.chunk_chars
    forms: Counter[bytes] = Counter()
    for rows in word_rows(pupil.reader, texts, limit=pupil.reader.limit):
        forms.update(keys_of(rows[rows[:, 0] != ChunkType.NUMERIC]))
    counts: Counter[bytes] = Counter()
    best: dict[bytes, bytes] = {}
    for key, count in forms.most_common():  # equal ones in the order in which they were met
        spelling = key[2:]
        counts[spelling] += count
        best.setdefault(spelling, key)
    return rows_of((best[spelling] for spelling, _ in counts.most_common()), chars)
