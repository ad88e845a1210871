"""Save a model and load it without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from sentence_transformers import SentenceTransformer

from tiered_st import runtime


def loaded(model: SentenceTransformer, folder: Path, **options: Any) -> runtime.RuntimeEncoder:
    """Save a model, and load it to run without torch on one thread, in float32 unless ``options`` say otherwise."""
    model.save(str(folder), create_model_card=False)
    return runtime.load(folder, **{"threads": 1, "precision": "float32"} | options)


def cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the cosine of each pair of rows, (n,)."""
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return (first * second).sum(axis=1) / lengths
