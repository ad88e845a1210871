"""Rebuild the characters of a chunk from its vector."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from tiered_st.losses.char_clm import frame
from tiered_st.losses.columns import as_texts, chunk_vectors, distinct_chunks, merge, synced
from tiered_st.modules.tiers_of import tiers_of
from tiered_st.text.tokenizer import PAD, VOCAB_SIZE


class ReconstructionLoss(nn.Module):
    """Spell a chunk out of its vector alone: a small decoder is asked for the character at each place.

    The decoder reads all places at once and not its own answers, so what it knows of the spelling it has from the
    vector. It also says where the chunk ends.

    Gradients reach E1 and the projector. Inputs: any columns. Labels: ignored.

    Args:
        model: the model to train.
        hidden: width of the decoder.
    """

    tier = "E1"

    def __init__(self, model: SentenceTransformer, *, hidden: int = 256) -> None:
        super().__init__()
        settings = tiers_of(model).settings
        self.model = model
        self.entrance = nn.Linear(settings.d_sem, hidden)
        self.place = nn.Embedding(settings.chunk_chars, hidden)
        self.head = nn.Sequential(nn.GELU(), nn.Linear(hidden, hidden), nn.GELU(), nn.Linear(hidden, VOCAB_SIZE))

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor | None = None) -> Tensor:
        """Return the loss, a scalar."""
        features = merge(sentence_features)
        rows = distinct_chunks(features)
        if len(rows) == 0:
            return synced(0.0 * self.entrance.weight.sum(), self.model, features)
        vectors = chunk_vectors(self.model, as_texts(rows))[:, 0]  # (chunks, d_sem)
        wanted = frame(rows)[:, 1:]  # (chunks, longest): characters, END
        return self.compute(self.spell(vectors, wanted.shape[1]), wanted)

    def spell(self, vectors: Tensor, length: int) -> Tensor:
        """Return logits for the first ``length`` places of chunks (n, d_sem): (n, length, vocabulary)."""
        places = self.place(torch.arange(length, device=vectors.device))  # (length, hidden)
        return self.head(self.entrance(vectors)[:, None] + places)

    @staticmethod
    def compute(logits: Tensor, ids: Tensor) -> Tensor:
        """Return the cross-entropy of (n, length, vocabulary) logits for ids (n, length), PAD left out."""
        return F.cross_entropy(logits.float().flatten(0, 1), ids.flatten(), ignore_index=PAD)

    def get_config_dict(self) -> dict[str, Any]:
        """Return what the model card says of this loss."""
        return {"hidden": self.entrance.out_features}
