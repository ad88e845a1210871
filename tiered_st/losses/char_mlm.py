"""Predict masked characters of a chunk from the others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from tiered_st.losses.columns import merge, tiers_of
from tiered_st.tokenizer import MASK, PAD, VOCAB_SIZE


class CharMLMLoss(nn.Module):
    """Masked characters: E1 and a linear head guess each from the rest of its chunk.

    Gradients reach E1 only: the projector is not involved. Inputs: any columns. Labels: ignored.

    Args:
        model: the model to train.
        rate: share of characters masked.
    """

    def __init__(self, model: SentenceTransformer, *, rate: float = 0.15) -> None:
        super().__init__()
        self.model = model
        self.rate = rate
        self.head = nn.Linear(tiers_of(model).settings.d_char, VOCAB_SIZE)

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor | None = None) -> Tensor:
        """Return the loss, a scalar."""
        features = merge(sentence_features)
        rows = features["input_ids"][features["attention_mask"].bool()].unique(dim=0)
        rows = rows[(rows != PAD).sum(dim=1) > 2]  # chunks of two characters and more
        if len(rows) == 0:
            return 0.0 * self.head.weight.sum()
        rows = rows[:, : int((rows != PAD).sum(dim=1).max())]
        masked = (torch.rand(rows.shape, device=rows.device) < self.rate) & (rows != PAD)
        masked[:, 0] = False  # the chunk's type
        states, _ = tiers_of(self.model).char_encoder(rows.masked_fill(masked, MASK))
        logits = self.head(states[:, : rows.shape[1]][masked])  # (masked, vocabulary)
        loss = self.compute(logits, rows[masked])
        if hasattr(self.model, "module"):  # distributed: see columns.chunk_vectors
            loss = loss + 0.0 * self.model(features)["sentence_embedding"].sum()
        return loss

    @staticmethod
    def compute(logits: Tensor, ids: Tensor) -> Tensor:
        """Return the cross-entropy of (n, vocabulary) logits for (n,) ids, 0 where nothing is masked."""
        return F.cross_entropy(logits.float(), ids) if len(ids) else logits.sum()

    def get_config_dict(self) -> dict[str, Any]:
        """Return what the model card says of this loss."""
        return {"rate": self.rate}
