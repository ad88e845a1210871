"""Pure functions that evaluators and benchmarks share: encode once, correlate ranks, prove which texts were seen."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import numpy as np
from scipy.stats import rankdata


class Encoder(Protocol):
    """Anything with sentence-transformers' `encode`."""

    @property
    def encode(self) -> Callable[..., Any]:
        """What turns texts into vectors."""


def spearman(a: Sequence[float] | np.ndarray, b: Sequence[float] | np.ndarray) -> float:
    """Return Spearman's rank correlation, tied values sharing the average of their ranks.

    Where one side is constant it ranks nothing: the result is then 0, so that a collapsed model scores 0, not NaN.

    Raises:
        ValueError: If the lengths differ or are below 2, or a value is not finite.
    """
    both = [np.asarray(side, dtype=np.float64) for side in (a, b)]
    if both[0].shape != both[1].shape or both[0].ndim != 1 or both[0].size < 2:
        raise ValueError(f"need two lists of one length of at least 2, got shapes {both[0].shape}, {both[1].shape}")
    if not all(np.isfinite(side).all() for side in both):
        raise ValueError("a value to be ranked is not finite: the model gave NaN or infinite embeddings")
    x, y = (rankdata(side) - (side.size + 1) / 2 for side in both)  # centred ranks
    scale = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / scale if scale else 0.0


def unit_vectors(model: Encoder, texts: Sequence[str], *, batch_size: int) -> np.ndarray:
    """Encode each distinct text once; return (texts, dimension) float32 rows of length 1, zero rows staying zero."""
    rows = {text: row for row, text in enumerate(dict.fromkeys(texts))}
    encoded = model.encode(list(rows), batch_size=batch_size, show_progress_bar=False, convert_to_numpy=True)
    vectors = np.asarray(encoded, dtype=np.float32)  # (distinct, dimension)
    vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return vectors[[rows[text] for text in texts]]  # (texts, dimension)


def digest(texts: Iterable[str]) -> str:
    """Return the SHA-256 of texts, order and boundaries included, as 64 hex digits."""
    total = hashlib.sha256()
    for text in texts:
        content = text.encode("utf-8", "surrogatepass")
        total.update(b"%d:" % len(content) + content)
    return total.hexdigest()
