"""Coarsen chunk vectors: modules.chunk_quantization as graphs, one small function per way."""

from __future__ import annotations

from collections.abc import Callable

from tiered_st.runtime.graph import Graph


def as_they_are(graph: Graph, vectors: str) -> str:
    """Leave vectors (chunks, d_sem) as they are."""
    return vectors


def round_to_int8(graph: Graph, vectors: str) -> str:
    """Round each vector to 8 bits."""
    largest = graph.op("ReduceMax", graph.op("Abs", vectors), graph.ints(1))  # (chunks, 1)
    scale = graph.op("Div", graph.op("Max", largest, graph.constant(1e-12)), graph.constant(127.0))
    return graph.op("Mul", graph.op("Round", graph.op("Div", vectors, scale)), scale)


def hash_to_signs(graph: Graph, vectors: str) -> str:
    """Keep the signs of each vector and its mean absolute value."""
    size = graph.op("ReduceMean", graph.op("Abs", vectors), graph.ints(1))  # (chunks, 1)
    positive = graph.op("GreaterOrEqual", vectors, graph.constant(0.0))
    return graph.op("Where", positive, size, graph.op("Neg", size))


QUANTIZATIONS: dict[str | None, Callable[[Graph, str], str]] = {
    None: as_they_are,
    "int8": round_to_int8,
    "binary": hash_to_signs,
}
