"""Tell which word a spelling stands for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from tiered_st.losses.columns import merge, single_chunks, synced
from tiered_st.modules.tiers_of import tiers_of


class WordRecognitionLoss(nn.Module):
    """Teach a model's memory the word that each spelling, clean or misspelt, stands for (cross-entropy over slots).

    Inputs: any number of columns, each one spelling of the row's word; a spelling that does not come out as a single
    chunk is left out. Labels: the row's index into ``slots``.

    References: Kernighan et al. 1990 (the noisy channel); Cao 2023 (predicting words beats predicting characters).

    Args:
        model: the model to train; its config has ``memory_slots``.
        slots: (words,) int64, the slot of each word; 0 for words that share the slot of all others.

    Raises:
        ValueError: if the model has no memory, or too small a one.
    """

    tier = "E1"
    slots: Tensor

    def __init__(self, model: SentenceTransformer, slots: Tensor) -> None:
        super().__init__()
        have = tiers_of(model).settings.memory_slots
        if not have or int(slots.max()) > have:
            raise ValueError(
                f"Words are told apart by the model's memory, which has memory_slots={have}, but slots up to "
                f"{int(slots.max())} are asked for: give the config at least as many."
            )
        self.model = model
        self.register_buffer("slots", slots, persistent=False)

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor) -> Tensor:
        """Return the loss, a scalar."""
        columns = list(sentence_features)
        features = merge(columns)
        single = single_chunks(features)
        scores = tiers_of(self.model).recognize(features["input_ids"][single, 1])  # (spellings, 1 + slots)
        wanted = self.slots[labels].repeat(len(columns))[single]
        return synced(self.compute(scores, wanted), self.model, features)

    @staticmethod
    def compute(scores: Tensor, wanted: Tensor) -> Tensor:
        """Return the cross-entropy of scores (n, 1 + slots) where ``wanted`` (n,) is right."""
        if len(scores) == 0:
            return scores.sum()
        return F.cross_entropy(scores.float(), wanted)

    def get_config_dict(self) -> dict[str, Any]:
        """Return what the model card says of this loss."""
        return {"words": len(self.slots), "slots": int(torch.count_nonzero(self.slots))}
