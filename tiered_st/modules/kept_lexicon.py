"""Keep the list of words by which a model reads dropped and stray spaces among its weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from typing_extensions import Self

from tiered_st.text.lexicon import Lexicon


class KeptLexicon(nn.Module):
    """Hold a Lexicon; it is saved with the weights, and stays on the CPU, where texts are cut.

    Args:
        bytes: that it takes, packed; its words are loaded.
    """

    def __init__(self, bytes: int = 0) -> None:
        super().__init__()
        self.words = Lexicon(())
        self._packed = torch.zeros(bytes, dtype=torch.uint8)

    @classmethod
    def of(cls, words: Lexicon) -> Self:
        """Return what keeps these words."""
        kept = cls()
        kept.words, kept._packed = words, torch.from_numpy(words.packed())
        return kept

    def settings(self) -> dict[str, Any]:
        """Return what builds such a module; JSON-ready."""
        return {"bytes": len(self._packed)}

    def get_extra_state(self) -> Tensor:
        """Return the words, packed, (bytes,) uint8."""
        return self._packed

    def set_extra_state(self, state: Tensor) -> None:
        """Take the words that another such module gave.

        Raises:
            ValueError: if they are damaged.
        """
        packed = state.cpu().to(torch.uint8)
        self.words, self._packed = Lexicon.unpacked(np.asarray(packed)), packed.clone()
