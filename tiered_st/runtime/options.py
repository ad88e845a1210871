"""Check what ``encode`` is asked for: what the runtime cannot do is refused by name."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiered_st.runtime.similarity import PRECISIONS
from tiered_st.saved.saved_model import SavedModel

logger = logging.getLogger(__name__)

_OUTPUTS = ("sentence_embedding", "token_embeddings")


def check_options(
    batch_size: int,
    output_value: str | None,
    precision: str,
    convert_to_tensor: bool,
    device: object,
    pool: object,
    chunk_size: object,
) -> None:
    """Check options of ``encode``.

    Raises:
        ValueError: if one has no such value, or is not for a model without torch.
    """
    at_least_one("batch_size", batch_size)
    if output_value not in _OUTPUTS:
        raise ValueError(f"output_value={output_value!r} is not one of {', '.join(_OUTPUTS)}, which the runtime gives.")
    if precision not in PRECISIONS:
        raise ValueError(f"precision={precision!r} is not one of {', '.join(PRECISIONS)}.")
    if convert_to_tensor:
        _import_torch()
    if device is not None and str(device) != "cpu":
        raise ValueError(f"device={device!r}: ONNX Runtime runs where load(providers=…) says. Leave it out.")
    if pool is not None or chunk_size is not None:
        raise ValueError("pool and chunk_size are of torch's processes, and the runtime has threads. Leave them out.")


def at_least_one(name: str, value: Any) -> int:
    """Return a whole number that must be at least 1.

    Raises:
        ValueError: if it is none.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{name}={value!r} must be a whole number, at least 1.")
    return int(value)


def checked_prompts(saved: SavedModel) -> dict[str, str]:
    """Return the prompts of a saved model.

    Raises:
        ValueError: if they are no texts by name, or there is none that is called as the default one.
    """
    prompts, default = saved.prompts, saved.default_prompt_name
    where = saved.folder / "config_sentence_transformers.json"
    if not isinstance(prompts, dict) or not all(isinstance(text, str) for text in prompts.values()):
        raise ValueError(f"{where} has prompts={prompts!r}, which must be texts by name.")
    if default is not None and default not in prompts:
        raise ValueError(f"{where} has default_prompt_name={default!r}, which none of its prompts is called.")
    return dict(prompts)


def resolve_prompt(prompts: Mapping[str, str], default: str | None, prompt: str | None, prompt_name: str | None) -> str:
    """Return what is put before each text, as sentence-transformers chooses it.

    Args:
        prompts: by name.
        default: the name of the one to take where none is asked for.
        prompt: the one that is asked for.
        prompt_name: its name.

    Raises:
        ValueError: if there is none of that name, or it is no text.
    """
    if prompt is not None and prompt_name is not None:
        logger.warning("prompt=%r is taken, and prompt_name=%r is not: give one of them.", prompt, prompt_name)
    if prompt is None and prompt_name is not None:
        if prompt_name not in prompts:
            known = ", ".join(map(repr, prompts)) or "none"
            raise ValueError(f"prompt_name={prompt_name!r} is not one of this model's, which are {known}.")
        prompt = prompts[prompt_name]
    elif prompt is None:
        prompt = prompts.get(default) if default else None
    if not isinstance(prompt, (str, type(None))):
        raise ValueError(f"prompt={prompt!r} must be a text.")
    return prompt or ""


def as_tensor(vectors: NDArray[Any]) -> Any:
    """Return a tensor of torch."""
    return _import_torch().from_numpy(np.ascontiguousarray(vectors))


def _import_torch() -> Any:
    try:
        import torch
    except ImportError:
        raise ValueError(
            "convert_to_tensor=True makes tensors of torch, which is not installed: leave it out."
        ) from None
    return torch
