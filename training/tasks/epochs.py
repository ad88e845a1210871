"""Walk through data again and again, in batches of similar length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

_POOL = 64  # batches that are sorted by length together, so that texts of one batch need little padding


@dataclass
class Epochs:
    """Walk through ``lengths`` items again and again, batches made of items of similar length."""

    lengths: Sequence[int]
    batch: int
    seed: int
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
        order = rng.permutation(len(self.lengths))
        lengths = np.asarray(self.lengths)
        for start in range(0, len(order), pool := _POOL * self.batch):
            part = order[start : start + pool]
            part = part[np.argsort(lengths[part], kind="stable")]
            batches = [part[i : i + self.batch] for i in range(0, len(part), self.batch)]
            order[start : start + pool] = np.concatenate([batches[i] for i in rng.permutation(len(batches))])
        return order


MakeEpochs = Callable[[Sequence[int], int, int], Epochs]  # of lengths, batch and seed
