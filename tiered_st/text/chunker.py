"""What every chunker gives, and how it is asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Chunks:
    """Hold where chunks lie in an array of code points, in the order of their starts; they may overlap.

    The first three arrays have shape (chunks,).
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]  # exclusive
    types: NDArray[np.int64]  # ChunkType
    skipped: NDArray[np.bool_] | None = None  # (characters,): left out of the chunks that they lie in

    @classmethod
    def none(cls) -> Chunks:
        """Return no chunks."""
        empty = np.zeros(0, dtype=np.int64)
        return cls(empty, empty, empty)


class Chunker(ABC):
    """Cut the code points of texts, each with SEPARATOR behind it, into chunks."""

    @abstractmethod
    def __call__(self, points: NDArray[np.uint32], widths: NDArray[np.int64]) -> Chunks:
        """Cut code points, shape (characters,), whose id counts are ``widths``, into chunks in reading order."""

    def training_features(self, points: NDArray[np.uint32]) -> dict[str, NDArray[np.int64]]:
        """Return what a loss needs for training the chunker itself, (texts, …) each; most have nothing to learn."""
        return {}
