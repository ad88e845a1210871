"""Load the model of a command for what is to compute: torch, or ONNX Runtime where there is no torch."""

from __future__ import annotations

from argparse import Namespace
from importlib.util import find_spec
from typing import Any

from tiered_st.records.rows import InputError

BACKENDS = ("torch", "onnx")
# How to come by what a backend cannot import.
_PIP = dict.fromkeys(("torch", "transformers", "sentence_transformers"), "tiered-st") | {
    "onnxruntime": "onnxruntime",
}  # fmt: skip


def default_backend() -> str:
    """Return "torch" where it is installed with what else it takes here, else "onnx"; nothing is imported."""
    return "torch" if all(map(_is_installed, ("torch", "sentence_transformers"))) else "onnx"


def load_model(model: str, args: Namespace) -> Any:
    """Load a model by name or folder for `--backend`, `--device` and `--threads`.

    Raises:
        InputError: for whatever is wrong with it, or with what is installed.
    """
    try:
        return _LOADERS[args.backend](model, args)
    except (RuntimeError, AssertionError) as error:  # what torch raises for a device that is not there
        reason = str(error).splitlines()[0]
        raise InputError(f"{model} cannot be put on device {args.device or 'auto'} ({reason})") from None
    except ImportError as error:
        lacks = (error.name or "").partition(".")[0]
        cure = f"--backend {args.backend} needs {lacks}: pip install {_PIP[lacks]}" if lacks in _PIP else str(error)
        raise InputError(cure) from None
    except (ValueError, OSError) as error:
        raise InputError(str(error)) from None


def _torch(model: str, args: Namespace) -> Any:
    import torch

    from tiered_st.model import load

    if args.threads is not None:
        torch.set_num_threads(args.threads)
    return load(model, device=args.device)


def _onnx(model: str, args: Namespace) -> Any:
    from tiered_st.runtime import load

    return load(model, threads=args.threads)


_LOADERS = {"torch": _torch, "onnx": _onnx}


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):  # of what stands in the way of an import
        return False
