"""Look chunk vectors up instead of computing them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from typing_extensions import Self

from tiered_st.modules.hashing import hash_rows
from tiered_st.modules.weights import quantize
from tiered_st.text.tokenizer import FIRST_BYTE

logger = logging.getLogger(__name__)

# Floating point is kept as the integers of its bits, so that a model's .half() or .float() leaves the table as it is.
_BITS = {"float32": (torch.float32, torch.int32), "float16": (torch.float16, torch.int16)}
TABLE_STORAGES = (*_BITS, "int8")


class ChunkTable(nn.Module):
    """A fixed map from chunk rows to chunk vectors.

    A 64-bit hash finds the place by binary search and the stored row confirms it, so a hash collision is a miss, never
    a wrong vector. What is not in the table is left to E1 or, where there is none, gets the mean vector of its type.

    Args:
        size: chunks in the table.
        chars: ids per chunk row.
        dim: width of the vectors.
        storage: how vectors are kept in memory and on disk: "float32", "float16" or "int8".
    """

    rows: Tensor
    vectors: Tensor
    row_scale: Tensor
    type_means: Tensor

    def __init__(self, size: int, chars: int, dim: int, *, storage: str = "float16") -> None:
        super().__init__()
        if storage not in TABLE_STORAGES:
            raise ValueError(f"A table's storage={storage!r} is not one of {', '.join(TABLE_STORAGES)}.")
        self.storage = storage
        bits = torch.int8 if storage == "int8" else _BITS[storage][1]
        self.register_buffer("rows", torch.zeros(size, chars, dtype=torch.int16))
        self.register_buffer("vectors", torch.zeros(size, dim, dtype=bits))
        self.register_buffer("row_scale", torch.zeros(size if storage == "int8" else 0, dtype=torch.int32))
        self.register_buffer("type_means", torch.zeros(FIRST_BYTE, dim))  # its dtype is the one vectors come out in
        self._sorted: tuple[Tensor, Tensor] | None = None
        self._warned = False

    @classmethod
    def of(cls, rows: Tensor, vectors: Tensor, *, storage: str = "float16") -> Self:
        """Build a table of distinct rows (chunks, chars) int64 and their vectors (chunks, dim)."""
        table = cls(len(rows), rows.shape[1], vectors.shape[1], storage=storage).to(rows.device)
        table.rows.copy_(rows)
        if storage == "int8":
            integers, scale = quantize(vectors)
            table.vectors.copy_(integers)
            table.row_scale.copy_(scale.squeeze(1).view(torch.int32))
        else:
            dtype, bits = _BITS[storage]
            table.vectors.copy_(vectors.to(dtype).view(bits))
        total = vectors.new_zeros(FIRST_BYTE, vectors.shape[1], dtype=torch.float32)
        total.index_add_(0, rows[:, 0], vectors.float())
        count = torch.bincount(rows[:, 0], minlength=FIRST_BYTE)[:, None]  # (types, 1)
        table.type_means.copy_(torch.where(count > 0, total / count.clamp_min(1), vectors.float().mean(dim=0)))
        table.type_means = table.type_means.to(vectors.dtype)
        return table

    def __len__(self) -> int:
        return len(self.rows)

    def settings(self) -> dict[str, Any]:
        """Return the arguments that build a table of this shape, JSON-ready."""
        return {"size": len(self), "chars": self.rows.shape[1], "dim": self.vectors.shape[1], "storage": self.storage}

    def find(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Look chunks up.

        Args:
            rows: (chunks, chars) int64, narrower than the table's where all chunks are short.

        Returns:
            The positions of the chunks found, (found,), and their vectors, (found, dim).
        """
        rows = F.pad(rows, (0, self.rows.shape[1] - rows.shape[1]))  # (chunks, chars)
        hashes, order = self._index()
        place = torch.searchsorted(hashes, hash_rows(rows)).clamp_max(len(hashes) - 1)
        slots = order[place]  # (chunks,)
        at = (self.rows[slots] == rows).all(dim=1).nonzero().squeeze(1)
        return at, self._vectors(slots[at])

    def forward(self, rows: Tensor, encode: Callable[[Tensor], Tensor] | None) -> Tensor:
        """Return the vectors of chunks.

        Args:
            rows: (chunks, chars) int64.
            encode: what returns the vectors (unknown, dim) of the chunks at positions (unknown,) that the table does
                not hold; None gives each the mean of its type.

        Returns:
            (chunks, dim) in the dtype that the model computes in.
        """
        at, known = self.find(rows)
        if len(at) == len(rows):
            return known
        unknown = torch.ones(len(rows), dtype=torch.bool, device=rows.device)
        unknown[at] = False
        others = unknown.nonzero().squeeze(1)
        new = self._default(rows[others]) if encode is None else encode(others)
        out = known.new_empty(len(rows), known.shape[1])
        return out.index_copy(0, at, known).index_copy(0, others, new.to(known.dtype))

    def _default(self, rows: Tensor) -> Tensor:
        """Return the mean vector of each chunk's type; a type that the table has none of gets the mean of all."""
        if not self._warned:
            self._warned = True
            logger.warning(
                "A text has a chunk that is not among this model's %d, and its E1 was dropped: it gets the mean vector "
                "of its type, here and wherever this happens (said once).", len(self),
            )  # fmt: skip
        return self.type_means[rows[:, 0]]

    def _vectors(self, slots: Tensor) -> Tensor:
        stored = self.vectors[slots]
        if self.storage == "int8":
            values = stored * self.row_scale[slots, None].view(torch.float32)
        else:
            values = stored.view(_BITS[self.storage][0])
        return values.to(self.type_means.dtype)

    def _index(self) -> tuple[Tensor, Tensor]:
        """Return the sorted hashes of the rows and the row of each, both (size,); made here, so never out of step."""
        index = self._sorted  # read once: another thread may make or forget it meanwhile
        if index is None:
            with torch.inference_mode(False):
                hashes, order = torch.sort(hash_rows(self.rows.long()))
            self._sorted = index = hashes, order
        return index

    def _forget_index(self) -> None:
        self._sorted = None

    def _apply(self, *args: Any, **kwargs: Any) -> Self:
        self._forget_index()  # the rows may move to another device
        return super()._apply(*args, **kwargs)

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        self._forget_index()
        super()._load_from_state_dict(*args, **kwargs)
