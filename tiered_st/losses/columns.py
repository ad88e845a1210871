"""Run several columns of a batch through a model at once."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from tiered_st.modules.tiers_of import tiers_of
from tiered_st.text.tokenizer import PAD


def merge(columns: Iterable[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Join columns along the batch, padding along the text: (batch, chunks, …) each to (columns * batch, chunks, …).

    One forward pass over all views of a text encodes the chunks they share once. Columns of a subword model, (batch,
    tokens), are joined likewise: whatever its padding id, the attention mask hides the zeros put there.
    """
    columns = list(columns)
    merged = {}
    for key in columns[0]:
        values = [column[key] for column in columns]
        if not isinstance(values[0], Tensor):
            merged[key] = values[0]
        elif not values[0].is_floating_point():  # what a forward pass left in the features is made anew
            if values[0].ndim > 1:
                width = max(v.shape[1] for v in values)
                values = [F.pad(v, (0, 0) * (v.ndim - 2) + (0, width - v.shape[1])) for v in values]
            merged[key] = torch.cat(values)
    return merged


def width_of(model: SentenceTransformer) -> int:
    """Return the width of a model's embeddings."""
    width = model.get_embedding_dimension()
    if width is None:
        raise ValueError(f"The model does not say how wide its embeddings are: end it with a Pooling, not {model[-1]}.")
    return width


def chunk_vectors(model: nn.Module, features: dict[str, Tensor]) -> Tensor:
    """Return the chunk vectors of a batch, (batch, chunks, d_sem), running E2 only where gradients must be synced."""
    if hasattr(model, "module"):  # distributed: only the wrapper's own forward arms its gradient exchange
        features = model(features)
        return features["chunk_embeddings"] + 0.0 * features["sentence_embedding"].sum()
    return tiers_of(model)(features)["chunk_embeddings"]


def synced(loss: Tensor, model: nn.Module, features: dict[str, Tensor]) -> Tensor:
    """Return a loss whose gradients are exchanged though it went past the model's own forward pass."""
    if hasattr(model, "module"):  # distributed: see chunk_vectors
        return loss + 0.0 * model(dict(features))["sentence_embedding"].sum()
    return loss


def single_chunks(features: dict[str, Tensor]) -> Tensor:
    """Say which texts are one chunk between BEGIN and FINISH, (batch,) boolean."""
    return features["attention_mask"].sum(dim=1) == 3


def between_edges(features: dict[str, Tensor]) -> Tensor:
    """Say which chunks have characters, as BEGIN, FINISH and padding have not, (batch, chunks) boolean."""
    return features["input_ids"][:, :, 1] != PAD


def distinct_chunks(features: dict[str, Tensor], *, least: int = 1) -> Tensor:
    """Return each chunk of a batch once that has at least ``least`` characters, (distinct, chars) int64."""
    rows = features["input_ids"][between_edges(features)].unique(dim=0)
    return rows[(rows != PAD).sum(dim=1) > least]


def as_texts(rows: Tensor) -> dict[str, Tensor]:
    """Return features in which each chunk (n, chars) is a text of its own, without text edges: (n, 1, chars)."""
    return {"input_ids": rows[:, None], "attention_mask": rows.new_ones(len(rows), 1)}


def draw_below(bounds: Tensor) -> Tensor:
    """Draw an integer from [0, bound) for each of ``bounds``, int64; 0 where the bound is 0."""
    drawn = (torch.rand(bounds.shape, device=bounds.device) * bounds).long()
    return torch.minimum(drawn, bounds - 1).clamp_min(0)  # a product may be rounded up to its bound


def check_temperatures(**temperatures: float) -> None:
    """Refuse temperatures that are not positive."""
    for name, value in temperatures.items():
        if not 0 < value < float("inf"):
            raise ValueError(f"{name}={value!r} divides cosines: give a positive number, such as 0.05.")


def check_targets(**tables: Tensor) -> None:
    """Refuse a teacher's vectors that are no tables, or not of one shape."""
    for name, table in tables.items():
        if table.ndim != 2:
            raise ValueError(f"{name} are (texts, d_teacher) vectors of a teacher, but have shape {[*table.shape]}.")
    if len({table.shape for table in tables.values()}) > 1:
        shapes = ", ".join(f"{name} {[*table.shape]}" for name, table in tables.items())
        raise ValueError(f"{shapes}: give a vector of one width to each row of both.")
