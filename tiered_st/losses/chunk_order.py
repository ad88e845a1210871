"""Tell whether two chunks of a text are in order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from tiered_st.losses.columns import between_edges, draw_below, merge
from tiered_st.modules.tiers_of import tiers_of


class ChunkOrderLoss(nn.Module):
    """Swap two chunks of every other text; a linear head on E2's states at the two places says whether.

    The head is given the earlier place first whether they were swapped or not, so that positions tell it nothing: it
    has to read which order makes sense. Texts of fewer than two different chunks are left out.

    Gradients reach both tiers. Inputs: any columns. Labels: ignored.

    Reference: Lan et al. 2020, ALBERT, whose sentence order prediction this is for chunks.

    Args:
        model: the model to train.
        reach: how many chunks apart the two are at most.
    """

    def __init__(self, model: SentenceTransformer, *, reach: int = 4) -> None:
        super().__init__()
        if reach < 1:
            raise ValueError(f"reach={reach} finds no second chunk: give at least 1.")
        self.model = model
        self.reach = reach
        self.head = nn.Linear(2 * tiers_of(model).settings.d_sem, 1)

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor | None = None) -> Tensor:
        """Return the loss, a scalar."""
        features = merge(sentence_features)
        ids, text = features["input_ids"], torch.arange(len(features["input_ids"]), device=features["input_ids"].device)
        places, used = self.draw(features)
        swapped = torch.rand(len(ids), device=ids.device) < 0.5
        order = torch.arange(ids.shape[1], device=ids.device).repeat(len(ids), 1)  # (batch, chunks)
        order.scatter_(1, places, torch.where(swapped[:, None], places.flip(1), places))
        read = self.model(features | {"input_ids": ids[text[:, None], order]})
        pairs = read["token_embeddings"][text[:, None], places].flatten(1)  # (batch, 2 * d_sem)
        return self.compute(self.head(pairs.float()).squeeze(1)[used], swapped[used])

    def draw(self, features: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Draw two places of each text, the earlier first, (batch, 2), and say where both differ, (batch,)."""
        ids, counts = features["input_ids"], between_edges(features).sum(dim=1)  # chunks lie at 1 … count
        first = 1 + draw_below(counts - 1)
        second = first + 1 + draw_below((counts - first).clamp_max(self.reach))
        second = torch.minimum(second, counts.clamp_min(1))
        places = torch.stack([first, second], dim=1)
        chunks = ids[torch.arange(len(ids), device=ids.device)[:, None], places]  # (batch, 2, chars)
        return places, (chunks[:, 0] != chunks[:, 1]).any(dim=1)

    @staticmethod
    def compute(logits: Tensor, swapped: Tensor) -> Tensor:
        """Return the binary cross-entropy of (n,) logits for (n,) booleans, 0 where there are none."""
        return F.binary_cross_entropy_with_logits(logits.float(), swapped.float()) if len(logits) else logits.sum()

    def get_config_dict(self) -> dict[str, Any]:
        """Return what the model card says of this loss."""
        return {"reach": self.reach}
