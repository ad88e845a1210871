"""Import ONNX Runtime, and say what it can run on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

try:
    import onnxruntime as ort
except ImportError as error:
    cure = f"tiered_st.runtime needs ONNX Runtime ({error}): pip install onnxruntime"
    raise ImportError(cure, name=error.name) from error


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
