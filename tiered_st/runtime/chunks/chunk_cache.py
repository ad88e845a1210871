"""Remember the vectors of frequent chunks between calls, of any number of threads."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tiered_st.forks import renew_after_fork

_SHARE = 8  # one chunk in so many is dropped at once where the cache is full
_NEVER = np.iinfo(np.int64).max  # when an empty slot was used: it is not among the oldest


class Found(NamedTuple):
    """What a cache knows of a list of chunks."""

    at: NDArray[np.int64]  # (found,): their places in the list
    vectors: NDArray[np.float32]  # (found, columns)
    missing: list[int]  # places of the others


class ChunkCache:
    """A bounded map from chunks to vectors that threads share; those not used for longest are dropped.

    A key is a chunk's whole row, so that no two chunks can be taken for one another. Vectors leave and enter it as
    copies under a lock; whoever encodes what is missing does so outside of it. Memory is taken as it fills.

    Args:
        capacity: chunks kept at most, at least 1.
        columns: width of a vector.
    """

    def __init__(self, capacity: int, columns: int) -> None:
        self.capacity = capacity
        self._lock = threading.Lock()
        self._vectors = np.empty((capacity, columns), dtype=np.float32)
        self._reset()
        renew_after_fork(self)

    def __len__(self) -> int:
        return len(self._slots)

    def find(self, keys: Sequence[bytes]) -> Found:
        """Look chunks up."""
        with self._lock:
            get = self._slots.get
            slots = [get(key, -1) for key in keys]
            missing = [i for i, slot in enumerate(slots) if slot < 0] if -1 in slots else []
            places = np.array(slots, dtype=np.int64)
            at = np.flatnonzero(places >= 0)
            places = places[at] if missing else places
            self._now += 1
            self._used[places] = self._now
            return Found(at, self._vectors[places], missing)

    def store(self, keys: Sequence[bytes], vectors: NDArray[np.float32]) -> None:
        """Keep the vectors (chunks, columns) of distinct chunks, as many as there is room for."""
        with self._lock:
            new = [i for i, key in enumerate(keys) if key not in self._slots][: self.capacity]
            if len(self._free) < len(new):
                self._drop(min(len(self._slots), max(len(new) - len(self._free), self.capacity // _SHARE)))
            slots = [self._free.pop() for _ in new]
            self._vectors[slots] = vectors[new]
            self._used[slots] = self._now
            for i, slot in zip(new, slots, strict=True):
                self._keys[slot] = keys[i]
                self._slots[keys[i]] = slot

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._reset()

    def _reset(self) -> None:
        self._slots: dict[bytes, int] = {}
        self._keys = [b""] * self.capacity  # by slot
        self._free = list(range(self.capacity))[::-1]
        self._used = np.full(self.capacity, _NEVER)  # when each slot was asked for last, in calls
        self._now = 0

    def _drop(self, count: int) -> None:
        """Empty the slots that were not used for longest, of those that are full."""
        full = np.fromiter(self._slots.values(), np.int64, len(self._slots))
        for slot in full[np.argpartition(self._used[full], count - 1)[:count]].tolist():
            del self._slots[self._keys[slot]]
            self._keys[slot] = b""
            self._used[slot] = _NEVER
            self._free.append(slot)

    def after_fork(self) -> None:
        """Start anew in a forked process if a thread that is not in it held the lock, and may have been writing."""
        if self._lock.locked():
            self._lock = threading.Lock()
            self._reset()
