"""Teach a model of torch: see `tiered_st.teaching`."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tiered_st.modules.chunk_source import cut
from tiered_st.modules.learned_words import LearnedWords
from tiered_st.modules.tiers_of import tiers_of
from tiered_st.teaching.pupil import Reading, refuse_unteachable
from tiered_st.text import TextReader

_BATCH = 1_024  # chunks read at once


class TieredPupil:
    """A SentenceTransformer that opens with a TieredInput, as its teacher sees it: a `Pupil`.

    A model that computes by ONNX Runtime is read by its weights in torch, and its engine is made anew.

    Args:
        model: the model.

    Raises:
        ValueError: if it does not open with a TieredInput.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.tiers = tiers_of(model)

    @property
    def reader(self) -> TextReader:
        """What cuts its texts into words, with spaces where they stand."""
        return self.tiers.reader.spaced_by(None)

    @property
    def rows(self) -> NDArray[np.int64]:
        """The rows of ids of the words that it was taught, (words, chars)."""
        learned = self.tiers.learned_words
        chars = self.tiers.settings.chunk_chars
        return np.empty((0, chars), dtype=np.int64) if learned is None else learned.rows.long().cpu().numpy()

    def check(self) -> None:
        """Raise a ValueError if the model cannot be taught."""
        tiers = self.tiers
        refuse_unteachable(tiers.settings, encoder=tiers.encoder, table=tiers.table is not None)

    def read(self, rows: NDArray[np.int64]) -> Reading:
        """Return how it reads chunks (chunks, chars)."""
        device = next(self.tiers.parameters()).device
        parts = [self._read(part.to(device)) for part in torch.from_numpy(rows).split(_BATCH)]
        return Reading(*(torch.cat(values).float().cpu().numpy() for values in zip(*parts, strict=True)))

    def learn(self, rows: NDArray[np.int64], reading: Reading) -> None:
        """Know the words of these rows behind those that it knows."""
        tiers = self.tiers
        weight = tiers.chunk_projector.norm.weight
        queries, vectors = (torch.from_numpy(value).to(weight) for value in (reading.queries, reading.vectors))
        new = LearnedWords.of(torch.from_numpy(rows), queries, vectors, storage=tiers.storage)
        tiers.set_learned_words(new if tiers.learned_words is None else tiers.learned_words.joined(new))

    def keep(self, places: NDArray[np.bool_]) -> None:
        """Forget what it was taught but for the words at these places (words,)."""
        learned = self.tiers.learned_words
        if learned is not None and not places.all():
            gone = torch.from_numpy(~places).to(learned.rows.device)
            self.tiers.set_learned_words(learned.without(gone) if places.any() else None)

    def copied(self) -> Any:
        """Return a copy of the model that shares nothing with it."""
        return copy.deepcopy(self.model)

    @torch.no_grad()
    def _read(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        projector = self.tiers.chunk_projector
        states, mask = self.tiers.char_encoder(cut(rows))
        vectors, recalled = projector.project(states, mask, rows[:, 0])
        assert recalled is not None
        return recalled.query, recalled.unknown[:, 0], projector.quantize(vectors)
