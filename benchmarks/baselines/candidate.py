"""What is measured: a model with the name and revision that its results are kept under."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from tiered_st.index import model_fingerprint


@dataclass
class Candidate:
    """A model under measurement: anything with sentence-transformers' `encode`, and what the results say of it.

    A model without vectors of its own may rank documents instead: see `rank`.

    Attributes:
        name: As shown in tables.
        model: The model itself. Where more than its weights decides what it does, it says so by a `revision`.
        bf16: Encode under bfloat16 autocast.
        batch_size: Texts per call of the model.
    """

    name: str
    model: Any
    bf16: bool = False
    batch_size: int = 64

    def __post_init__(self) -> None:
        self.revision: str = getattr(self.model, "revision", None) or model_fingerprint(self.model)
        weights = self.model.parameters() if hasattr(self.model, "parameters") else ()
        self.parameters: int = sum(weight.numel() for weight in weights)

    def encode(self, texts: Sequence[str], **options: Any) -> np.ndarray:
        """Return (texts, dimension) float32; `options` go to the model's own `encode`.

        Raises:
            ValueError: If the model ranks documents without making vectors.
        """
        if not hasattr(self.model, "encode"):
            raise ValueError(f"{self.name} ranks documents and makes no vectors: measure it with --suite retrieval.")
        device = torch.device(getattr(self.model, "device", "cpu")).type
        with torch.autocast(device, dtype=torch.bfloat16) if self.bf16 else nullcontext():
            return np.asarray(self.model.encode(list(texts), **options), dtype=np.float32)

    @property
    def ranks(self) -> bool:
        """Whether the model ranks documents itself; others are ranked by the cosines of their vectors."""
        return hasattr(self.model, "rank")

    def rank(self, queries: Sequence[str], documents: Sequence[str], *, depth: int) -> np.ndarray:
        """Return the rows of the best documents for each query, (queries, depth) int64, the best first."""
        return self.model.rank(queries, documents, depth=min(depth, len(documents)))
