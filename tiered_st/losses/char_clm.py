"""Predict the next character of a chunk from those before it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from tiered_st.losses.columns import distinct_chunks, merge, synced
from tiered_st.modules.char_encoder import CharEncoder
from tiered_st.modules.layers import TransformerLayer
from tiered_st.modules.tiers_of import tiers_of
from tiered_st.text.tokenizer import END, PAD, START, VOCAB_SIZE


class CharCLMLoss(nn.Module):
    """Next character: E1 under a causal mask and a linear head guess each character and where the chunk ends.

    E1 runs without its hashed n-grams here: an n-gram sits at the character it starts with and the whole chunk's sits
    at its start, so they would tell what comes next. What learns is E1's character embeddings and its layers.

    Gradients reach E1 only: the projector is not involved. Inputs: any columns. Labels: ignored.

    References: Al-Rfou et al. 2019; Akbik et al. 2018, whose string embeddings are states of such a model.

    Raises:
        ValueError: if E1 mixes characters by convolutions, which no mask can make causal.
    """

    tier = "E1"

    def __init__(self, model: SentenceTransformer) -> None:
        super().__init__()
        settings = tiers_of(model).settings
        if settings.char_mixer != "transformer":
            raise ValueError(
                f"CharCLMLoss needs E1's attention to look back only, but char_mixer={settings.char_mixer!r} looks "
                "both ways: use CharMLMLoss, or build the model with char_mixer='transformer'."
            )
        self.model = model
        self.head = nn.Linear(settings.d_char, VOCAB_SIZE)

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor | None = None) -> Tensor:
        """Return the loss, a scalar."""
        features = merge(sentence_features)
        rows = distinct_chunks(features)
        if len(rows) == 0:
            return synced(0.0 * self.head.weight.sum(), self.model, features)
        ids = frame(rows)
        states = causal_states(tiers_of(self.model).char_encoder, ids)  # (chunks, chars + 1, d_char)
        wanted = ids[:, 1:]
        there = wanted != PAD
        loss = self.compute(self.head(states[:, :-1][there]), wanted[there])
        return synced(loss, self.model, features)

    @staticmethod
    def compute(logits: Tensor, ids: Tensor) -> Tensor:
        """Return the cross-entropy of (n, vocabulary) logits for the (n,) ids that come next, 0 without any."""
        return F.cross_entropy(logits.float(), ids) if len(ids) else logits.sum()

    def get_config_dict(self) -> dict[str, Any]:
        """Return what the model card says of this loss."""
        return {}


def frame(rows: Tensor) -> Tensor:
    """Put START in the place of each chunk's type and END behind its characters: (n, chars) to (n, longest + 1)."""
    lengths = (rows != PAD).sum(dim=1, keepdim=True)  # (n, 1)
    ids = F.pad(rows, (0, 1)).scatter(1, lengths, END)[:, : int(lengths.max()) + 1]
    return torch.cat([torch.full_like(ids[:, :1], START), ids[:, 1:]], dim=1)


def causal_states(encoder: CharEncoder, ids: Tensor) -> Tensor:
    """Return E1's states of framed ids (chunks, length), each of itself and what is before it: (…, d_char)."""
    length = ids.shape[1]
    causal = torch.ones(1, length, length, dtype=torch.bool, device=ids.device).tril()  # padding comes last anyway
    order = encoder.positions.order(length, ids.device)
    x = encoder.embedding(ids)
    for layer in encoder.layers:
        assert isinstance(layer, TransformerLayer)
        x = layer(x, causal, order)
    return encoder.norm(x)
