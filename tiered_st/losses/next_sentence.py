"""Tell the sentence that follows from a random one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from tiered_st.losses.columns import merge, width_of


class NextSentenceLoss(nn.Module):
    """Say from two embeddings u, v whether v's sentence follows u's: a linear head on [u, v, |u - v|, u * v].

    Inputs: two columns, first and second. Labels: 1 where the second follows the first, 0 where it is a random one.
    Works with any SentenceTransformer.

    References: Devlin et al., BERT, 2019; Conneau et al., InferSent, 2017, for what the head reads.
    """

    def __init__(self, model: SentenceTransformer) -> None:
        super().__init__()
        self.model = model
        self.head = nn.Linear(4 * width_of(model), 1)

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor) -> Tensor:
        """Return the loss, a scalar."""
        columns = list(sentence_features)
        if len(columns) != 2:
            raise ValueError(f"NextSentenceLoss compares two columns, first and second, but got {len(columns)}.")
        u, v = self.model(merge(columns))["sentence_embedding"].float().chunk(2)  # (batch, d) each
        logits = self.head(torch.cat([u, v, (u - v).abs(), u * v], dim=1)).squeeze(1)
        return self.compute(logits, labels)

    @staticmethod
    def compute(logits: Tensor, labels: Tensor) -> Tensor:
        """Return the binary cross-entropy of (batch,) logits for (batch,) labels, 1 or 0."""
        return F.binary_cross_entropy_with_logits(logits.float(), labels.float())

    def get_config_dict(self) -> dict[str, Any]:
        """Return what the model card says of this loss."""
        return {}
