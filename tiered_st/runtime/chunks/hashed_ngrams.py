"""Find the buckets of a chunk's n-grams, and of what a typo leaves of it: modules.hashed_ngrams in numpy."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tiered_st.config import CharEncoderConfig
from tiered_st.hash_constants import BASE, INVERSE, MIX_1
from tiered_st.runtime.chunks.hashing import mix, powers


class _Plan(NamedTuple):
    """What hashing rows of one width takes, feature by feature: hash = (prefix[end] - prefix[start]) * factor + term.

    A prefix is the polynomial hash of the ids before a place. All but the first have shape (features, chars).
    """

    powers: NDArray[np.uint64]  # (chars,)
    ends: NDArray[np.int64]
    starts: NDArray[np.int64]
    factor: NDArray[np.uint64]
    term: NDArray[np.uint64]
    needed: NDArray[np.int64]  # length of a chunk, START and END included, that has the feature


class NgramBuckets:
    """Hash the n-grams that start at each character, and with ``leave_one_out`` the chunk without that character.

    An n-gram's polynomial hash is the difference of two prefixes' hashes, divided by the base to the power of its
    place, which is exact modulo 2**64: all n-grams of all sizes come from one running sum.
    """

    def __init__(self, config: CharEncoderConfig) -> None:
        self.sizes = config.ngram_sizes
        self.leave_one_out = config.leave_one_out
        self.buckets = config.ngram_buckets
        self.features = len(self.sizes) + self.leave_one_out
        self._plan = lru_cache(maxsize=None)(self._make_plan)  # as many as a chunk has characters

    def __call__(self, ids: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the bucket of each feature, 0 where there is none.

        Args:
            ids: (chunks, chars), START, characters, END, PAD.
            lengths: (chunks,), START and END included.

        Returns:
            (chunks, features, chars) in [0, buckets].
        """
        plan = self._plan(ids.shape[1])
        prefix = np.zeros((len(ids), ids.shape[1] + 1), dtype=np.uint64)
        np.cumsum(ids.astype(np.uint64) * plan.powers, axis=1, out=prefix[:, 1:])
        h = prefix[:, plan.ends]  # (chunks, features, chars)
        h -= prefix[:, plan.starts]
        h *= plan.factor
        h += plan.term
        if self.leave_one_out:
            h[:, -1] += prefix[:, :-1]
        mix(h)
        h &= np.uint64(0x7FFFFFFFFFFFFFFF)
        h %= np.uint64(self.buckets)
        h += np.uint64(1)
        h *= lengths[:, None, None] >= plan.needed
        return h.view(np.int64)

    def _make_plan(self, chars: int) -> _Plan:
        place = np.arange(chars)
        undo = powers(chars, INVERSE)
        ends = [np.minimum(place + size, chars) for size in self.sizes]
        starts = [place for _ in self.sizes]
        factor = [undo for _ in self.sizes]
        term = [np.full(chars, size * MIX_1 % (1 << 64), dtype=np.uint64) for size in self.sizes]
        needed = [place + size for size in self.sizes]
        if self.leave_one_out:
            # What follows the character moves one place to the front; at START, where none is left out, it is all.
            ends.append(np.full(chars, chars))
            starts.append(np.where(place == 0, 0, place + 1))
            factor.append(np.where(place == 0, np.uint64(1), np.uint64(INVERSE)))
            term.append(np.zeros(chars, dtype=np.uint64))
            needed.append(place + 2)  # END is never left out
        return _Plan(powers(chars, BASE), *map(np.stack, (ends, starts, factor, term, needed)))
