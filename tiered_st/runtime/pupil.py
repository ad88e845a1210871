"""Teach a model of the runtime: see `tiered_st.teaching`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tiered_st.runtime.chunks.learned_words import LearnedWords
from tiered_st.runtime.encoder import RuntimeEncoder
from tiered_st.teaching.pupil import Reading, refuse_unteachable
from tiered_st.text import TextReader


class RuntimePupil:
    """A RuntimeEncoder, as its teacher sees it: a `Pupil`.

    Args:
        model: the model.
    """

    def __init__(self, model: RuntimeEncoder) -> None:
        self.model = model

    @property
    def reader(self) -> TextReader:
        """What cuts its texts into words, with spaces where they stand."""
        return self.model.reader.spaced_by(None)

    @property
    def rows(self) -> NDArray[np.int64]:
        """The rows of ids of the words that it was taught, (words, chars)."""
        words, chars = self.model.chunks.words, self.model.chunks.settings.chunk_chars
        return np.empty((0, chars), dtype=np.int64) if words is None else words.rows.astype(np.int64)

    def check(self) -> None:
        """Raise a ValueError if the model cannot be taught."""
        chunks = self.model.chunks
        encoder = "none" if chunks.encoder is None else "float"
        refuse_unteachable(chunks.settings, encoder=encoder, table=chunks.table is not None)

    def read(self, rows: NDArray[np.int64]) -> Reading:
        """Return how it reads chunks (chunks, chars)."""
        assert self.model.chunks.encoder is not None
        return self.model.chunks.encoder.read(rows)

    def learn(self, rows: NDArray[np.int64], reading: Reading) -> None:
        """Know the words of these rows behind those that it knows."""
        chunks, storage = self.model.chunks, self.model.storage
        new = LearnedWords.of(chunks.settings, rows, reading, storage=storage, threads=chunks.threads)
        # In one step: the calls of other threads end with the words that they began with.
        self.model.know(new if chunks.words is None else chunks.words.joined(new))

    def keep(self, places: NDArray[np.bool_]) -> None:
        """Forget what it was taught but for the words at these places (words,)."""
        words = self.model.chunks.words
        if words is not None and not places.all():
            self.model.know(words.at(places) if places.any() else None)

    def copied(self) -> RuntimeEncoder:
        """Return a model that is taught apart from it, and shares what teaching leaves as it is."""
        return self.model.twin()
