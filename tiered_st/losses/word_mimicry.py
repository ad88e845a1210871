"""Hit a pretrained model's vector of a word from its spelling."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from tiered_st.losses.columns import chunk_vectors, merge, single_chunks


class WordMimicryLoss(nn.Module):
    """Aim the chunk vector of a word, clean and misspelt, at its vector in a pretrained model.

    Inputs: any number of columns, each one spelling of the row's word; a spelling that does not come out as a single
    chunk is left out. Labels: the row's index into ``targets``.

    References: Pinter et al. 2017, MIMICK; Chen et al. 2022, LOVE.

    Args:
        model: the model to train.
        targets: (words, d_sem) vectors to hit.
        marks: (2, d_sem) targets of BEGIN and FINISH, or None to leave these alone.
    """

    tier = "E1"
    targets: Tensor
    center: Tensor
    marks: Tensor | None

    def __init__(self, model: SentenceTransformer, targets: Tensor, *, marks: Tensor | None = None) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("targets", targets.float(), persistent=False)
        self.register_buffer("center", targets.float().mean(dim=0), persistent=False)
        self.register_buffer("marks", None if marks is None else marks.float(), persistent=False)

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor) -> Tensor:
        """Return the loss, a scalar."""
        columns = list(sentence_features)
        features = merge(columns)
        vectors = chunk_vectors(self.model, features)  # (columns * batch, chunks, d_sem)
        single = single_chunks(features)
        targets = self.targets[labels].repeat(len(columns), 1)
        loss = self.compute(vectors[single, 1], targets[single], self.center)
        if self.marks is not None:
            own = torch.stack([vectors[0, 0], vectors[single][0, 2]]) if single.any() else vectors[:1, 0]
            loss = loss + 0.05 * self.compute(own, self.marks[: len(own)], self.center)
        return loss

    @staticmethod
    def compute(vectors: Tensor, targets: Tensor, center: Tensor) -> Tensor:
        """Return squared error over the targets' variance, plus 1 - cosine, both around ``center``; (n, d) each."""
        if len(vectors) == 0:
            return vectors.sum()
        own, wanted = vectors.float() - center, targets - center
        error = (own - wanted).square().sum(dim=1) / wanted.square().sum(dim=1).mean().clamp_min(1e-8)
        return (error + 1 - F.cosine_similarity(own, wanted, dim=1)).mean()

    def get_config_dict(self) -> dict[str, Any]:
        """Return what the model card says of this loss."""
        return {"words": len(self.targets), "marks": self.marks is not None}
