"""Notice when a module's weights change, by whatever means."""

from __future__ import annotations

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
        self._tree: list[tuple[dict[str, Any], list[object]]] = []  # what each module held when it was walked
        self._weights: list[Tensor] = []
        self._views: list[Tensor] = []
        self._places: list[tuple[int, torch.dtype]] = []
        self._seen: tuple[list[int], list[float]] = ([], [])

    def changed(self) -> bool:
        """Say whether a weight changed since this was last called."""
        changed = not self._tree or any(_differ(held, walked) for held, walked in self._tree)
        if changed:
            self._walk()
        places = [(weight.data_ptr(), weight.dtype) for weight in self._weights]
        if places != self._places:  # ``.data`` was replaced, by a move or a cast say
            self._places = places
            self._views = [few(weight.detach()) for weight in self._weights for few in (_few, _spread)]
            changed = True
        versions = [0 if weight.is_inference() else weight._version for weight in self._weights]
        seen = (versions, torch.cat(self._views).tolist() if self._views else [])
        changed |= seen != self._seen
        self._seen = seen
        return changed

    def forget(self) -> None:
        """Let go of weights and views, so that what the module no longer holds is freed."""
        self._tree, self._weights, self._views, self._places = [], [], [], []

    def _walk(self) -> None:
        modules = list(self._owner.modules())
        self._tree = [(held, list(held.values())) for m in modules for held in (m._parameters, m._modules)]
        self._weights = list(self._owner.parameters())
        self._places = []


def _differ(held: dict[str, Any], walked: list[object]) -> bool:
    now = list(held.values())
    return len(now) != len(walked) or any(a is not b for a, b in zip(now, walked, strict=True))


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
