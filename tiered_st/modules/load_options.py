"""What ``SentenceTransformer(path, …)`` may ask of a tiered model when it loads one; the rest is refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OPTIONS = {
    "model_kwargs": ("dtype", "torch_dtype", "attn_implementation"),
    "processor_kwargs": ("model_max_length",),
    "config_kwargs": (),
}


def check_load_options(options: Mapping[str, Any]) -> None:
    """Refuse options that would be ignored.

    Args:
        options: what sentence-transformers hands to ``Module.load``. ``model_kwargs`` takes ``dtype`` and
            ``attn_implementation`` (of a Hugging Face body), ``processor_kwargs`` takes ``model_max_length``, which is
            ``max_seq_length``.

    Raises:
        ValueError: on another backend than torch, or another key.
    """
    if (backend := options.get("backend") or "torch") != "torch":
        raise ValueError(f"backend={backend!r}: a tiered model runs in torch alone. Leave backend out.")
    for name, known in OPTIONS.items():
        if unknown := sorted(set(options.get(name) or {}) - set(known)):
            takes = f"takes {', '.join(known)}" if known else "takes nothing (config.json says how a model is built)"
            raise ValueError(f"{name} has {', '.join(unknown)}, but {takes}. Leave the rest out.")
