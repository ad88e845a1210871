"""Predict masked chunks of a text from the others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from tiered_st.losses.columns import between_edges, merge
from tiered_st.modules.hashing import mix, powers
from tiered_st.modules.tiers_of import tiers_of
from tiered_st.text import ChunkType
from tiered_st.text.tokenizer import MASK, PAD


class MaskedChunkLoss(nn.Module):
    """Masked chunks: E2 and a linear head guess the hash bucket of each one's characters from the rest of the text.

    A masked chunk is a single MASK character to E1, which makes of it the one vector that E2 learns to fill in. Nothing
    else of the chunk is left in the batch: neither its length nor its type, nor anything a gate could peek at. The two
    text edges are never masked.

    Gradients reach both tiers. Inputs: any columns. Labels: ignored.

    References: Devlin et al., BERT, 2019; the hashed targets stand in for a vocabulary, which we do not have.

    Args:
        model: the model to train.
        rate: share of chunks masked.
        buckets: number of classes that chunks are hashed to, case and type aside.
    """

    def __init__(self, model: SentenceTransformer, *, rate: float = 0.15, buckets: int = 8192) -> None:
        super().__init__()
        self.model = model
        self.rate = rate
        self.head = nn.Linear(tiers_of(model).settings.d_sem, buckets)

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor | None = None) -> Tensor:
        """Return the loss, a scalar."""
        features = merge(sentence_features)
        ids, there = features["input_ids"], between_edges(features)
        masked = (torch.rand(there.shape, device=ids.device) < self.rate) & there  # (batch, chunks)
        blank = torch.zeros_like(ids[0, 0])
        blank[0], blank[1] = ChunkType.OTHER, MASK
        read = self.model(features | {"input_ids": torch.where(masked[:, :, None], blank, ids)})
        logits = self.head(read["token_embeddings"][masked].float())  # (masked, buckets)
        return self.compute(logits, self.buckets_of(ids[masked], self.head.out_features))

    @staticmethod
    def buckets_of(rows: Tensor, buckets: int) -> Tensor:
        """Hash the characters of chunks (n, chars), their type aside, to (n,) in [0, buckets)."""
        chars = rows[:, 1:]
        hashes = (mix(chars) * (chars != PAD) * powers(chars.shape[1], chars.device)).sum(dim=1)
        return (mix(hashes) & 0x7FFFFFFFFFFFFFFF) % buckets

    @staticmethod
    def compute(logits: Tensor, buckets: Tensor) -> Tensor:
        """Return the cross-entropy of (n, buckets) logits for (n,) buckets, 0 where nothing is masked."""
        return F.cross_entropy(logits.float(), buckets) if len(buckets) else logits.sum()

    def get_config_dict(self) -> dict[str, Any]:
        """Return what the model card says of this loss."""
        return {"rate": self.rate, "buckets": self.head.out_features}
