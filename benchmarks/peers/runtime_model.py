"""A shipped model on `tiered_st.runtime`, with the face that a candidate has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from benchmarks.peers.optional import Unavailable
from tiered_st.fingerprint import model_revision
from tiered_st.model import load
from tiered_st.modules import TieredInput

NO_LIMIT = 1 << 30


def units_of(reader: TieredInput, texts: Sequence[str]) -> list[int]:
    """Return how many chunks each text has, marks included, cut by nothing."""
    return reader.preprocess(list(texts), max_length=NO_LIMIT)["attention_mask"].sum(dim=1).tolist()


class RuntimeModel:
    """Embed texts on ONNX Runtime, on as many threads as asked for: each number has an encoder of its own.

    Args:
        name: A shipped model.
        precision: As `tiered_st.runtime.load` takes it.

    Raises:
        Unavailable: If this version has no runtime, or ONNX Runtime is not installed.
    """

    def __init__(self, name: str, *, precision: str) -> None:
        try:
            from tiered_st import runtime

            self._load = runtime.load
        except (ImportError, AttributeError) as error:
            raise Unavailable(f"{name} cannot be run without torch here: {error}") from error
        self.name, self.precision = name, precision
        model = load(name)
        self.revision = model_revision(model)  # the same weights: results are told apart by the form in their names
        self.parameter_count = sum(weight.numel() for weight in model.parameters())
        self._reader: Any = model[0]
        self._encoders: dict[int, Any] = {}
        self._reads: int | None = None
        self.set_threads(torch.get_num_threads())

    def set_threads(self, count: int) -> None:
        """Encode on so many threads from now on."""
        if count not in self._encoders:
            self._encoders[count] = self._load(self.name, threads=count, precision=self.precision)
        self.encoder = self._encoders[count]
        if self._reads is not None:
            self.encoder.max_seq_length = self._reads

    @property
    def max_seq_length(self) -> int:
        """The longest text in chunks, marks included."""
        return self.encoder.max_seq_length

    @max_seq_length.setter
    def max_seq_length(self, chunks: int) -> None:
        self._reads = self.encoder.max_seq_length = chunks

    def units(self, texts: Sequence[str]) -> list[int]:
        """Return how many chunks each text has, marks included, cut by nothing: both read alike."""
        return units_of(self._reader, texts)

    def clear_cache(self) -> None:
        """Forget all chunk vectors."""
        cache = self.encoder.chunks.cache
        if cache is not None:
            cache.clear()

    def encode(self, texts: Sequence[str], **options: Any) -> np.ndarray:
        """Return (texts, dimension) float32; `options` go to the encoder's own `encode`."""
        return self.encoder.encode(texts, **options)
