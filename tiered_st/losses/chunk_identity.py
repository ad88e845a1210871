"""Bring spellings of one word together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn

from tiered_st.losses.columns import chunk_vectors, merge, single_chunks
from tiered_st.losses.contrast import find_rows


class ChunkIdentityLoss(nn.Module):
    """Tell, among all words of a batch, the one a misspelling stands for (InfoNCE on chunk vectors).

    Inputs: two columns, the word and a misspelling of it; rows that do not come out as single chunks are left out.
    Equal words of a batch are not each other's negatives. Labels: the word's number.

    Reference: van den Oord et al. 2018; the positives are those of the source design (edit distance, typo lists).
    """

    tier = "E1"

    def __init__(self, model: SentenceTransformer, *, scale: float = 20.0) -> None:
        super().__init__()
        self.model = model
        self.scale = scale

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor) -> Tensor:
        """Return the loss, a scalar."""
        columns = list(sentence_features)[:2]
        features = merge(columns)
        vectors = chunk_vectors(self.model, features)[:, 1]  # (2 * batch, d_sem)
        clean, noisy = vectors.chunk(2)
        single = torch.stack(single_chunks(features).chunk(2)).all(dim=0)
        return self.compute(clean[single], noisy[single], labels[single], self.scale)

    @staticmethod
    def compute(clean: Tensor, noisy: Tensor, words: Tensor, scale: float) -> Tensor:
        """Return the cross-entropy of finding each row of ``noisy`` (n, d) in ``clean`` (n, d); words: (n,)."""
        return find_rows(noisy, clean, words, scale)

    def get_config_dict(self) -> dict[str, Any]:
        """Return what the model card says of this loss."""
        return {"scale": self.scale}
