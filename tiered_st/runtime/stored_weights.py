"""Read the weights that a module was saved with, without torch (see modules.weights, which writes them)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors import SafetensorError, deserialize

_SCALE = ".scale"
_DTYPES = {
    "F64": np.dtype("<f8"), "F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "BF16": np.dtype("<u2"),
    "I64": np.dtype("<i8"), "I32": np.dtype("<i4"), "I16": np.dtype("<i2"), "I8": np.dtype("i1"),
}  # fmt: skip


class Integers(NamedTuple):
    """A matrix in int8, whose rows times their scales are its values."""

    values: np.ndarray  # (rows, columns) int8
    scale: np.ndarray  # (rows,) float32


class StoredWeights(Mapping[str, np.ndarray]):
    """The weights of one module by name, each turned into the float32 it stands for when it is asked for.

    Args:
        stored: tensors as they lie in the file: of a matrix in int8, its scales beside it.
    """

    def __init__(self, stored: Mapping[str, np.ndarray]) -> None:
        self.stored = dict(stored)

    @classmethod
    def of_file(cls, path: Path) -> StoredWeights:
        """Read a ``model.safetensors``.

        Raises:
            ValueError: if it is missing, damaged, or holds what no model of ours does; the text names file and cure.
        """
        if not path.is_file():
            raise ValueError(f"{path} is missing: the model folder is incomplete, copy or download it again.")
        try:
            tensors = deserialize(path.read_bytes())
        except (SafetensorError, OSError) as error:
            raise ValueError(f"{path} cannot be read ({error}): it is damaged, copy or download it again.") from None
        return cls({name: _array(path, name, tensor) for name, tensor in tensors})

    def __getitem__(self, name: str) -> np.ndarray:
        value = self.stored[name]
        if name + _SCALE in self.stored:
            return value.astype(np.float32) * self.stored[name + _SCALE]
        return value.astype(np.float32, copy=False) if value.dtype.kind == "f" else value

    def __iter__(self) -> Iterator[str]:
        scales = {name + _SCALE for name in self.stored if name + _SCALE in self.stored}
        return (name for name in self.stored if name not in scales)  # a weight of ours may end in .scale too

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def integers(self, name: str) -> Integers:
        """Return a matrix in int8: as it is stored, or rounded by the same rule as `modules.weights.quantize`."""
        if name + _SCALE in self.stored:
            return Integers(self.stored[name], self.stored[name + _SCALE][:, 0])
        value = self[name]
        scale = np.maximum(np.abs(value).max(axis=1), np.float32(1e-12)) / np.float32(127)
        return Integers(np.clip(np.rint(value / scale[:, None]), -127, 127).astype(np.int8), scale)

    def below(self, prefix: str) -> StoredWeights:
        """Return the weights of a part of the module, named without its prefix."""
        within = {name.removeprefix(prefix): value for name, value in self.stored.items() if name.startswith(prefix)}
        return StoredWeights(within)


def _array(path: Path, name: str, tensor: dict[str, object]) -> np.ndarray:
    kind = str(tensor["dtype"])
    if kind not in _DTYPES:
        raise ValueError(f"{path} holds {name} as {kind}, which this version does not read: pip install -U tiered-st.")
    value = np.frombuffer(tensor["data"], dtype=_DTYPES[kind]).reshape(tensor["shape"])  # type: ignore[call-overload]
    if kind == "BF16":  # the upper half of a float32
        return (value.astype(np.uint32) << 16).view(np.float32)
    return value
