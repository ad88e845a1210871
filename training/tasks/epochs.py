"""Walk through data again and again, in batches of similar length."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

NO_ROOM = -1
_CHARS_PER_CHUNK = 5  # of a word with its space, in English; punctuation marks are chunks too
_POOL = 64  # batches that are sorted by length together, so that texts of one batch need little padding


@dataclass
class Epochs:
    """Walk through ``lengths`` items again and again, batches made of items of similar length.

    Attributes:
        near: (items, d) vectors by which items of a batch are near each other; None for any.
    """

    lengths: Sequence[int]
    batch: int
    seed: int
    near: NDArray[np.floating] | None = field(default=None, init=False)
    _orders: dict[int, NDArray[np.int64]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.lengths) < self.batch:
            raise ValueError(
                f"{len(self.lengths)} texts cannot fill a batch of {self.batch}, in which each is met once: give more "
                "texts (those longer than their source's `lengths` are left out), or a smaller batch."
            )

    def item(self, draw: int) -> int:
        """Return the item of a draw."""
        # Whole batches only, so that a batch never straddles two blocks of an epoch's order.
        size = len(self.lengths) // self.batch * self.batch
        epoch, place = divmod(draw, size)
        if epoch not in self._orders:
            self._orders = {epoch: self._order(epoch)}
        return int(self._orders[epoch][place])

    def _order(self, *turn: int) -> NDArray[np.int64]:
        """Return the order of an epoch, or of another turn that is told by several numbers."""
        rng = np.random.default_rng([self.seed, *turn])
        out = []
        for pool in self._pools(rng, np.asarray(self.lengths)):
            batches = [pool[i : i + self.batch] for i in range(0, len(pool), self.batch)]
            out += [batches[i] for i in rng.permutation(len(batches))]
        return np.concatenate(out)

    def _pools(self, rng: np.random.Generator, lengths: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
        """Yield all items in a random order, so many batches of them at a time, each time by length."""
        order = rng.permutation(len(lengths))
        size = _POOL * self.batch
        if self.near is not None:
            order, size = _side_by_side(order, self.near, self.batch, rng), self.batch
        for start in range(0, len(order), size):
            pool = order[start : start + size]
            yield pool[np.argsort(lengths[pool], kind="stable")]


def _side_by_side(
    items: NDArray[np.int64], near: NDArray[np.floating], size: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return the items in an order in which those that are near each other stand in one part of ``size``.

    They are halved again and again, by which of two of them each is nearer to: another order every time.
    """
    if len(items) <= size:
        return items
    one, other = near[rng.choice(items, 2, replace=False)].astype(np.float32)
    by_side = items[np.argsort(near[items].astype(np.float32) @ (one - other), kind="stable")]
    middle = size * round(len(items) / 2 / size) or size
    halves = by_side[:middle], by_side[middle:]
    return np.concatenate([_side_by_side(half, near, size, rng) for half in halves])


@dataclass
class BudgetedEpochs(Epochs):
    """Walk through items in batches of as many as fit a number of chunks, padding included, and ``batch`` at most.

    Every item is met once in an epoch, so that long texts, of which few make a batch, take more steps. A batch has two
    items at least, to be told apart.

    Args:
        chunks: of the longest text; longer ones are cut later.
        budget: chunks of all texts of a batch together.
        columns: texts of an item.
    """

    chunks: int = 0
    budget: int = 0
    columns: int = 1
    _firsts: list[int] = field(default_factory=lambda: [0])  # the number of the first batch of each epoch met
    _batches: dict[int, list[NDArray[np.int64]]] = field(default_factory=dict)

    def item(self, draw: int) -> int:
        """Return the item of a draw, NO_ROOM for those that a batch has no room for."""
        number, place = divmod(draw, self.batch)
        epoch = bisect_right(self._firsts, number) - 1
        batches = self._of_epoch(epoch)
        while number >= self._firsts[epoch] + len(batches):
            epoch += 1
            if epoch == len(self._firsts):
                self._firsts.append(self._firsts[-1] + len(batches))
            batches = self._of_epoch(epoch)
        batch = batches[number - self._firsts[epoch]]
        return int(batch[place]) if place < len(batch) else NO_ROOM

    def _of_epoch(self, epoch: int) -> list[NDArray[np.int64]]:
        """Return the batches of an epoch, in its order."""
        if epoch not in self._batches:
            rng = np.random.default_rng([self.seed, epoch])
            lengths = np.minimum(self.chunks, 2 + np.asarray(self.lengths) // _CHARS_PER_CHUNK)
            batches = []
            for pool in self._pools(rng, lengths):
                while len(pool):
                    # from the longest on: what is left over in the end is short, and fills the last batch of the pool
                    count = int(np.clip(self.budget // (lengths[pool[-1]] * self.columns), 2, self.batch))
                    batches.append(pool[-count:])
                    pool = pool[:-count]
            whole = [batch for batch in batches if len(batch) > 1]
            self._batches = {epoch: [whole[i] for i in rng.permutation(len(whole))]}
        return self._batches[epoch]


MakeEpochs = Callable[[Sequence[int], int, int], Epochs]  # of lengths, batch and seed
