"""Bring two dropout copies of a text together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn

from tiered_st.losses.columns import merge
from tiered_st.losses.contrast import find_rows

_WHY = "both copies of a text would be equal and teach nothing: build the model with dropout, e.g. dropout=0.1"


class SimCSELoss(nn.Module):
    """Embed each text twice under different dropout and find it among the others (InfoNCE).

    Only where there is dropout do the copies differ: frozen tiers in inference mode are fine, an E2 without dropout is
    not. Equal texts of a batch are not each other's negatives.

    The stock MultipleNegativesRankingLoss on pairs of equals has the same cross-entropy, and stays a choice where texts
    are distinct. This does more: both copies pass the model at once, so that E1 reads the chunks that they share (all
    of them) once, equal texts are told apart from negatives, and a model without dropout is refused.

    Inputs: one column; further ones are ignored. Labels: ignored. Works with any SentenceTransformer.

    Reference: Gao et al. 2021, unsupervised SimCSE.

    Raises:
        ValueError: if the model has no dropout, or training finds it switched off.
    """

    def __init__(self, model: SentenceTransformer, *, scale: float = 20.0) -> None:
        super().__init__()
        if not any(map(_drops, model.modules())):
            raise ValueError(f"SimCSELoss needs dropout, and this model has none: {_WHY}.")
        self.model = model
        self.scale = scale

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor | None = None) -> Tensor:
        """Return the loss, a scalar."""
        column = next(iter(sentence_features))
        first, second = self.model(merge([column, column]))["sentence_embedding"].chunk(2)  # (batch, d) each
        if self.model.training and torch.equal(first, second):
            raise ValueError(f"SimCSELoss needs dropout, but all of it is in inference mode here: {_WHY}.")
        _, numbers = column["input_ids"].flatten(1).unique(dim=0, return_inverse=True)  # equal texts, equal numbers
        return self.compute(first, second, numbers, self.scale)

    @staticmethod
    def compute(first: Tensor, second: Tensor, texts: Tensor, scale: float) -> Tensor:
        """Return the cross-entropy of finding each row of ``first`` (n, d) in ``second`` (n, d); texts: (n,)."""
        return find_rows(first, second, texts, scale)

    def get_config_dict(self) -> dict[str, Any]:
        """Return what the model card says of this loss."""
        return {"scale": self.scale}


def _drops(module: nn.Module) -> bool:
    """Say whether a module has a dropout rate above 0, as a layer or as a setting of its own."""
    rate = module.p if isinstance(module, nn.Dropout) else getattr(module, "dropout", 0.0)
    return isinstance(rate, float) and rate > 0
