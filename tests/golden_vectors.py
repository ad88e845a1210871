"""What the shipped models answer to forty texts, kept so that no change of code moves a user's index unseen.

``python tests/golden_vectors.py`` says how far each model stands from what is kept. With ``--write`` what the models
answer now is kept: refused unless a model's ``version`` (in its ``recipe.json``) was raised, for whoever moves the
vectors of a shipped model ships another model.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

import tiered_st
from tiered_st.model import PRETRAINED

HOME = Path(__file__).parent / "golden"
TOLERANCE = 1e-5  # of a coordinate of a unit vector; CPUs sum in another order and differ by 1e-6


def texts() -> list[str]:
    """Return the forty texts; the last one is longer than any model reads."""
    found: list[str] = json.loads((HOME / "texts.json").read_text(encoding="utf-8"))
    return [*found[:-1], " ".join(f"{i} bottles of milk stood on the wall," for i in range(200))]


def model_version(name: str) -> int:
    """Return which version of a shipped model this package holds."""
    return int(json.loads((PRETRAINED / name / "recipe.json").read_text(encoding="utf-8"))["version"])


def embed(name: str) -> np.ndarray:
    """Return the vectors of the texts by a shipped model, (40, 384) float32."""
    return tiered_st.load(name, device="cpu").encode(texts(), batch_size=8)


def kept(name: str) -> tuple[int, np.ndarray]:
    """Return the version whose vectors are kept, and the vectors, (40, 384) float32."""
    with np.load(HOME / f"{name}.npz") as file:
        return int(file["version"]), file["vectors"]


def distance(vectors: np.ndarray, others: np.ndarray) -> tuple[float, int]:
    """Return the largest difference of a coordinate, and in which text it is."""
    apart = np.abs(vectors - others).max(axis=1)  # (texts,)
    return float(apart.max()), int(apart.argmax())


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="keep what the models answer now")
    write = parser.parse_args().write
    for name in tiered_st.pretrained():
        vectors, version = embed(name), model_version(name)
        apart = float("inf")
        if (HOME / f"{name}.npz").exists():
            old, before = kept(name)
            apart, place = distance(vectors, before)
            print(f"{name}: version {version}, kept {old}; {apart:.1e} apart at most, in text {place}")
            if write and apart > TOLERANCE and version <= old:
                raise SystemExit(f"{name} moved by {apart:.1e}: raise the version in its recipe.json before --write.")
        if write and apart > TOLERANCE:
            np.savez_compressed(HOME / f"{name}.npz", version=version, vectors=vectors)


if __name__ == "__main__":
    _main()
