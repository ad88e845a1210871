"""Import ONNX Runtime, and say what it can run on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

try:
    import onnxruntime as ort
except ImportError as error:
    cure = f"tiered_st.runtime needs ONNX Runtime ({error}): pip install onnxruntime"
    raise ImportError(cure, name=error.name) from error

# Before it, attention took a bias of the scores wrongly and 8-bit products depended on the batch, without an error.
_LOWEST = (1, 20)


def check_version(version: str) -> None:
    """Raise an ImportError if this version of ONNX Runtime is known to compute wrongly."""
    major, minor = (int(part) for part in version.split(".")[:2])
    if (major, minor) < _LOWEST:
        raise ImportError(
            f"tiered_st.runtime needs ONNX Runtime {'.'.join(map(str, _LOWEST))} or newer, and {version} is installed: "
            "pip install -U onnxruntime"
        )


check_version(ort.__version__)


def check_providers(providers: Sequence[Any] | None) -> None:
    """Refuse execution providers that are not there, for which ONNX Runtime would take the CPU and only log it.

    Args:
        providers: names, or pairs of a name and its options; None for the default.

    Raises:
        ValueError: if one is not there.
    """
    there = ort.get_available_providers()
    if isinstance(providers, str):
        raise ValueError(f"providers={providers!r} must be a list: give [{providers!r}].")
    for provider in providers or ():
        name = provider[0] if isinstance(provider, (list, tuple)) and provider else provider
        if name not in there:
            raise ValueError(
                f"providers names {name!r}, which this onnxruntime does not have: choose from {', '.join(there)}, or "
                "install the build of ONNX Runtime that has it, such as onnxruntime-gpu."
            )
