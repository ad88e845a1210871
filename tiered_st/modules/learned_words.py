"""Recognise words that a trained model was taught afterwards, by how E1 reads their right spelling."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiered_st.modules.tracing import is_traced
from tiered_st.modules.weights import pack, unpack
from tiered_st.teaching.pupil import NEAR, SHARPNESS
from tiered_st.text.chunk_types import NOT_WORDS

_CELLS = 1 << 24  # chunks × words that are compared at once


class LearnedWords(nn.Module):
    """Pull what may be a misspelling of a learned word to that word's chunk vector.

    A trained memory has a prototype for each of its words. One of a new word needs no training: it is E1's own reading
    of the right spelling, and its value is the chunk vector that this spelling gets. A chunk is compared with all
    learned words (a softmax over cosines), as far as the memory says that it stands for none of its own words and as
    one of them is near.

    Args:
        size: how many words.
        chars: ids per chunk row.
        width: of how a chunk reads.
        d_sem: of a chunk vector.
        sharpness: what cosines are multiplied by before the softmax.
        near: the cosine at which a word counts half.
    """

    rows: Tensor
    keys: Tensor
    vectors: Tensor

    def __init__(
        self, size: int, *, chars: int, width: int, d_sem: int, sharpness: float = SHARPNESS, near: float = NEAR
    ) -> None:
        super().__init__()
        self.sharpness, self.near = sharpness, near
        self.register_buffer("rows", torch.zeros(size, chars, dtype=torch.int16))
        self.register_buffer("keys", torch.zeros(size, width))
        self.register_buffer("vectors", torch.zeros(size, d_sem))

    @classmethod
    def of(cls, rows: Tensor, readings: Tensor, vectors: Tensor, *, storage: str) -> LearnedWords:
        """Learn chunks.

        Args:
            rows: (words, chars) int64, their ids.
            readings: (words, width), how E1 reads them.
            vectors: (words, d_sem), their chunk vectors.
            storage: of the model that learns: what is learned is rounded to what that keeps.
        """
        chars, width, d_sem = rows.shape[1], readings.shape[1], vectors.shape[1]
        words = cls(len(rows), chars=chars, width=width, d_sem=d_sem).to(vectors.device, vectors.dtype)
        words.rows.copy_(rows)
        for name, value in (("keys", F.normalize(readings.float(), dim=1)), ("vectors", vectors)):
            kept = unpack(pack(name, value, storage))[name]
            getattr(words, name).copy_(kept)
        return words

    def __len__(self) -> int:
        return len(self.rows)

    def settings(self) -> dict[str, Any]:
        """Return what builds such a module, but for what a model's configuration says; JSON-ready."""
        return {"size": len(self), "sharpness": self.sharpness, "near": self.near}

    def without(self, places: Tensor) -> LearnedWords:
        """Return the words but for those at ``places`` (words,) boolean."""
        return self._with({name: value[~places] for name, value in self.named_buffers()})

    def joined(self, others: LearnedWords) -> LearnedWords:
        """Return these words and others behind them."""
        theirs = dict(others.named_buffers())
        return self._with({name: torch.cat([value, theirs[name]]) for name, value in self.named_buffers()})

    def _with(self, buffers: dict[str, Tensor]) -> LearnedWords:
        (size, chars), width, d_sem = buffers["rows"].shape, buffers["keys"].shape[1], buffers["vectors"].shape[1]
        words = LearnedWords(
            size, chars=chars, width=width, d_sem=d_sem, sharpness=self.sharpness, near=self.near
        ).to(self.vectors.device, self.vectors.dtype)  # fmt: skip
        for name, value in buffers.items():
            getattr(words, name).copy_(value)
        return words

    def forward(self, vectors: Tensor, queries: Tensor, unknown: Tensor, types: Tensor) -> Tensor:
        """Return chunk vectors (chunks, d_sem), those that may stand for a learned word pulled to it.

        Args:
            vectors: (chunks, d_sem), as they are without.
            queries: (chunks, width), how E1 reads the chunks.
            unknown: (chunks, 1), how far the memory knows none of its words in them.
            types: (chunks,) int64 chunk types.
        """
        given = vectors, queries, unknown, types
        block = max(1, _CELLS // max(1, len(self)))
        if torch.is_grad_enabled() or is_traced() or len(vectors) <= block:
            return self._pull(*given)
        blocks = zip(*(value.split(block) for value in given), strict=True)
        return torch.cat([self._pull(*part) for part in blocks])

    def _pull(self, vectors: Tensor, queries: Tensor, unknown: Tensor, types: Tensor) -> Tensor:
        closeness = self.sharpness * (F.normalize(queries.float(), dim=1) @ self.keys.float().T)  # (chunks, words)
        near = torch.sigmoid(closeness.logsumexp(dim=1, keepdim=True) - self.sharpness * self.near)
        is_word = torch.isin(types, types.new_tensor(NOT_WORDS), invert=True)[:, None]
        pull = (unknown.float() * near * is_word).to(vectors.dtype)  # (chunks, 1)
        meant = torch.softmax(closeness, dim=1).to(vectors.dtype) @ self.vectors
        return vectors + pull * (meant - vectors)
