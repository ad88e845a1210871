"""Find an id that comes twice among any number of them, in memory that does not grow with their number."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable

import numpy as np

_AT_ONCE = 8_000_000  # hashes held at once: 64 MB, and as much again to sort them


def id_that_comes_twice(ids: Callable[[], Iterable[list[str]]], count: int, *, at_once: int = _AT_ONCE) -> str | None:
    """Return an id that comes twice, or None.

    Args:
        ids: Gives all ids, in lists, each time it is called.
        count: About how many there are.
        at_once: Hashes to hold at once: there are so many passes as that takes.
    """
    passes = max(1, -(-count // at_once))
    for number in range(passes):
        held = [hashes[hashes % passes == number] for hashes in map(_hashes, ids())]
        hashes = np.sort(np.concatenate(held)) if held else np.empty(0, np.uint64)
        again = set(hashes[1:][hashes[1:] == hashes[:-1]].tolist())
        if again and (found := _first(ids(), again)) is not None:
            return found
    return None


def _hashes(ids: list[str]) -> np.ndarray:
    digests = b"".join(hashlib.blake2b(id.encode(), digest_size=8).digest() for id in ids)
    return np.frombuffer(digests, dtype="<u8")


def _first(ids: Iterable[list[str]], suspects: set[int]) -> str | None:
    """Return the first id that comes again, of those whose hashes do: two ids may share one."""
    seen: set[str] = set()
    for block in ids:
        for id, hash in zip(block, _hashes(block).tolist(), strict=True):
            if hash in suspects:
                if id in seen:
                    return id
                seen.add(id)
    return None
