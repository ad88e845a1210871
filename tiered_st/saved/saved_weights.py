"""Read the weights of a saved module into numpy, as the module computes with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, deserialize

from tiered_st.weight_hash import to_bfloat16

_SCALE = ".scale"  # of the rows of a matrix that is stored in int8, see modules.weights
_DTYPES = {
    "F64": np.float64, "F32": np.float32, "F16": np.float16, "BF16": np.uint16, "I64": np.int64, "I32": np.int32,
    "I16": np.int16, "I8": np.int8, "U8": np.uint8, "BOOL": np.bool_,
}  # fmt: skip
# What a module computes in, by its name in config.json, to what holds it in numpy, which has no bfloat16.
COMPUTED = {"float64": np.float64, "float32": np.float32, "float16": np.float16, "bfloat16": np.float32}


def read_stored(path: str | Path) -> dict[str, NDArray[Any]]:
    """Return the tensors of a ``model.safetensors`` by name, as they are stored; bfloat16 comes as float32.

    Raises:
        ValueError: if the file is missing or damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path} is missing: the model folder is incomplete, copy or download it again.")
    try:
        return {name: _array(entry) for name, entry in deserialize(path.read_bytes())}
    except (SafetensorError, OSError, KeyError) as error:
        raise ValueError(f"{path} cannot be read ({error}): it is damaged, copy or download it again.") from None


def read_weights(path: str | Path, dtype: str = "float32") -> dict[str, NDArray[Any]]:
    """Return the weights of a ``model.safetensors`` by name, whatever storage they are kept in.

    Args:
        path: the file.
        dtype: what the module computes in, a key of COMPUTED. Its weights come in it, bfloat16 as float32.

    Raises:
        ValueError: if the file is missing or damaged.
    """
    stored = read_stored(path)
    scales = {name + _SCALE for name in stored if name + _SCALE in stored}
    return {
        name: _computed(value.astype(np.float32) * stored[name + _SCALE] if name + _SCALE in scales else value, dtype)
        for name, value in stored.items()
        if name not in scales  # a weight of ours may end in .scale too
    }


def _array(entry: dict[str, Any]) -> NDArray[Any]:
    values = np.frombuffer(entry["data"], dtype=_DTYPES[entry["dtype"]]).reshape(entry["shape"])
    return (values.astype(np.uint32) << 16).view(np.float32) if entry["dtype"] == "BF16" else values


def _computed(value: NDArray[Any], dtype: str) -> NDArray[Any]:
    if value.dtype.kind != "f":
        return value
    value = value.astype(COMPUTED[dtype], copy=False)
    return to_bfloat16(value) if dtype == "bfloat16" else value
