"""Remember which chunks may be misspelt, and which words they may be misspellings of."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tiered_st.forks import renew_after_fork

NEVER = -1e4  # the score of a word that is not meant
_KEPT = 65_536  # chunks, of some 500 bytes each


class Suspects(NamedTuple):
    """Chunks that may be misspelt.

    Attributes:
        at: (suspects,) int64, their places.
        scores: (suspects, candidates) float32, what speaks for each word; NEVER for one that is not meant.
        words: (suspects, candidates) int64, the words' places in the list.
    """

    at: NDArray[np.int64]
    scores: NDArray[np.float32]
    words: NDArray[np.int64]


NOBODY = Suspects(np.empty(0, np.int64), np.empty((0, 0), np.float32), np.empty((0, 0), np.int64))

_Known = dict[bytes, Any]  # by chunk: scores and words, each (candidates,); None for one that is not misspelt
_NEW = object()
# Of rows of chunks (chunks, chars): those that may be misspelt.
Read = Callable[[NDArray[np.int64]], Suspects]


class SuspectCache:
    """What was found out about chunks, which threads share; it is forgotten when it is full."""

    def __init__(self) -> None:
        self._known: _Known = {}
        self._lock = threading.Lock()
        renew_after_fork(self)

    def after_fork(self) -> None:
        """Start anew in a forked process, where a thread that is not in it may have been writing."""
        self._lock = threading.Lock()
        self._known = {}

    def find(self, rows: NDArray[np.integer], read: Read) -> Suspects:
        """Return which chunks (chunks, chars) may be misspelt, having ``read`` those that are new."""
        known, keys = self._known, keys_of(rows)
        found = {key: value for key in keys if (value := known.get(key, _NEW)) is not _NEW}
        first = {key: place for place, key in reversed(list(enumerate(keys))) if key not in found}
        if first:
            new = _by_key(list(first), read(rows[list(first.values())].astype(np.int64, copy=False)))
            found |= new
            self._keep(known, new)
        told = [(place, *value) for place, key in enumerate(keys) if (value := found[key]) is not None]
        if not told:
            return NOBODY
        at, scores, words = zip(*told, strict=True)
        return Suspects(np.array(at, dtype=np.int64), np.stack(scores), np.stack(words))

    def tell(self, rows: NDArray[np.integer], suspects: Suspects) -> None:
        """Keep which of some chunks (chunks, chars) may be misspelt."""
        self._keep(self._known, _by_key(keys_of(rows), suspects))

    def _keep(self, known: _Known, new: _Known) -> None:
        with self._lock:
            if len(known) + len(new) > _KEPT:
                known.clear()
            known.update(new)


def _by_key(keys: Sequence[bytes], suspects: Suspects) -> _Known:
    new: _Known = dict.fromkeys(keys)
    for place, scores, words in zip(suspects.at.tolist(), suspects.scores, suspects.words, strict=True):
        new[keys[place]] = scores, words
    return new


def keys_of(rows: NDArray[np.integer]) -> list[bytes]:
    """Return the ids of each chunk (chunks, chars) as bytes, without the padding."""
    # numpy strips zero bytes off a string's end: what is left is the same however wide the rows are.
    return np.ascontiguousarray(rows, dtype="<u2").view(f"S{2 * rows.shape[1]}").ravel().tolist()
