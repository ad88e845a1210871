"""Notice when a module's weights change, by whatever means."""

from __future__ import annotations

from itertools import chain
from operator import is_
from typing import Any

import torch
from torch import Tensor, nn

_FEW = 8  # values of each weight that are compared


class WeightWatch:
    """Say whether a module's weights changed since it was last asked.

    A weight may change in place, be replaced, moved or cast, or its module be replaced. Version counters miss fused
    optimizers and edits through ``.data``, so a few values of each weight are compared too, of its first row (which
    stays zero where it stands for padding) and of rows all over it: such changes touch all of a dense weight. Looking
    takes tens of microseconds: the walk over the modules is done again only where a module or weight was replaced, and
    the values compared are read through views made once.

    Not safe in several threads at once: whoever shares it locks it.
    """

    def __init__(self, owner: nn.Module) -> None:
        self._owner = owner
        self._holders: list[dict[str, Any]] = []  # what modules keep their weights and their children in
        self._sizes: list[int] = []
        self._held: list[object] = []  # all that was in them when they were walked
        self._weights: list[Tensor] = []
        self._counted: list[Tensor] = []  # those that count their versions
        self._views: list[Tensor] = []
        self._places: list[tuple[int, torch.dtype]] = []
        self._versions: list[int] = []
        self._values: Tensor | None = None

    def changed(self) -> bool:
        """Say whether a weight changed since this was last called."""
        changed = self._is_rebuilt()
        if changed:
            self._walk()
        places = [(weight.data_ptr(), weight.dtype) for weight in self._weights]
        if places != self._places:  # ``.data`` was replaced, by a move or a cast say
            self._places = places
            self._views = [few(weight.detach()) for weight in self._weights for few in (_few, _spread)]
            changed = True
        versions = [weight._version for weight in self._counted]
        values = torch.cat(self._views) if self._views else None
        changed |= versions != self._versions or not _equal(values, self._values)
        self._versions, self._values = versions, values
        return changed

    def forget(self) -> None:
        """Let go of weights and views, so that what the module no longer holds is freed."""
        self._holders, self._sizes, self._held, self._weights, self._counted = [], [], [], [], []
        self._views, self._places, self._versions, self._values = [], [], [], None

    def _is_rebuilt(self) -> bool:
        """Say whether a module holds other weights or modules than when it was walked, or was not walked yet."""
        if not self._holders or self._sizes != list(map(len, self._holders)):
            return True
        return not all(map(is_, self._held, chain.from_iterable(held.values() for held in self._holders)))

    def _walk(self) -> None:
        modules = list(self._owner.modules())
        self._holders = [held for m in modules for held in (m._parameters, m._modules)]
        self._sizes = list(map(len, self._holders))
        self._held = [value for held in self._holders for value in held.values()]
        self._weights = list(self._owner.parameters())
        self._counted = [weight for weight in self._weights if not weight.is_inference()]
        self._places = []


def _equal(a: Tensor | None, b: Tensor | None) -> bool:
    if a is None or b is None:
        return a is b
    return a.dtype == b.dtype and a.device == b.device and torch.equal(a, b)


def _few(weight: Tensor) -> Tensor:
    """Return a few values of a weight, (up to _FEW,), as a view of it, however it is laid out."""
    while weight.ndim > 1 and len(weight):
        weight = weight[0]
    return weight.reshape(-1)[:_FEW]


def _spread(weight: Tensor) -> Tensor:
    """Return a value each of a few rows from the first to the last, (up to _FEW,), as a view."""
    if weight.ndim == 0 or weight.numel() == 0:
        return weight.reshape(-1)
    rows = weight[:: -(-len(weight) // _FEW)]
    while rows.ndim > 1:
        rows = rows[:, -1]
    return rows
