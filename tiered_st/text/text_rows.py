"""What reading texts gives: rows of ids, as numpy arrays."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class TextRows:
    """Hold the rows of a batch of texts: a text is BEGIN, its chunks, FINISH, and a chunk is a row of ids."""

    input_ids: NDArray[np.int64]  # (batch, chunks, chunk_chars): a chunk's type, its characters, PAD = 0
    attention_mask: NDArray[np.int64]  # (batch, chunks): 1 where there is a chunk or a mark
    token_type_ids: NDArray[np.int64] | None = None  # (batch, chunks): the part, in a model with segments
    prompt_length: int | None = None  # positions that the prompt takes, BEGIN included
    lessons: dict[str, NDArray[np.int64]] = field(default_factory=dict)  # what the chunker itself learns from

    def of(self, texts: NDArray[np.integer], width: int) -> TextRows:
        """Return the rows of some of the texts, by their places, cut to ``width`` chunks."""
        parts = None if self.token_type_ids is None else self.token_type_ids[texts, :width]
        return replace(
            self, input_ids=self.input_ids[texts, :width], attention_mask=self.attention_mask[texts, :width],
            token_type_ids=parts, lessons={},
        )  # fmt: skip

    def features(self) -> dict[str, Any]:
        """Return what there is, by the names that sentence-transformers has for it."""
        named = {
            "input_ids": self.input_ids,
            "attention_mask": self.attention_mask,
            "token_type_ids": self.token_type_ids,
            "prompt_length": self.prompt_length,
        }
        return {name: value for name, value in named.items() if value is not None} | self.lessons
