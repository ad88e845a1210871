"""Tell the layers of a Hugging Face encoder apart by the names of their parameters."""

from __future__ import annotations

import re

from torch import Tensor

_LAYER = re.compile(r"(?:^|\.)layers?\.(\d+)\.")  # encoder.layer.N. layers.N. transformer.layer.N.


def layer_of(name: str) -> str | None:
    """Return the part of a parameter's name that says which layer it is of, e.g. encoder.layer.3, if it is of one."""
    found = _LAYER.search(name)
    return name[: found.end(1)] if found else None


def layer_sources(own: dict[str, Tensor], theirs: dict[str, Tensor], layers: tuple[int, ...]) -> dict[str, str]:
    """Return, for each of E2's tensors, the name of the teacher's that it starts as."""
    numbers = {int(found[1]) for name in theirs if (found := _LAYER.search(name))}
    if not numbers:
        raise ValueError(
            f"layers={layers} picks layers, but the teacher's parameters name none by .layer.N. or .layers.N.: take "
            "all of them (layers=None)."
        )
    check_layers(layers, max(numbers) + 1)
    sources = {}
    for name in own:
        found = _LAYER.search(name)
        if found is None:
            sources[name] = name
        elif (place := int(found[1])) >= len(layers):
            raise ValueError(
                f"layers={layers} names {len(layers)} layers, but E2 has more: {name} would start as none."
            )
        else:
            sources[name] = name[: found.start(1)] + str(layers[place]) + name[found.end(1) :]
    chosen = {name for name in theirs if (found := _LAYER.search(name)) and int(found[1]) in layers}
    if lost := sorted(chosen - set(sources.values())):
        raise ValueError(
            f"layers={layers} leaves no place for the teacher's {', '.join(lost[:3])}: its first layer differs from "
            "the others, or E2 has fewer layers than named. Keep layer 0 in first place, and as many layers as E2 has."
        )
    return sources


def check_layers(layers: tuple[int, ...], count: int) -> None:
    """Refuse layers that a teacher of ``count`` layers does not have."""
    if not layers or any(not 0 <= layer < count for layer in layers):
        raise ValueError(f"layers={layers} must name some of the teacher's layers 0 to {count - 1}.")
