"""Predict the chunks that follow from a summary of those before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn

from tiered_st.losses.columns import as_texts, between_edges, draw_below, merge
from tiered_st.losses.contrast import info_nce
from tiered_st.modules.tiers_of import tiers_of
from tiered_st.text import ChunkType


class NextChunkLoss(nn.Module):
    """Cut each text at random, embed what is before, find chunk t + k among all of the batch, for k = 1 … ``ahead``.

    E2 looks both ways, so it reads the text cut at t, with FINISH put there: the summary is the embedding
    that the beginning of the text would have by itself. Candidates are the distinct chunks of the batch, each encoded
    alone: equal chunks are one candidate and never each other's negatives. Texts of one chunk are left out.

    Gradients reach both tiers. Inputs: any columns. Labels: ignored.

    Reference: van den Oord et al. 2018, contrastive predictive coding.

    Args:
        model: the model to train.
        ahead: how many chunks are predicted, each by a linear head of its own.
        scale: inverse temperature.
    """

    def __init__(self, model: SentenceTransformer, *, ahead: int = 3, scale: float = 20.0) -> None:
        super().__init__()
        if ahead < 1:
            raise ValueError(f"ahead={ahead} predicts nothing: give at least 1.")
        width = tiers_of(model).settings.d_sem
        self.model = model
        self.ahead = ahead
        self.scale = scale
        self.head = nn.Linear(width, ahead * width)

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor | None = None) -> Tensor:
        """Return the loss, a scalar."""
        features = merge(sentence_features)
        there = between_edges(features)  # (batch, chunks)
        counts = there.sum(dim=1)
        cuts = 1 + draw_below(counts - 1)  # chunks kept of each text, at least one
        summaries = self.model(cut_texts(features, cuts))["sentence_embedding"]
        predictions = self.head(summaries.float()).unflatten(1, (self.ahead, -1))  # (batch, ahead, d_sem)
        if not there.any():
            return 0.0 * predictions.sum()
        rows, number = features["input_ids"][there].unique(dim=0, return_inverse=True)
        candidates = tiers_of(self.model)(as_texts(rows))["chunk_embeddings"][:, 0]  # (distinct, d_sem)
        numbers = torch.zeros_like(there, dtype=torch.long)
        numbers[there] = number
        places = cuts[:, None] + torch.arange(1, self.ahead + 1, device=cuts.device)  # (batch, ahead)
        known = places <= counts[:, None]
        targets = numbers.gather(1, places.clamp_max(there.shape[1] - 1))
        return self.compute(predictions[known], candidates, targets[known], self.scale)

    @staticmethod
    def compute(predictions: Tensor, candidates: Tensor, targets: Tensor, scale: float) -> Tensor:
        """Return the cross-entropy of finding, by ``predictions`` (n, d), the ``targets`` (n,) in (m, d) candidates."""
        return info_nce(predictions, candidates, targets, scale)

    def get_config_dict(self) -> dict[str, Any]:
        """Return what the model card says of this loss."""
        return {"ahead": self.ahead, "scale": self.scale}


def cut_texts(features: dict[str, Tensor], kept: Tensor) -> dict[str, Tensor]:
    """Return features of the first ``kept`` (batch,) chunks of each text between its edges; shorter ones stay."""
    ids, mask = features["input_ids"], features["attention_mask"]
    last = torch.minimum(kept + 1, mask.sum(dim=1) - 1)  # (batch,): where FINISH goes
    place = torch.arange(ids.shape[1], device=ids.device)
    ids = ids * (place < last[:, None])[:, :, None]
    ids[torch.arange(len(ids), device=ids.device), last, 0] = ChunkType.FINISH
    return features | {"input_ids": ids, "attention_mask": mask * (place <= last[:, None])}
