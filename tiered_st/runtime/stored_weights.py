"""Read the weights of one module, as its file keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_SCALE = ".scale"  # beside a matrix that only its file keeps in int8, see modules.weights
_ROW_SCALE = "row_scale"  # in the place of ".weight", beside one that is computed with in int8, see modules.int8_layers


class Int8Matrix(NamedTuple):
    """8-bit integers (rows, columns) and their float32 scales (rows, 1)."""

    integers: NDArray[np.int8]
    scale: NDArray[np.float32]


class StoredWeights:
    """Look weights up by the names that torch has for them, and remember which were asked for.

    Args:
        tensors: the tensors of a ``model.safetensors``, by name.
        prefix: what the names of this part of the model start with.
    """

    def __init__(self, tensors: Mapping[str, NDArray], prefix: str = "", _asked: set[str] | None = None) -> None:
        self.tensors = tensors
        self.prefix = prefix
        self._asked: set[str] = set() if _asked is None else _asked

    def part(self, name: str) -> StoredWeights:
        """Return the weights of a submodule."""
        return StoredWeights(self.tensors, f"{self.prefix}{name}.", self._asked)

    def stored(self, name: str, shape: tuple[int, ...]) -> NDArray:
        """Return a tensor as it is stored.

        Raises:
            ValueError: if it is missing or of another shape than ``shape``.
        """
        full = self.prefix + name
        if full not in self.tensors:
            raise ValueError(f"The weights lack {full}: {_CURE}")
        value = self.tensors[full]
        if value.shape != shape:
            raise ValueError(f"{full} has the shape {value.shape} where config.json says {shape}: {_CURE}")
        self._asked.add(full)
        return value

    def int8(self, name: str, shape: tuple[int, int]) -> Int8Matrix | None:
        """Return a matrix that is stored in int8, None where it is floating point."""
        value = self.stored(name, shape)
        if value.dtype != np.int8:
            return None
        own = f"{name.removesuffix('weight')}{_ROW_SCALE}"
        if self.prefix + name + _SCALE in self.tensors:
            scale = self.stored(name + _SCALE, (shape[0], 1))
        else:
            scale = self.stored(own, (shape[0],))[:, None]
        return Int8Matrix(value, scale.astype(np.float32))

    def floats(self, name: str, *shape: int) -> NDArray[np.float32]:
        """Return a weight of ``shape`` in float32."""
        if len(shape) == 2 and (matrix := self.int8(name, (shape[0], shape[1]))) is not None:
            return matrix.integers * matrix.scale
        return self.stored(name, shape).astype(np.float32, copy=False)

    def refuse_unknown(self) -> None:
        """Refuse weights that nothing asked for.

        Raises:
            ValueError: if there are any.
        """
        unknown = sorted(set(self.tensors) - self._asked)
        if unknown:
            raise ValueError(f"The weights have an unknown {', '.join(unknown[:3])}: {_CURE}")


_CURE = "weights and config.json are not of one model. Copy or download its folder again."
