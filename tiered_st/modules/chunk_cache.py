"""Remember the vectors of frequent chunks between calls."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn


class ChunkCache:
    """A bounded least-recently-used map from chunk rows to chunk vectors.

    A 64-bit hash finds the slot and the stored row confirms it, so a hash collision is a miss, never a wrong vector.
    The cache empties itself when a parameter of ``owner`` was changed in place, replaced, moved or cast, and when
    autocast was switched on or off.
    """

    def __init__(self, capacity: int, owner: nn.Module) -> None:
        self.capacity = capacity
        self._parameters = tuple(owner.parameters())
        self._version: tuple[object, ...] = ()
        self.clear()

    def __len__(self) -> int:
        return len(self._slots)

    def clear(self) -> None:
        """Forget everything and free the memory."""
        self._slots: OrderedDict[int, int] = OrderedDict()
        self._rows: Tensor | None = None
        self._vectors: Tensor | None = None

    def find(self, hashes: list[int], rows: Tensor) -> tuple[Tensor, Tensor]:
        """Look chunks up.

        Args:
            hashes: one 64-bit hash per chunk.
            rows: (chunks, chars) int64.

        Returns:
            The positions of the chunks found, (found,), and their vectors, (found, d_sem).
        """
        device = rows.device.type
        precision = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else None
        version = (precision, *((p._version, p.data_ptr()) for p in self._parameters))
        if version != self._version:
            self.clear()
            self._version = version
        if self._rows is None or self._vectors is None:
            return torch.zeros(0, dtype=torch.long), torch.zeros(0)
        found = [(i, slot) for i, h in enumerate(hashes) if (slot := self._slots.get(h)) is not None]
        if not found:
            return torch.zeros(0, dtype=torch.long), torch.zeros(0)
        at, slots = torch.tensor(found, device=rows.device).T  # each (found,)
        same = (self._rows[slots] == rows[at]).all(dim=1)
        for i, _ in found:
            self._slots.move_to_end(hashes[i])
        return at[same], self._vectors[slots[same]]

    def store(self, hashes: list[int], rows: Tensor, vectors: Tensor) -> None:
        """Keep the vectors (chunks, d_sem) of rows (chunks, chars), dropping the least recently used."""
        hashes, rows, vectors = hashes[: self.capacity], rows[: self.capacity], vectors[: self.capacity]
        if self._rows is None or self._vectors is None or self._vectors.dtype != vectors.dtype:
            self.clear()
            self._rows = rows.new_zeros(self.capacity, rows.shape[1])
            self._vectors = vectors.new_zeros(self.capacity, vectors.shape[1])
        slots = []
        for h in hashes:
            slot = self._slots.pop(h, None)
            if slot is None:
                slot = len(self._slots) if len(self._slots) < self.capacity else self._slots.popitem(last=False)[1]
            self._slots[h] = slot
            slots.append(slot)
        self._rows[slots] = rows
        self._vectors[slots] = vectors
