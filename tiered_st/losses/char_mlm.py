"""Predict masked characters of a chunk from the others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from tiered_st.losses.columns import distinct_chunks, merge, synced
from tiered_st.losses.masking import MASKINGS
from tiered_st.modules.tiers_of import tiers_of
from tiered_st.text.tokenizer import MASK, PAD, VOCAB_SIZE


class CharMLMLoss(nn.Module):
    """Masked characters: E1 and a linear head guess each from the rest of its chunk, or of its text if E1 sees that.

    Gradients reach E1 only: the projector is not involved. Inputs: any columns. Labels: ignored.

    Args:
        model: the model to train.
        rate: share of characters masked.
        masking: a strategy, "char", "span" or "word" (see masking), or (strategy, share of the chunks) pairs.

    Raises:
        ValueError: if ``masking`` names an unknown strategy or its shares are not positive.
    """

    tier = "E1"

    def __init__(
        self,
        model: SentenceTransformer,
        *,
        rate: float = 0.15,
        masking: str | tuple[tuple[str, float], ...] = "char",
    ) -> None:
        super().__init__()
        masking = ((masking, 1.0),) if isinstance(masking, str) else masking
        for name, share in masking:
            if name not in MASKINGS:
                raise ValueError(f"masking={name!r} is not one of {', '.join(MASKINGS)}.")
            if share <= 0:
                raise ValueError(f"masking gives {name!r} a share of {share}, which masks nothing: leave it out.")
        if not masking:
            raise ValueError(f"masking is empty: give (strategy, share) pairs of {', '.join(MASKINGS)}.")
        self.model = model
        self.rate = rate
        self.masking = tuple(masking)
        self.head = nn.Linear(tiers_of(model).settings.d_char, VOCAB_SIZE)

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor | None = None) -> Tensor:
        """Return the loss, a scalar."""
        features = merge(sentence_features)
        tiers = tiers_of(self.model)
        texts: tuple[Tensor, ...] = ()
        if tiers.settings.char_span == "chunk":
            rows = distinct_chunks(features, least=2)
        else:  # every chunk, beside those that E1 sees with it
            there = features["attention_mask"].bool()
            rows, texts = features["input_ids"][there], (there.nonzero()[:, 0],)
        if len(rows) == 0:
            return synced(0.0 * self.head.weight.sum(), self.model, features)
        rows = rows[:, : int((rows != PAD).sum(dim=1).max())]
        masked = self.mask(rows)
        states, _ = tiers.char_encoder(rows.masked_fill(masked, MASK), *texts)
        logits = self.head(states[:, : rows.shape[1]][masked])  # (masked, vocabulary)
        return synced(self.compute(logits, rows[masked]), self.model, features)

    def mask(self, rows: Tensor) -> Tensor:
        """Draw what is hidden of rows (chunks, chars), boolean of the same shape; each chunk follows one strategy."""
        present = rows != PAD
        present[:, 0] = False  # the chunk's type
        shares = torch.tensor([share for _, share in self.masking], device=rows.device)
        strategy = torch.multinomial(shares, len(rows), replacement=True)[:, None]  # (chunks, 1)
        masked = torch.zeros_like(present)
        for i, (name, _) in enumerate(self.masking):
            masked |= MASKINGS[name](present, self.rate) & (strategy == i)
        return masked

    @staticmethod
    def compute(logits: Tensor, ids: Tensor) -> Tensor:
        """Return the cross-entropy of (n, vocabulary) logits for (n,) ids, 0 where nothing is masked."""
        return F.cross_entropy(logits.float(), ids) if len(ids) else logits.sum()

    def get_config_dict(self) -> dict[str, Any]:
        """Return what the model card says of this loss."""
        return {"rate": self.rate, "masking": dict(self.masking)}
