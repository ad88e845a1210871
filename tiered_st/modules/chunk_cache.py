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
        self._owner = owner
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
        version = self._state(rows.device.type)
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
            with torch.inference_mode(False):  # so that both inference_mode and no_grad may write to them
                self._rows = torch.zeros(self.capacity, rows.shape[1], dtype=rows.dtype, device=rows.device)
                self._vectors = torch.zeros(self.capacity, vectors.shape[1], dtype=vectors.dtype, device=vectors.device)
        slots = []
        for h in hashes:
            slot = self._slots.pop(h, None)
            if slot is None:
                slot = len(self._slots) if len(self._slots) < self.capacity else self._slots.popitem(last=False)[1]
            self._slots[h] = slot
            slots.append(slot)
        self._rows[slots] = rows
        self._vectors[slots] = vectors

    def _state(self, device: str) -> tuple[object, ...]:
        """Return something that differs whenever the vectors could: precision, and each weight's identity and values.

        Version counters miss fused optimizers and edits through ``.data``, so a few values of each weight are looked
        at too: both kinds of change touch all of a dense weight.
        """
        precision = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else None
        weights = list(self._owner.parameters())
        sample = torch.cat([_few(weight.detach()).float() for weight in weights]).tolist()
        marks = [(w.data_ptr(), 0 if w.is_inference() else w._version) for w in weights]
        return (precision, *marks, *sample)


def _few(weight: Tensor) -> Tensor:
    """Return a few values of a weight, (up to 8,), without copying the rest, however it is laid out."""
    while weight.ndim > 1:
        weight = weight[0]
    return weight.reshape(-1)[:8]
