"""Write a folder of embeddings without a model, and read one whole."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from tiered_st.scale import Embeddings
from tiered_st.scale.manifest import write_manifest
from tiered_st.scale.part import part_bytes
from tiered_st.scale.place import Place


def unit_rows(rows: int, dimension: int = 16, seed: int = 0) -> np.ndarray:
    """Return unit vectors, (rows, dimension) float32."""
    drawn = np.random.default_rng(seed).standard_normal((rows, dimension))
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)


def write_embeddings(
    folder: str, vectors: np.ndarray, *, sizes: Sequence[int], dtype: str = "float32", texts: bool = True, **meta: Any
) -> None:
    """Write vectors in parts of so many rows each; row i has the id "i" and the text "text i"."""
    place, parts, first = Place(folder), [], 0
    for number, rows in enumerate(sizes):
        ids = [str(row) for row in range(first, first + rows)]
        carried = {"text": pa.array([f"text {id}" for id in ids], pa.string())} if texts else {}
        data = part_bytes(ids, vectors[first : first + rows], dtype=dtype, carried=carried)
        name = f"parts/part-{number:06d}-00000000.parquet"
        place.write(name, data)
        parts.append({"file": name, "rows": rows, "sha256": hashlib.sha256(data).hexdigest()})
        first += rows
    own = {
        "complete": True, "model_name": "toy", "model_fingerprint": "0" * 16, "dimension": vectors.shape[1],
        "dtype": dtype, "settings": {}, "sources": [], "count": first, "rejected": 0, "parts": parts,
        "library_version": "0",
    }  # fmt: skip
    write_manifest(place, own | meta)


def rows_of(embeddings: Embeddings) -> tuple[list[str], np.ndarray]:
    """Return all ids, and vectors (rows, dimension), in order."""
    blocks = list(embeddings.blocks())
    ids = [id for block in blocks for id in block.ids]
    return ids, np.concatenate([block.vectors for block in blocks] or [np.zeros((0, embeddings.dimension), np.float32)])


def files_of(folder: Path) -> dict[str, bytes]:
    """Return what lies in a folder, hidden files too, by name."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
