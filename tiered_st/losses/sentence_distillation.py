"""Aim every view of a text at a teacher's vector of the clean text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from tiered_st.losses.columns import merge
from tiered_st.losses.contrast import divergence


class SentenceDistillationLoss(nn.Module):
    """Noise-invariant distillation: clean, misspelt, OCR-ed, lower-cased… copies share one target.

    The absolute part is 1 - cosine to the teacher's vector. The relative part is the divergence between the teacher's
    and the student's distribution over the batch's other texts, which keeps rankings where the absolute part saturates.

    The stock EmbedDistillLoss is the absolute part alone (``distance_metric="cosine"``); targets are columns of data
    and views are embedded one by one. Here they pass the model at once, which encodes the chunks that they share once
    and gives both parts the same vectors, and a row carries an index instead of a vector.

    Inputs: any number of columns, each a view of the row's text. Labels: the row's index into ``targets``, or
    the vector itself, (batch, d_sem), where not all of them are held.

    References: Reimers & Gurevych 2020; RoLASER (Nishimwe et al. 2024); LEAF (Vujanic & Rueckstiess 2025).

    Args:
        model: the model to train.
        targets: (texts, d_sem) unit vectors of the teacher.
        relative: weight of the relative part.
        scale: inverse temperature of the distributions.
    """

    targets: Tensor

    def __init__(
        self, model: SentenceTransformer, targets: Tensor, *, relative: float = 1.0, scale: float = 20.0
    ) -> None:
        super().__init__()
        self.model = model
        self.relative = relative
        self.scale = scale
        self.register_buffer("targets", targets, persistent=False)

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor) -> Tensor:
        """Return the loss, a scalar."""
        columns = list(sentence_features)
        vectors = self.model(merge(columns))["sentence_embedding"].float()  # (columns * batch, d_sem)
        targets = F.normalize((labels if labels.is_floating_point() else self.targets[labels]).float(), dim=1)
        return self.compute(vectors.view(len(columns), len(labels), -1), targets, self.relative, self.scale)

    @staticmethod
    def compute(views: Tensor, targets: Tensor, relative: float, scale: float) -> Tensor:
        """Return the loss of unit vectors ``views`` (columns, batch, d) against ``targets`` (batch, d)."""
        absolute = 1 - (views * targets).sum(dim=-1).mean()
        # Students are compared among themselves, a noisy view against the clean one of the others.
        return absolute + relative * divergence(scale * targets @ targets.T, scale * views @ views[0].T)

    def get_config_dict(self) -> dict[str, Any]:
        """Return what the model card says of this loss."""
        return {"relative": self.relative, "scale": self.scale}
