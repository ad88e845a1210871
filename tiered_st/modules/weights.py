"""Store a module's weights as safetensors in float32, float16 or int8.

In int8 every matrix is kept as 8-bit integers with one float32 scale per row and the rest stays float32; loading turns
it back into the precision that the module computes in, so it is a storage format, four times smaller, and not a way of
computing. That precision is the ``dtype`` of the module's ``config.json``; computing in int8 is modules.int8_layers.
What a file gave back is kept by the same storage bit for bit; other weights are rounded.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from tiered_st.files import replace_file

WEIGHTS_NAME = "model.safetensors"
STORAGES = ("float32", "float16", "int8")
DTYPES = {
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "float64": torch.float64,
}  # what a module may compute in, by its name in config.json
_SCALE = ".scale"


def as_dtype(dtype: str | torch.dtype) -> torch.dtype:
    """Return the torch dtype that ``dtype`` names or is.

    Raises:
        ValueError: if models do not compute in it.
    """
    found = DTYPES.get(str(dtype).removeprefix("torch."))
    if found is None:
        raise ValueError(f"dtype={str(dtype)!r} is not one of {', '.join(DTYPES)}.")
    return found


def quantize(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return 8-bit integers (rows, columns) and float32 scales (rows, 1) whose product is close to ``weight``."""
    scale = weight.float().abs().amax(dim=1, keepdim=True).clamp_min(1e-12) / 127
    return (weight.float() / scale).round().clamp(-127, 127).to(torch.int8), scale


def pack(name: str, value: Tensor, storage: str) -> dict[str, Tensor]:
    """Return the tensors by which ``storage`` keeps a weight.

    Raises:
        ValueError: if there is no such storage, or it cannot hold the weight.
    """
    if storage not in STORAGES:
        raise ValueError(f"storage={storage!r} is not one of {', '.join(STORAGES)}.")
    value = value.detach().cpu().contiguous()
    if storage == "int8" and value.is_floating_point() and value.ndim == 2:
        integers, scale = quantize(value)
        if not torch.isfinite(scale).all():
            raise ValueError(f"storage='int8' cannot hold {name}, which is not finite: choose float32.")
        return {name: integers, name + _SCALE: scale}
    if storage == "float16" and value.is_floating_point():
        _refuse_overflow(name, value, torch.float16, "storage='float16'")
        return {name: value.half()}
    return {name: value.clone()}


def unpack(stored: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights that tensors made by :func:`pack` stand for, by name."""
    scales = {name + _SCALE for name in stored if name + _SCALE in stored}
    return {
        name: value.float() * stored[name + _SCALE] if name + _SCALE in scales else value
        for name, value in stored.items()
        if name not in scales  # a weight of ours may end in .scale too
    }


def survives(module: nn.Module, storage: str) -> bool:
    """Tell whether ``storage`` gives each weight of ``module`` back bit for bit, as it does those it gave before."""
    if storage == "float32":
        return True
    for name, value in module.state_dict().items():
        try:
            back = unpack(pack(name, value, storage))[name]
        except ValueError:  # it cannot hold it
            return False
        if not torch.equal(back.to(value.dtype), value.detach().cpu()):
            return False
    return True


def save_weights(module: nn.Module, folder: str | Path, storage: str = "float32") -> None:
    """Write ``model.safetensors`` into ``folder``, beside the old file first and then in its place.

    Raises:
        ValueError: if there is no such storage, or it cannot hold a weight.
    """
    tensors: dict[str, Tensor] = {}
    for name, value in module.state_dict().items():
        tensors |= pack(name, value, storage)
    with replace_file(Path(folder) / WEIGHTS_NAME) as beside:
        save_file(tensors, beside, metadata={"format": "pt", "storage": storage})


def _refuse_overflow(name: str, value: Tensor, dtype: torch.dtype, setting: str) -> None:
    """Refuse to turn a finite value into an infinite one."""
    lost = value.to(dtype).isinf() & value.isfinite()
    if lost.any():
        raise ValueError(f"{setting} cannot hold {value[lost][0].item():g}, a value of {name}: choose float32.")


def load_weights(module: nn.Module, path: str | Path) -> None:
    """Load weights written by :func:`save_weights` into ``module``, whose own dtypes stay as they are.

    Raises:
        ValueError: if the file is missing, truncated, or does not fit the module; the text names file and cure.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path} is missing: the model folder is incomplete, copy or download it again.")
    try:
        stored = load_file(path)
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} cannot be read ({error}): it is damaged, copy or download it again.") from None
    tensors = unpack(stored)
    own = module.state_dict()
    problems = [f"lacks {name}" for name in own if name not in tensors]
    problems += [f"has an unknown {name}" for name in tensors if name not in own]
    problems += [
        f"has {name} of shape {tuple(tensors[name].shape)} where config.json says {tuple(value.shape)}"
        for name, value in own.items()
        if name in tensors and tensors[name].shape != value.shape
    ]
    if problems:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise ValueError(
            f"{path} {'; '.join(problems[:3])}{more}: weights and config.json beside it are not of one model. "
            "Copy or download the folder again."
        )
    for name, value in own.items():
        if value.dtype != tensors[name].dtype and value.is_floating_point():
            _refuse_overflow(name, tensors[name], value.dtype, f"dtype={str(value.dtype).removeprefix('torch.')!r}")
    module.load_state_dict(tensors)
