"""Run several columns of a batch through a model at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiered_st.modules import TieredInput


def merge(columns: Iterable[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Join columns along the batch, padding chunks: (batch, chunks, chars) each to (columns * batch, chunks, chars).

    One forward pass over all views of a text encodes the chunks they share once.
    """
    columns = list(columns)
    width = max(column["attention_mask"].shape[1] for column in columns)

    def widen(tensor: Tensor) -> Tensor:
        return F.pad(tensor, (0, 0) * (tensor.ndim - 2) + (0, width - tensor.shape[1]))  # (batch, width, …)

    names = [name for name in ("input_ids", "attention_mask", "token_type_ids") if name in columns[0]]
    return {name: torch.cat([widen(column[name]) for column in columns]) for name in names}


def tiers_of(model: Any) -> TieredInput:
    """Return a model's E1 and projector."""
    model = getattr(model, "module", model)
    if not isinstance(model[0], TieredInput):
        first = type(model[0]).__name__
        raise ValueError(f"This loss trains E1, but the model opens with a {first}: build it by tiered_st.build.")
    return model[0]


def chunk_vectors(model: nn.Module, features: dict[str, Tensor]) -> Tensor:
    """Return the chunk vectors of a batch, (batch, chunks, d_sem), running E2 only where gradients must be synced."""
    if hasattr(model, "module"):  # distributed: only the wrapper's own forward arms its gradient exchange
        features = model(features)
        return features["chunk_embeddings"] + 0.0 * features["sentence_embedding"].sum()
    return tiers_of(model)(features)["chunk_embeddings"]


def single_chunks(features: dict[str, Tensor]) -> Tensor:
    """Say which texts are one chunk between the two marks, (batch,) boolean."""
    return features["attention_mask"].sum(dim=1) == 3
