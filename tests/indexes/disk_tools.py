"""Folders of embeddings by a toy model, for indexes that are built of them."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from tiered_st.fingerprint import model_fingerprint
from tiered_st.scale.manifest import write_manifest
from tiered_st.scale.part import part_bytes
from tiered_st.scale.place import Place


class ToyModel:
    """Hashed character trigrams, 32-d; "zero" gives a vector that no cosine is defined for."""

    def __init__(self, salt: str = "") -> None:
        self.salt, self.calls = salt, []

    def get_embedding_dimension(self) -> int:
        return 32

    def encode(self, texts: Sequence[str], **kwargs: object) -> np.ndarray:
        self.calls.append(list(texts))
        vectors = np.zeros((len(texts), 32), dtype=np.float32)
        for vector, text in zip(vectors, texts, strict=True):
            padded = f"{self.salt}^{text}$"
            for start in range(max(1, len(padded) - 2) if text != "zero" else 0):
                vector[zlib.crc32(padded[start : start + 3].encode("utf-8", "surrogatepass")) % 32] += 1
        return vectors


def unit(vectors: np.ndarray) -> np.ndarray:
    """Return vectors of length 1."""
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def clustered(rows: int, dimension: int = 32, seed: int = 0) -> np.ndarray:
    """Return unit vectors around a few dozen centres, as texts are; (rows, dimension) float32."""
    draw = np.random.default_rng(seed)
    centres = draw.standard_normal((40, dimension))
    return unit(centres[draw.integers(40, size=rows)] + 0.5 * draw.standard_normal((rows, dimension)))


def write_folder(
    folder: Path, vectors: np.ndarray, ids: Sequence[str], texts: Sequence[str] | None, *,
    dtype: str = "float32", part_rows: int = 1000, model: ToyModel | None = None, **meta: object,
) -> Path:  # fmt: skip
    """Write a folder of embeddings."""
    place, parts = Place(str(folder)), []
    for first in range(0, len(ids), part_rows):
        rows = slice(first, first + part_rows)
        carried = {} if texts is None else {"text": pa.array(texts[rows], pa.string())}
        data = part_bytes(ids[rows], vectors[rows], dtype=dtype, carried=carried)
        name = f"parts/part-{first:06d}.parquet"
        place.write(name, data)
        parts.append({"file": name, "rows": len(ids[rows]), "sha256": hashlib.sha256(data).hexdigest()})
    own = {
        "complete": True, "model_name": "toy", "model_fingerprint": model_fingerprint(model) if model else "0" * 16,
        "dimension": vectors.shape[1], "dtype": dtype, "settings": {}, "sources": [], "count": len(ids),
        "rejected": 0, "parts": parts, "library_version": "0",
    }  # fmt: skip
    write_manifest(place, own | meta)
    return folder


def write_texts(folder: Path, model: ToyModel, texts: dict[str, str], **options: object) -> Path:
    """Write a folder of embeddings of texts by id."""
    vectors = unit(model.encode(list(texts.values()))) if texts else np.empty((0, 32), dtype=np.float32)
    return write_folder(folder, vectors, list(texts), list(texts.values()), model=model, **options)
