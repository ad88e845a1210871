"""Learn from a teacher of another space how alike the texts of a batch are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from tiered_st.losses.columns import check_targets, check_temperatures, merge
from tiered_st.losses.contrast import divergence


class RelationDistillationLoss(nn.Module):
    """Have the student find in a batch what a teacher finds alike, whatever space and width the teacher's vectors have.

    Each text's cosines to the batch's other texts, over a temperature, are a distribution; the loss is the divergence
    KL(teacher ‖ student) of the two. What all of a teacher's cosines have in common is no matter: those of E5 lie in
    .7 to 1, and a softmax looks at differences. How large these are is: hence a temperature for each side.

    The stock DistillKLDivLoss compares scores of given negatives, which are columns of data. Here the batch's other
    texts are the candidates, and a row carries an index.

    Inputs: any number of columns, the first one clean, the others noisy views of it. Labels: the row's index into
    ``targets``. A batch of one or two texts has nothing to order: its loss is 0.

    References: Park et al. 2019, "Relational Knowledge Distillation"; Tung & Mori 2019, "Similarity-Preserving
    Knowledge Distillation"; Reimers & Gurevych 2020 for distillation of vectors, which needs one space.

    Args:
        model: the model to train.
        targets: (texts, d_teacher) vectors of the teacher, of any length.
        temperature: of the student's cosines.
        teacher_temperature: of the teacher's: the less they are spread, the smaller, some .05 for cosines from 0 to 1
            and .01 for those of E5.

    Raises:
        ValueError: If a temperature is not positive, or the targets are no table of vectors.
    """

    targets: Tensor

    def __init__(
        self,
        model: SentenceTransformer,
        targets: Tensor,
        *,
        temperature: float = 0.05,
        teacher_temperature: float = 0.05,
    ) -> None:
        super().__init__()
        check_temperatures(temperature=temperature, teacher_temperature=teacher_temperature)
        check_targets(targets=targets)
        self.model = model
        self.temperature = temperature
        self.teacher_temperature = teacher_temperature
        self.register_buffer("targets", targets, persistent=False)

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor) -> Tensor:
        """Return the loss, a scalar."""
        columns = list(sentence_features)
        vectors = self.model(merge(columns))["sentence_embedding"]  # (columns * batch, d_sem)
        views = vectors.view(len(columns), len(labels), -1)
        return self.compute(views, self.targets[labels], self.temperature, self.teacher_temperature)

    @staticmethod
    def compute(views: Tensor, targets: Tensor, temperature: float, teacher_temperature: float) -> Tensor:
        """Return the loss of ``views`` (columns, batch, d) against ``targets`` (batch, d_teacher)."""
        # In float32 under autocast too: bfloat16 tells cosines near 1 apart by .004, which over .01 is not little.
        with torch.autocast(views.device.type, enabled=False):
            targets, views = F.normalize(targets.float(), dim=-1), F.normalize(views.float(), dim=-1)
            # A noisy view seeks among the clean texts, as a mistyped question does in an index. Noisy views among
            # themselves could keep the relations in a place of their own, far from the clean ones: relations do not
            # say where they are. A row leaves itself out, its clean text too: that would be most of what either
            # softmax sees, and a teacher that never read the noisy view cannot say how far it is from the clean one.
            return divergence(targets @ targets.T / teacher_temperature, views @ views[0].T / temperature)

    def get_config_dict(self) -> dict[str, Any]:
        """Return what the model card says of this loss."""
        return {"temperature": self.temperature, "teacher_temperature": self.teacher_temperature}
