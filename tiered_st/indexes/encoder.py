"""What an index asks of a model: unit vectors, their dimension, a name, and whether it is the one that built it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from tiered_st.fingerprint import PROBE, difference
from tiered_st.indexes.index_files import ModelMismatchError

# The names of prompts that sentence-transformers puts before documents and queries, where a model has them.
_PROMPTS = {"document": ("document", "passage", "corpus"), "query": ("query",)}


class Encoder(Protocol):
    """Anything with `encode(texts, batch_size=…, show_progress_bar=…)` that returns (texts, dimension)."""

    @property
    def encode(self) -> Callable[..., Any]:
        """Take texts, return their vectors (texts, dimension)."""
        ...


def unit_vectors(
    encode: Callable[..., Any], texts: Sequence[str], labels: Sequence[str], *, dimension: int, batch_size: int
) -> np.ndarray:
    """Return unit vectors, (texts, dimension) float32.

    Raises:
        ValueError: If a vector is zero or not finite, which names its text by its label, or of another dimension.
    """
    encoded = encode(texts, batch_size=batch_size, show_progress_bar=False)
    vectors = np.asarray(encoded, dtype=np.float64)  # (texts, dimension); float64: no square overflows
    if vectors.shape != (len(texts), dimension):
        raise ValueError(f"encode gave shape {vectors.shape}, expected {(len(texts), dimension)}")
    norms = np.linalg.norm(vectors, axis=1)  # (texts,)
    bad = np.flatnonzero(~(np.isfinite(norms) & (norms > 0)))
    if bad.size:
        raise ValueError(f"the vector of {labels[bad[0]]!r:.80} is zero or not finite: it has no cosine")
    return np.ascontiguousarray(vectors / norms[:, None], dtype=np.float32)


def dimension_of(model: Any) -> int:
    """Return the dimension of a model's vectors, by encoding a text where the model does not say."""
    for name in ("get_embedding_dimension", "get_sentence_embedding_dimension"):
        if hasattr(model, name) and (dimension := getattr(model, name)()) is not None:
            return int(dimension)
    return int(np.asarray(model.encode([PROBE])).shape[1])


def name_of(model: Any) -> str:
    """Return what messages call a model: its card's name, what it started from, or its class."""
    card = getattr(model, "model_card_data", None)
    return str(getattr(card, "model_name", None) or getattr(card, "base_model", None) or type(model).__name__)


def prompts_of(model: Any) -> dict[str, str]:
    """Return what a model puts before a "document" and a "query"; empty where `encode` embeds both alike."""
    if not any(hasattr(model, f"encode_{side}") for side in _PROMPTS):
        return {}
    given = getattr(model, "prompts", None)
    prompts = given or {}
    default = prompts.get(getattr(model, "default_prompt_name", None)) or ""
    found = {
        side: next((prompts[name] or "" for name in names if name in prompts), default)
        for side, names in _PROMPTS.items()
    }
    modules = model.children() if hasattr(model, "children") else ()
    routed = any(type(module).__name__ == "Router" for module in modules)  # has a way of its own for each
    alike = isinstance(given, Mapping) and not routed and set(found.values()) == {default}
    return {} if alike else found


def refuse_other(model: Any, meta: dict[str, Any], path: Any, *, check_fingerprint: bool) -> None:
    """Raise ModelMismatchError where `meta`, of the index at `path`, was written with another model."""
    refuse_other_ways(model, meta, path, check_prompts=check_fingerprint)
    if check_fingerprint and (differs := difference(meta["model_fingerprint"], model)):
        raise mismatch(meta, path, differs)


def mismatch(meta: dict[str, Any], path: Any, differs: str) -> ModelMismatchError:
    """Return the error of an index that was built by a model which differs, in what the text says."""
    cure = "Load it with that model, or build the index again (check_model=False skips this check)."
    return ModelMismatchError(f"{path}: built by {meta['model_name']!r} {differs}. {cure}")


def refuse_other_ways(model: Any, meta: dict[str, Any], path: Any, *, check_prompts: bool) -> None:
    """Raise ModelMismatchError where a model's dimension, or its prompts, are others than `meta` says."""
    if meta["dimension"] != (dimension := dimension_of(model)):
        found = f"with {meta['dimension']} dimensions, this model has {dimension}"
        cure = "Load it with that model, or build the index again."
        raise ModelMismatchError(f"{path}: built by {meta['model_name']!r} {found}. {cure}")
    prompts = prompts_of(model)
    if check_prompts and meta.get("prompts", prompts) != prompts:
        raise mismatch(meta, path, f"with the prompts {meta['prompts']}, this model has {prompts or 'none'}")
