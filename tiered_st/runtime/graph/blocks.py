"""Multiply by a large matrix in blocks of 8-bit integers, of which a CPU reads a quarter of the bytes."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from tiered_st.runtime.graph.graph import FUSED, Graph

_BLOCK = 32  # values that share a scale; with longer blocks a row's product depends on what it is computed with
_ZERO = 128  # the integer that stands for 0


def product(graph: Graph, rows: str, matrix: NDArray[np.float32]) -> str:
    """Write the product of rows (rows, in) and a matrix (in, out) in float32."""
    return graph.op("MatMul", rows, graph.constant(matrix))


def block_product(graph: Graph, rows: str, matrix: NDArray[np.float32]) -> str:
    """Write the same in integers: of each column and row, 32 values at a time are rounded to 127 steps of the largest.

    A few rows by megabytes of weights wait for these to be read. Unlike that of a whole row or column, the scale of a
    block is small where its values are. Where ONNX Runtime has no such product, this one is in float32.
    """
    return _in_blocks(graph, rows, matrix) if _computes() else product(graph, rows, matrix)


def _in_blocks(graph: Graph, rows: str, matrix: NDArray[np.float32]) -> str:
    inside, outside = matrix.shape
    blocks = -(-inside // _BLOCK)
    values = np.zeros((outside, blocks * _BLOCK), dtype=np.float32)
    values[:, :inside] = matrix.T
    values = values.reshape(outside, blocks, _BLOCK)
    scale = np.maximum(np.abs(values).max(axis=2, keepdims=True), 1e-12) / np.float32(127)
    integers = graph.constant(np.rint(values / scale) + _ZERO, np.uint8)
    return graph.op(
        "MatMulNBits", rows, integers, graph.constant(scale.ravel()), domain=FUSED,
        K=inside, N=outside, bits=8, block_size=_BLOCK, accuracy_level=4,
    )  # fmt: skip


@cache
def _computes() -> bool:
    """Return whether ONNX Runtime has such products (from 1.22 on) and, on this CPU, clips no sum in them."""
    graph, largest = Graph(), np.full((2, 2 * _BLOCK + 1), 127, dtype=np.float32)
    largest[1, 2::4] = largest[1, 3::4] = -127  # neighbours of one sign, whose products are added first
    rows = graph.input("rows", np.float32, ("rows", largest.shape[1]))
    graph.output(_in_blocks(graph, rows, largest.T), "products", np.float32, ("rows", 2))
    try:
        found = graph.session(1).run(None, {"rows": largest})[0]
    except Exception:  # ONNX Runtime's errors have no class in common
        return False
    return bool(np.allclose(found, largest @ largest.T, rtol=1e-5))
