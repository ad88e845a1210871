"""What is measured: a model with the name and revision that its results are kept under."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from tiered_st.fingerprint import model_revision, weights_fingerprint


class Reader(NamedTuple):
    """A model that reads texts of one kind, with the face that `tiered_st.evaluation.unit_vectors` wants."""

    encode: Callable[..., np.ndarray]


@dataclass
class Candidate:
    """A model under measurement: anything with sentence-transformers' `encode`, and what the results say of it.

    A model without vectors of its own may rank documents instead: see `rank`.

    Attributes:
        name: As shown in tables.
        model: The model itself. Where more than its weights decides what it does, it says so by a `revision`.
        bf16: Encode under bfloat16 autocast.
        batch_size: Texts per call of the model.
        disk_bytes: Size of the files of its weights and its tokenizer; 0 where it has none of its own.
    """

    name: str
    model: Any
    bf16: bool = False
    batch_size: int = 64
    disk_bytes: int = 0

    def __post_init__(self) -> None:
        own = getattr(self.model, "revision", None)
        self.revision: str = own or model_revision(self.model)
        # What results were kept under when the weights alone were looked at; None where settings were changed since.
        self.former_revision = weights_fingerprint(self.model) if own is None and _is_as_built(self.model) else None
        weights = self.model.parameters() if hasattr(self.model, "parameters") else ()
        counted = getattr(self.model, "parameter_count", None)  # of a model that is no module of torch
        self.parameters: int = counted or sum(weight.numel() for weight in weights)
        self.disk_bytes = self.disk_bytes or getattr(self.model, "disk_bytes", 0)

    def encode(self, texts: Sequence[str], **options: Any) -> np.ndarray:
        """Return (texts, dimension) float32; `options` go to the model's own `encode`.

        Raises:
            ValueError: If the model ranks documents without making vectors.
        """
        return self._encode("encode", texts, options)

    @property
    def queries(self) -> Reader:
        """The model as it reads what asks for documents: by its `encode_query`, where it has one."""
        return Reader(lambda texts, **options: self._encode("encode_query", texts, options))

    @property
    def documents(self) -> Reader:
        """The model as it reads documents that are asked for: by its `encode_document`, where it has one."""
        return Reader(lambda texts, **options: self._encode("encode_document", texts, options))

    def _encode(self, how: str, texts: Sequence[str], options: dict[str, Any]) -> np.ndarray:
        if not hasattr(self.model, "encode"):
            raise ValueError(f"{self.name} ranks documents and makes no vectors: measure it with --suite retrieval.")
        read = getattr(self.model, how, self.model.encode)
        device = torch.device(getattr(self.model, "device", "cpu")).type
        with torch.autocast(device, dtype=torch.bfloat16) if self.bf16 else nullcontext():
            return np.asarray(read(list(texts), **options), dtype=np.float32)

    def learn(self, texts: Sequence[str]) -> None:
        """Let the model know the words of what it is to find, if it is one that learns (`benchmarks.peers.taught`)."""
        if hasattr(self.model, "learn"):
            self.model.learn(texts)

    @property
    def ranks(self) -> bool:
        """Whether the model ranks documents itself; others are ranked by the cosines of their vectors."""
        return hasattr(self.model, "rank")

    def rank(self, queries: Sequence[str], documents: Sequence[str], *, depth: int) -> np.ndarray:
        """Return the rows of the best documents for each query, (queries, depth) int64, the best first."""
        return self.model.rank(queries, documents, depth=min(depth, len(documents)))


def _is_as_built(model: Any) -> bool:
    """Tell whether the weights alone say what a model does: nothing is set that its configuration does not set."""
    if getattr(model, "truncate_dim", None) or (getattr(model, "prompts", None) or {}).get(
        getattr(model, "default_prompt_name", None)
    ):
        return False
    if not isinstance(model, torch.nn.Sequential) or not hasattr(model[0], "vector_settings"):
        return True  # not one of ours: nothing of it is ever changed here
    first: Any = model[0]
    poolings = [module for module in model if hasattr(module, "pooling_mode")]
    as_configured = all(row.include_prompt and row.pooling_mode == first.settings.pooling for row in poolings)
    return as_configured and first.max_seq_length == first.settings.max_chunks
