"""Remember the vectors of frequent chunks between calls, of any number of threads."""

from __future__ import annotations

import threading
from typing import NamedTuple

import torch
from torch import Tensor, nn

from tiered_st.forks import renew_after_fork
from tiered_st.modules.cache_slots import CacheSlots
from tiered_st.modules.weight_watch import WeightWatch


class Form(NamedTuple):
    """What a chunk's vector depends on beside its row and the weights."""

    weights: int  # the state of the weights, by number
    device: torch.device
    precision: torch.dtype | None  # of autocast, which each thread switches for itself


class ChunkCache:
    """A bounded least-recently-used map from chunk rows to chunk vectors, which threads share.

    Vectors leave and enter it as copies under a lock, a row together with its vector; the encoder runs outside of it.
    What is found and what is stored belongs to the form that :meth:`find` returned *before* the encoder ran: if the
    weights changed meanwhile, by another thread or in place, it is not stored. A change of a parameter of ``owner``
    (in place, replaced, moved or cast) empties the cache. Vectors computed with and without autocast are kept apart,
    at most ``capacity`` of each.
    """

    def __init__(self, capacity: int, owner: nn.Module) -> None:
        self.capacity = capacity
        self._lock = threading.Lock()
        self._watch = WeightWatch(owner)
        self._weights = 0
        self._parts: dict[tuple[torch.device, torch.dtype | None], CacheSlots] = {}
        renew_after_fork(self)

    def __len__(self) -> int:
        with self._lock:
            return sum(map(len, self._parts.values()))

    def clear(self) -> None:
        """Forget everything, what is being encoded too, and free the memory."""
        with self._lock:
            self._renew()
            self._watch.forget()

    def drop_stale(self) -> None:
        """Forget, and free, what weights computed that have changed since; ``to`` is called to no effect too."""
        with self._lock:
            self._look_at_weights()

    def find(self, hashes: list[int], rows: Tensor) -> tuple[Tensor, Tensor, Form]:
        """Look chunks up.

        Args:
            hashes: one 64-bit hash per chunk.
            rows: (chunks, chars) int64.

        Returns:
            The positions of the chunks found, (found,), their vectors, (found, d_sem), and the form to store others
            under.
        """
        device = rows.device
        autocast = torch.is_autocast_enabled(device.type)
        precision = torch.get_autocast_dtype(device.type) if autocast else None
        with self._lock:
            form = Form(self._look_at_weights(), device, precision)
            return *self._part(form).find(hashes, rows), form

    def store(self, hashes: list[int], rows: Tensor, vectors: Tensor, form: Form) -> None:
        """Keep the vectors (chunks, d_sem) of rows (chunks, chars), unless weights are no longer what ``form`` says."""
        with self._lock:
            if self._look_at_weights() == form.weights:
                self._part(form).store(hashes, rows, vectors)

    def _part(self, form: Form) -> CacheSlots:
        return self._parts.setdefault((form.device, form.precision), CacheSlots(self.capacity))

    def _look_at_weights(self) -> int:
        """Return the number of the weights' state, having forgotten what was computed in an earlier one."""
        if self._watch.changed():
            self._renew()
        return self._weights

    def _renew(self) -> None:
        self._weights += 1
        self._parts.clear()

    def after_fork(self) -> None:
        """Start anew in a forked process if a thread that is not in it held the lock, and may have been writing."""
        if self._lock.locked():
            self._lock = threading.Lock()
            self._renew()
            self._watch.forget()
