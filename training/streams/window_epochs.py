"""Walk through one window of a stream."""

from __future__ import annotations

from dataclasses import dataclass

from typing_extensions import override

from training.tasks.epochs import Epochs


@dataclass
class WindowEpochs(Epochs):
    """Walk through a window once; the first one of an epoch in the order of data that is held whole."""

    epoch: int = 0
    window: int = 0
    first: int = 0

    @override
    def item(self, draw: int) -> int:
        if self.window not in self._orders:
            turn = (self.epoch, self.window) if self.window else (self.epoch,)
            self._orders = {self.window: self._order(*turn)}
        return int(self._orders[self.window][draw - self.first])
