"""Hash weights: arrays of numpy and tensors of torch to the same digits, without importing torch."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

PRECISIONS = {"float32": 4, "float16": 2, "bfloat16": 2}  # what weights are rounded to, and its bytes; widest first


def hash_weights(state: Mapping[str, Any], *, precision: str | None = None, named: bool = False) -> str:
    """Return 16 hex digits of all weights, by their names, shapes and values.

    Args:
        state: weights by name: arrays, tensors, and what else a state dict holds.
        precision: a key of PRECISIONS that floating-point values are rounded to first.
        named: hash the names of dtypes too, and float64 as float32.
    """
    digest = hashlib.sha256()
    for name in sorted(state):
        _hash_value(digest, name, state[name], precision=precision, named=named)
    return digest.hexdigest()[:16]


def lower_precisions(state: Mapping[str, Any]) -> list[str]:
    """Return the precisions below the narrowest floating-point weight."""
    sizes = [value.dtype.itemsize for value in state.values() if _is_floating(value)]
    narrowest = min(sizes, default=0)
    return [name for name, size in PRECISIONS.items() if size < narrowest]


def to_bfloat16(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Round float32 to the nearest bfloat16, ties to even, kept as float32: numpy has no type for it."""
    bits = np.ascontiguousarray(values).view(np.uint32)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)
    return np.where(np.isnan(values), values, rounded.view(np.float32))


def _hash_value(digest: Any, name: str, value: Any, *, precision: str | None, named: bool) -> None:
    if isinstance(value, (tuple, list)):  # the packed weights of int8 layers
        for position, item in enumerate(value):
            _hash_value(digest, f"{name}.{position}", item, precision=precision, named=named)
        return
    torch = sys.modules.get("torch")  # not loaded, nothing is of it
    if torch is not None and isinstance(value, torch.Tensor):
        exact = value.dtype if named or value.is_quantized else None
        array = _as_array(torch, value, precision)
    elif isinstance(value, np.ndarray):
        exact = f"torch.{value.dtype}" if named else None  # as torch calls what numpy calls float32
        array = _rounded(value, precision) if precision and value.dtype.kind == "f" else value
    else:  # the repr of dtypes and scalars is stable, that of other objects holds an address
        known = isinstance(value, (str, int, float, bool, type(None), *([torch.dtype] if torch else [])))
        digest.update(f"{name}\0{value if known else type(value).__name__!r}\0".encode())
        return
    floating = array.dtype.kind == "f"
    digest.update(f"{name}\0{exact or ('float' if floating else 'int')}\0{tuple(value.shape)}\0".encode())
    # One wide type per kind: numpy has no bfloat16, and float32 would merge integers above 2**24.
    wide = np.float64 if array.dtype == np.float64 and not named else np.float32
    array = array.astype(wide if floating else np.int64, copy=False)
    digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8))


def _as_array(torch: Any, tensor: Any, precision: str | None) -> NDArray[Any]:
    """Return a tensor's values, floating point in float32 or float64, rounded to a precision."""
    tensor = tensor.detach().cpu()
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    elif tensor.is_floating_point():
        tensor = tensor.to(getattr(torch, precision)) if precision else tensor
        tensor = tensor if tensor.dtype == torch.float64 else tensor.float()
    else:
        tensor = tensor.to(torch.int64)
    return tensor.numpy()


def _rounded(array: NDArray[Any], precision: str) -> NDArray[Any]:
    """Round an array as torch does, by way of float32."""
    single = array.astype(np.float32, copy=False)
    if precision == "bfloat16":
        return to_bfloat16(single)
    with np.errstate(over="ignore"):  # beyond its range lies infinity
        return single.astype(precision, copy=False)


def _is_floating(value: Any) -> bool:
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return value.is_floating_point()
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"
