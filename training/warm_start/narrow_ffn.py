"""Keep, of the feed-forward units of a teacher's layers, those that say most."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from training.warm_start.layer_names import layer_of


def narrow_ffn(tensors: Mapping[str, Tensor], shapes: Mapping[str, torch.Size]) -> dict[str, Tensor]:
    """Cut the feed-forward units of each layer to the number that ``shapes`` has room for.

    A unit is kept for the norm of its weights in times the norm of its weights out: how much it can add to the layer's
    output (magnitude pruning of whole units, as of filters in Li et al., 2017).

    Args:
        tensors: a teacher's by name; of the feed-forward parts (units, width), (width, units) or (units,).
        shapes: the shape that each should have.

    Returns:
        All tensors. What has its shape already, or differs in more than a number of units, is as it was.
    """
    found = dict(tensors)
    layers: dict[str, dict[str, int]] = {}
    for name, shape in shapes.items():
        axis = _axis_to_cut(tensors[name].shape, shape) if name in tensors else None
        if axis is not None and (layer := layer_of(name)) is not None:
            layers.setdefault(layer, {})[name] = axis
    for cut in layers.values():
        units = {(tensors[name].shape[axis], shapes[name][axis]) for name, axis in cut.items()}
        norms = [
            tensors[name].float().movedim(axis, 0).norm(dim=1) for name, axis in cut.items() if tensors[name].ndim == 2
        ]
        if len(units) != 1 or not norms:
            continue  # not one plain feed-forward part
        kept = torch.stack(norms).prod(dim=0).argsort(descending=True, stable=True)[: units.pop()[1]].sort().values
        found.update({name: tensors[name].index_select(axis, kept) for name, axis in cut.items()})
    return found


def _axis_to_cut(have: torch.Size, want: torch.Size) -> int | None:
    """Return the one axis in which a shape is larger than another, if that is how they differ."""
    if len(have) != len(want):
        return None
    differing = [axis for axis in range(len(have)) if have[axis] != want[axis]]
    return differing[0] if len(differing) == 1 and have[differing[0]] > want[differing[0]] else None
