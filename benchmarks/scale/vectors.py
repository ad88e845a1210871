"""Vectors for larger indexes than the kit's texts fill: real ones, and new ones around them, as a folder of embeddings.

`BASE` rows of `benchmarks.scale.texts` are embedded by the model. A vector is one of these, b, moved along the
difference of two others: b + s (c - d), s uniform in `MOVED`, then of length 1. So what is added has the covariance of
real vectors, which spherical noise has not, and a cosine of about .8 to .99 to b. Queries are vectors of further rows,
themselves not moved. How far this is from real: up to `BASE` rows nothing is moved, and the figures of 100,000 vectors
are of real ones; beyond, neighbours are thinner spread than those of real texts that repeat themselves, and denser than
those of texts that do not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.scale.texts import generate, sentences
from tiered_st.files import replace_file
from tiered_st.scale import Embeddings, EmbeddingsError
from tiered_st.scale.describe import describe_model
from tiered_st.scale.manifest import PARTS, write_manifest
from tiered_st.scale.part import part_bytes
from tiered_st.scale.place import Place

Vectors = NDArray[np.float32]
BASE, QUERIES = 100_000, 300
MOVED = (0.1, 0.5)
PART = 50_000  # rows of a part, which is what is held at once
AT = 10  # nearest that are looked for


def base_vectors(data: Path, model: str, folder: Path, seed: int) -> tuple[Vectors, Vectors]:
    """Return unit vectors of real rows (BASE, dimension) and of queries (QUERIES, dimension), kept in ``folder``."""
    path = folder / f"base-{model}-{BASE}-{QUERIES}-{seed}.npy"
    if not path.is_file():
        from tiered_st import runtime

        encoder, texts = runtime.load(model), []
        for _, some in generate(sentences(data), BASE + QUERIES, seed):
            texts += some
        vectors = encoder.encode_document(texts, batch_size=64, show_progress_bar=True)
        folder.mkdir(parents=True, exist_ok=True)
        with replace_file(path) as beside, open(beside, "wb") as file:
            np.save(file, vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    found = np.load(path)
    return found[:BASE], found[BASE:]


def around(base: Vectors, rows: int, seed: int) -> Iterator[Vectors]:
    """Yield unit vectors in blocks of `PART`: the base itself, then moved ones; each block by its number alone."""
    for number, start in enumerate(range(0, rows, PART)):
        count = min(PART, rows - start)
        if start + count <= len(base):
            yield base[start : start + count]
            continue
        draw = np.random.default_rng([seed, number])
        first, second, third = draw.integers(len(base), size=(3, count))
        share = draw.uniform(*MOVED, (count, 1)).astype(np.float32)
        moved = base[first] + share * (base[second] - base[third])
        yield moved / np.linalg.norm(moved, axis=1, keepdims=True)


def write_vectors(folder: Path, base: Vectors, queries: Vectors, rows: int, model: str, seed: int) -> Embeddings:
    """Write a folder of embeddings in int8, and beside it, as "truth.npz", the nearest of each query, exactly.

    A folder of the same vectors that is there stays.
    """
    settings = {"synthetic": {"base": len(base), "moved": list(MOVED), "rows": rows, "seed": seed}}
    truth = folder.parent / f"{folder.name}-truth.npz"
    try:
        there = Embeddings(folder)
        if there.meta["settings"] == settings and truth.is_file():
            return there
    except EmbeddingsError:
        pass
    place, parts = Place(folder), []
    best = np.full((len(queries), AT), -2, np.float32), np.zeros((len(queries), AT), np.int64)
    for number, vectors in enumerate(around(base, rows, seed)):
        start = number * PART
        data = part_bytes([f"v{row:09d}" for row in range(start, start + len(vectors))], vectors, dtype="int8")
        file = f"{PARTS}/part-000000-{number:08d}.parquet"
        place.write(file, data)
        parts.append({"file": file, "rows": len(vectors), "sha256": hashlib.sha256(data).hexdigest()})
        best = nearest(queries, vectors, start, best)
    meta = {"complete": True, **describe_model(model).about, "dtype": "int8", "settings": settings, "sources": []}
    write_manifest(place, meta | {"count": rows, "rejected": 0, "parts": parts})
    with replace_file(truth) as beside, open(beside, "wb") as opened:
        np.savez(opened, queries=queries, scores=best[0], rows=best[1])
    return Embeddings(folder)


def nearest(
    queries: Vectors, vectors: Vectors, start: int, best: tuple[Vectors, NDArray[np.int64]]
) -> tuple[Vectors, NDArray[np.int64]]:
    """Return scores and rows (queries, AT) of the nearest so far, a further block from row ``start`` included."""
    scores = queries @ vectors.T  # (queries, rows)
    some = np.argpartition(scores, -min(AT, len(vectors)), axis=1)[:, -AT:]
    every = np.concatenate([best[0], np.take_along_axis(scores, some, axis=1)], axis=1)
    rows = np.concatenate([best[1], some + start], axis=1)
    order = np.argsort(-every, axis=1, kind="stable")[:, :AT]
    return np.take_along_axis(every, order, axis=1), np.take_along_axis(rows, order, axis=1)
