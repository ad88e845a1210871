"""What ``SentenceTransformer(path, …)`` may ask of a tiered model when it loads one; the rest is refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tiered_st.modules.engine import EngineOptions

# By backend, the model_kwargs that it takes.
BACKENDS: dict[str, tuple[str, ...]] = {
    "torch": ("dtype", "torch_dtype", "attn_implementation"),
    "onnx": ("precision", "threads", "provider", "providers"),
}
OPTIONS: dict[str, tuple[str, ...]] = {
    "processor_kwargs": ("model_max_length",),
    "config_kwargs": (),
}


def check_load_options(options: Mapping[str, Any]) -> None:
    """Refuse options that would be ignored.

    Args:
        options: what sentence-transformers hands to ``Module.load``. ``model_kwargs`` takes ``dtype`` and
            ``attn_implementation`` (of a Hugging Face body), with ``backend="onnx"`` instead ``precision``, ``threads``
            and ``provider`` or ``providers``; ``processor_kwargs`` takes ``model_max_length``, which is
            ``max_seq_length``.

    Raises:
        ValueError: on another backend, or another key.
    """
    backend = options.get("backend") or "torch"
    if backend == "openvino":
        raise ValueError(
            "backend='openvino': a tiered model runs in torch and in ONNX Runtime. OpenVINO was slower than that in "
            "every form that was measured: give backend='onnx'."
        )
    if backend not in BACKENDS:
        raise ValueError(f"backend={backend!r} is not one of {', '.join(BACKENDS)}.")
    for name, known in {"model_kwargs": BACKENDS[backend], **OPTIONS}.items():
        if unknown := sorted(set(options.get(name) or {}) - set(known)):
            takes = f"takes {', '.join(known)}" if known else "takes nothing (config.json says how a model is built)"
            by = f" with backend={backend!r}" if name == "model_kwargs" and backend != "torch" else ""
            raise ValueError(f"{name} has {', '.join(unknown)}, but {takes}{by}. Leave the rest out.")


def engine_options(options: Mapping[str, Any]) -> EngineOptions | None:
    """Return how ONNX Runtime is to run a model, None where torch does.

    Args:
        options: as for :func:`check_load_options`, and checked by it.

    Raises:
        ValueError: if a value is none that there is.
    """
    if (options.get("backend") or "torch") == "torch":
        return None
    given = dict(options.get("model_kwargs") or {})
    provider, providers = given.pop("provider", None), given.pop("providers", None)
    if provider is not None and providers is not None:
        raise ValueError(f"provider={provider!r} and providers={providers!r} say the same: leave one out.")
    if provider is not None:
        providers = [provider]
    if isinstance(providers, str):
        raise ValueError(f"providers={providers!r} must be a list of names: for one give provider={providers!r}.")
    return EngineOptions(**given, providers=None if providers is None else tuple(providers))
