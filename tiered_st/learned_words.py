"""Teach a trained model words that it has no place for, without training: names of products, people, terms.

A model and words go in; the model is changed in place. One of torch saves and loads with what it has learned, for the
runtime without torch too; one of the runtime is taught in memory alone. The way of a word: `modules.learned_words`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiered_st.teaching.pupil import Pupil, Reading
from tiered_st.teaching.pupil_of import pupil_of
from tiered_st.teaching.words import spellings_of, word_rows
from tiered_st.text.tokenizer import PAD

MOST = 50_000  # words; each takes four bytes for each of its key's and vector's numbers, and a comparison per new chunk
SURE = 0.1  # share of slot 0 below which the memory has the word, and would let nothing pull it to another


def learn_words(model: Any, words: str | Iterable[str]) -> list[str]:
    """Teach a model words in place, so that they are recognised when they are misspelt.

    What is learned is each word's right spelling as E1 reads it; nothing is trained, and a text without such words
    keeps its vector. Words that the model's memory has already are left out. Words are lower-cased where the model
    reads so.

    Args:
        model: the model to teach, of `tiered_st.load` or `tiered_st.runtime.load`. An index that was built by it has to
            be built again; ``FaissIndex.build(…, learn_words=True)`` teaches a copy instead.
        words: words, or texts whose words are meant: of "Zyrvexa XR 20" each chunk is learned.

    Returns:
        The words that are new, in order.

    Raises:
        ValueError: If the model has no memory, is not to be taught (a table in E1's place, chunks that see their
            text), is of another kind, or would know more than 50,000 words.
    """
    pupil = pupil_of(model)
    pupil.check()
    known = set(spellings_of(pupil.rows))
    found: dict[bytes, NDArray[np.int64]] = {}
    for rows in word_rows(pupil.reader, [words] if isinstance(words, str) else words):
        for spelling, row in zip(spellings_of(rows), rows, strict=True):
            if spelling not in known:
                found.setdefault(spelling, row)
    if not found:
        return []
    rows = np.stack(list(found.values()))
    reading = pupil.read(rows)
    new = reading.unknown >= SURE
    teach(pupil, rows[new], reading.at(new))
    return _texts(pupil, rows[new])


def teach(pupil: Pupil, rows: NDArray[np.int64], reading: Reading | None = None) -> None:
    """Teach words by their rows, each of which is new.

    Args:
        pupil: the model.
        rows: (words, chars).
        reading: what the model makes of them, where it has read them already.

    Raises:
        ValueError: If it would know more than 50,000 words.
    """
    if not len(rows):
        return
    if (total := len(rows) + len(pupil.rows)) > MOST:
        raise ValueError(f"{total:,} words are more than the {MOST:,} that a model can be taught: give fewer.")
    pupil.learn(rows, pupil.read(rows) if reading is None else reading)


def forget_words(model: Any, words: str | Iterable[str] | None = None) -> list[str]:
    """Unlearn words in place: those given, or all.

    Args:
        model: the model.
        words: as `learn_words` returned them, or texts that hold them; None for all.

    Returns:
        The words that were forgotten.
    """
    pupil = pupil_of(model)
    rows = pupil.rows
    gone = np.ones(len(rows), dtype=np.bool_)
    if words is not None:
        texts = [words] if isinstance(words, str) else words
        named = {spelling for some in word_rows(pupil.reader, texts) for spelling in spellings_of(some)}
        gone[:] = [spelling in named for spelling in spellings_of(rows)]
    if gone.any():
        pupil.keep(~gone)
    return _texts(pupil, rows[gone])


def learned_words(model: Any) -> list[str]:
    """Return the words that a model was taught, in the order in which it learned them."""
    pupil = pupil_of(model)
    return _texts(pupil, pupil.rows)


def _texts(pupil: Pupil, rows: NDArray[np.int64]) -> list[str]:
    return [pupil.reader.tokenizer.decode(row[row != PAD]) for row in rows[:, 1:]]
