"""A bounded map from chunk rows to chunk vectors, of one device and precision."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor


class CacheSlots:
    """A least-recently-used map of at most ``capacity`` chunk rows to their vectors.

    A 64-bit hash finds the slot and the stored row confirms it, so a hash collision is a miss, never a wrong vector.
    It knows nothing of threads: see ChunkCache.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.clear()

    def __len__(self) -> int:
        return len(self._slots)

    def clear(self) -> None:
        """Forget everything and free the memory."""
        self._slots: OrderedDict[int, int] = OrderedDict()
        self._rows: Tensor | None = None
        self._vectors: Tensor | None = None

    def find(self, hashes: list[int], rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return the positions (found,) of the rows (chunks, chars) that it holds, and copies of their vectors."""
        nothing = torch.zeros(0, dtype=torch.long), torch.zeros(0)
        if self._rows is None or self._vectors is None or self._rows.shape[1] != rows.shape[1]:
            return nothing
        found = [(i, slot) for i, h in enumerate(hashes) if (slot := self._slots.get(h)) is not None]
        if not found:
            return nothing
        at, slots = torch.tensor(found, device=rows.device).T  # each (found,)
        same = (self._rows[slots] == rows[at]).all(dim=1)
        for i, _ in found:
            self._slots.move_to_end(hashes[i])
        return at[same], self._vectors[slots[same]]

    def store(self, hashes: list[int], rows: Tensor, vectors: Tensor) -> None:
        """Keep the vectors (chunks, d_sem) of rows (chunks, chars), dropping the least recently used."""
        hashes, rows, vectors = hashes[: self.capacity], rows[: self.capacity], vectors[: self.capacity]
        if not self._fits(rows, vectors):
            self.clear()
            # Written slot by slot before they are read, they take memory only as far as slots are used.
            with torch.inference_mode(False):  # so that both inference_mode and no_grad may write to them
                self._rows = torch.empty(self.capacity, rows.shape[1], dtype=rows.dtype, device=rows.device)
                self._vectors = torch.empty(self.capacity, vectors.shape[1], dtype=vectors.dtype, device=vectors.device)
        assert self._rows is not None and self._vectors is not None
        try:
            slots = []
            for h in hashes:
                slot = self._slots.pop(h, None)
                if slot is None:
                    slot = len(self._slots) if len(self._slots) < self.capacity else self._slots.popitem(last=False)[1]
                self._slots[h] = slot
                slots.append(slot)
            self._rows[slots] = rows
            self._vectors[slots] = vectors
        except BaseException:  # Ctrl-C, or out of memory: half written, a row may stand beside another's vector
            self.clear()
            raise

    def _fits(self, rows: Tensor, vectors: Tensor) -> bool:
        if self._rows is None or self._vectors is None:
            return False
        return (self._rows.shape[1], self._vectors.shape[1], self._vectors.dtype) == (
            rows.shape[1], vectors.shape[1], vectors.dtype,
        )  # fmt: skip
