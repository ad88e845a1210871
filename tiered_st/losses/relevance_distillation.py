"""Learn from a teacher of another space how well each text of a batch answers each query."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from tiered_st.losses.columns import check_targets, check_temperatures, merge
from tiered_st.losses.contrast import divergence_of


class RelevanceDistillationLoss(nn.Module):
    """Have the student rank a batch's documents for each query as a teacher ranks them, whatever space it has.

    A query's cosines to all documents of the batch, over a temperature, are a distribution; the loss is the divergence
    KL(teacher ‖ student) of the two. A document that answers a query beside its own is no negative then, and a batch
    may be made of documents that are near each other, which teaches most and would be full of wrong negatives else.

    The stock DistillKLDivLoss compares scores of given negatives, which are columns of data. Here the batch's other
    documents are the candidates, and a row carries an index.

    Inputs: two columns, queries and documents. Labels: the row's index into ``queries`` and ``documents``.

    References: Lin et al. 2021, "In-Batch Negatives for Knowledge Distillation with Tightly-Coupled Teachers for Dense
    Retrieval"; Hofstätter et al. 2021, "Efficiently Teaching an Effective Dense Retriever with Balanced Topic Aware
    Sampling".

    Args:
        model: the model to train.
        queries: (rows, d_teacher) vectors of the teacher, of any length.
        documents: (rows, d_teacher) vectors of the teacher, of any length.
        temperature: of the student's cosines.
        teacher_temperature: of the teacher's: the less they are spread, the smaller, some .05 for cosines from 0 to 1
            and .01 for those of E5.

    Raises:
        ValueError: If a temperature is not positive, or the vectors are no tables of one shape.
    """

    queries: Tensor
    documents: Tensor

    def __init__(
        self,
        model: SentenceTransformer,
        queries: Tensor,
        documents: Tensor,
        *,
        temperature: float = 0.05,
        teacher_temperature: float = 0.05,
    ) -> None:
        super().__init__()
        check_temperatures(temperature=temperature, teacher_temperature=teacher_temperature)
        check_targets(queries=queries, documents=documents)
        self.model = model
        self.temperature = temperature
        self.teacher_temperature = teacher_temperature
        self.register_buffer("queries", queries, persistent=False)
        self.register_buffer("documents", documents, persistent=False)

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor) -> Tensor:
        """Return the loss, a scalar."""
        vectors = self.model(merge(sentence_features))["sentence_embedding"]  # (2 * batch, d_sem)
        queries, documents = vectors.chunk(2)
        wanted = F.normalize(self.queries[labels].float(), dim=1) @ F.normalize(self.documents[labels].float(), dim=1).T
        return self.compute(queries, documents, wanted, self.temperature, self.teacher_temperature)

    @staticmethod
    def compute(
        queries: Tensor, documents: Tensor, wanted: Tensor, temperature: float, teacher_temperature: float
    ) -> Tensor:
        """Return the loss of ``queries`` and ``documents`` (batch, d) against a teacher's cosines (batch, batch)."""
        # In float32 under autocast too: bfloat16 tells cosines near 1 apart by .004, which over .01 is not little.
        with torch.autocast(queries.device.type, enabled=False):
            queries, documents = F.normalize(queries.float(), dim=1), F.normalize(documents.float(), dim=1)
            return divergence_of(wanted.float() / teacher_temperature, queries @ documents.T / temperature)

    def get_config_dict(self) -> dict[str, Any]:
        """Return what the model card says of this loss."""
        return {"temperature": self.temperature, "teacher_temperature": self.teacher_temperature}
