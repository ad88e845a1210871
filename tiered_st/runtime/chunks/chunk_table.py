"""Look chunk vectors up instead of computing them: modules.chunk_table in numpy."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiered_st.runtime.chunks.hashing import hash_rows
from tiered_st.runtime.stored_weights import StoredWeights
from tiered_st.text.tokenizer import FIRST_BYTE

logger = logging.getLogger(__name__)

# What a table is stored as; floating point lies in the file as the integers of its bits.
_STORAGES = {"float32": (np.int32, np.float32), "float16": (np.int16, np.float16), "int8": (np.int8, np.int8)}


class ChunkTable:
    """A fixed map from chunk rows to chunk vectors.

    A 64-bit hash finds the place by binary search and the stored row confirms it, so a hash collision is a miss, never
    a wrong vector.

    Args:
        weights: those of the table.
        size: chunks in the table.
        chars: ids per chunk row.
        dim: width of the vectors.
        storage: how vectors are kept: "float32", "float16" or "int8".

    Raises:
        ValueError: if there is no such storage, or the weights are not those of such a table.
    """

    def __init__(self, weights: StoredWeights, *, size: int, chars: int, dim: int, storage: str) -> None:
        if storage not in _STORAGES:
            raise ValueError(f"A table's storage={storage!r} is not one of {', '.join(_STORAGES)}.")
        bits, self._dtype = _STORAGES[storage]
        self._rows = weights.stored("rows", (size, chars))
        self._vectors = weights.stored("vectors", (size, dim))
        if self._vectors.dtype != bits:
            raise ValueError(f"A table of storage={storage!r} cannot have vectors of {self._vectors.dtype}.")
        scale = weights.stored("row_scale", (size if storage == "int8" else 0,))
        self._scale = np.ascontiguousarray(scale).view(np.float32)[:, None] if storage == "int8" else None
        self._type_means = weights.floats("type_means", FIRST_BYTE, dim)
        hashes = hash_rows(self._rows)
        self._order = np.argsort(hashes, kind="stable")
        self._hashes = hashes[self._order]
        self._warned = False

    def find(self, rows: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Look chunks up.

        Args:
            rows: (chunks, chars), narrower than the table's where all chunks are short.

        Returns:
            The positions of the chunks found, (found,), and their vectors, (found, dim).
        """
        rows = np.pad(rows, ((0, 0), (0, self._rows.shape[1] - rows.shape[1])))  # (chunks, chars)
        place = np.minimum(np.searchsorted(self._hashes, hash_rows(rows)), len(self._hashes) - 1)
        slots = self._order[place]  # (chunks,)
        at = np.flatnonzero((self._rows[slots] == rows).all(axis=1))
        found = np.ascontiguousarray(self._vectors[slots[at]]).view(self._dtype).astype(np.float32)
        return at, found if self._scale is None else found * self._scale[slots[at]]

    def default(self, rows: NDArray[np.integer]) -> NDArray[np.float32]:
        """Return the mean vector of each chunk's type, of chunks that the table does not hold."""
        if not self._warned:
            self._warned = True
            logger.warning(
                "A text has a chunk that is not among this model's %d, and its E1 was dropped: it gets the mean vector "
                "of its type, here and wherever this happens (said once).", len(self._rows),
            )  # fmt: skip
        return self._type_means[rows[:, 0]]

    @classmethod
    def of(cls, weights: StoredWeights, settings: dict[str, Any] | None) -> ChunkTable | None:
        """Return the table that ``config.json`` describes, None where it describes none."""
        return None if settings is None else cls(weights.part("table"), **settings)
