"""Tell the class of a text: the section it is from, its topic, or what else a task asks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from tiered_st.losses.columns import merge, width_of


class ClassificationLoss(nn.Module):
    """Predict a text's class from its embedding by a linear head.

    Serves section titles and topics while pretraining as well as single-text tasks; pairs of texts are the business of
    the stock ``SoftmaxLoss``. Works with any SentenceTransformer.

    Inputs: any number of columns, each a view of the row's text. Labels: the row's class, in [0, num_labels).

    Args:
        model: the model to train.
        num_labels: number of classes.
    """

    def __init__(self, model: SentenceTransformer, *, num_labels: int) -> None:
        super().__init__()
        if num_labels < 2:
            raise ValueError(f"num_labels={num_labels} leaves nothing to tell apart: give at least 2.")
        self.model = model
        self.head = nn.Linear(width_of(model), num_labels)

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor) -> Tensor:
        """Return the loss, a scalar."""
        columns = list(sentence_features)
        vectors = self.model(merge(columns))["sentence_embedding"]  # (columns * batch, d)
        return self.compute(self.head(vectors.float()), labels.repeat(len(columns)))

    @staticmethod
    def compute(logits: Tensor, labels: Tensor) -> Tensor:
        """Return the cross-entropy of (n, classes) logits for (n,) labels."""
        return F.cross_entropy(logits.float(), labels)

    def get_config_dict(self) -> dict[str, Any]:
        """Return what the model card says of this loss."""
        return {"num_labels": self.head.out_features}
