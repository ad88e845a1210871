"""How a graph multiplies by a matrix: in float32, or in 8-bit integers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tiered_st.runtime.graph.onnx_file import OnnxGraph
from tiered_st.runtime.stored_weights import StoredWeights

FUSED = "com.microsoft"  # ONNX Runtime's own operators, each several of the standard's in one pass
# What a CPU without a dot product of bytes (AVX2) holds two products of bytes in, before it adds them up.
_TWO_PRODUCTS = (1 << 15) - 1
_GELU_LEAST = 0.17  # no value of a GELU is below its negative (the minimum is -.16997)


class Float32Products:
    """Multiply in float32.

    Args:
        graph: what the products are written into.
        weights: the matrices, as (out, in), by name.
    """

    def __init__(self, graph: OnnxGraph, weights: StoredWeights) -> None:
        self.graph = graph
        self.weights = weights

    def product(self, x: str, name: str, to: str, *, gelu: bool = False) -> str:
        """Write rows times a matrix, (rows, in) to (rows, out).

        Args:
            x: the rows.
            name: of the matrix.
            to: what the result is called.
            gelu: whether the rows are what a GELU gave.
        """
        matrix = self.graph.weight(name, self.weights[name].T)
        return self.graph.add("MatMul", [x, matrix], to)


class _Scaled(NamedTuple):
    """Rows as 8-bit integers."""

    integers: str  # (rows, in) uint8
    scale: str  # (rows, 1) float32, of one integer
    zero: str  # uint8, the integer that stands for 0


class Int8Products(Float32Products):
    """Multiply the stored 8-bit integers by rows that become 8-bit integers as they come.

    Each row has its own scale, unlike in ONNX Runtime's own dynamic quantisation, where the largest value of a whole
    batch sets one for all: there a text's vector depends on what it is encoded with, and errs more (in en-small, the
    mean cosine to float32 is .996 against .998).

    Rows use as many of the 256 integers as no sum of two products with this matrix can overflow 16 bits by. A CPU whose
    vectors have no dot product of bytes adds products in pairs there, and clips what does not fit. So all CPUs agree.
    """

    def __init__(self, graph: OnnxGraph, weights: StoredWeights) -> None:
        super().__init__(graph, weights)
        self._rows: dict[tuple[str, int, bool], _Scaled] = {}  # what is quantised already, by its name and range
        self._one = graph.weight("one", np.ones((), dtype=np.float32))

    def product(self, x: str, name: str, to: str, *, gelu: bool = False) -> str:
        """Write rows times a matrix: see ``Float32Products.product``."""
        values, scale = self.weights.integers(name)
        rows = self._quantized(x, largest_input(values), gelu)
        inputs = [
            rows.integers, self.graph.weight(name, values.T), self._one, self.graph.weight(f"{name}.scale", scale),
            rows.zero,
        ]  # fmt: skip
        product = self.graph.add("MatMulIntegerToFloat", inputs, f"{to}.integers", domain=FUSED)
        return self.graph.add("Mul", [product, rows.scale], to)

    def _quantized(self, x: str, most: int, gelu: bool) -> _Scaled:
        """Write rows as integers from 0 to ``most``: from -a to a, or what a GELU gives from its minimum to a."""
        if (x, most, gelu) in self._rows:
            return self._rows[x, most, gelu]
        graph = self.graph
        to = f"{x}.to{most}"
        zero = most // 12 if gelu else most // 2
        axis = self._constant("last_axis", np.array([-1], dtype=np.int64))
        large = x if gelu else graph.add("Abs", [x], f"{to}.sizes")
        large = graph.add("ReduceMax", [large, axis], f"{to}.largest", keepdims=0)  # (rows,)
        step = self._constant(f"1/{most - zero}", np.array(1 / (most - zero), dtype=np.float32))
        scale = graph.add("Mul", [large, step], f"{to}.steps")
        least = _GELU_LEAST / zero if gelu else 1e-12  # nothing below the zero is cut, and a row of zeros divides by no 0
        scale = graph.add("Max", [scale, self._constant(f"{least}", np.array(least, dtype=np.float32))], f"{to}.scales")
        zeros = self._zeros(scale, zero)
        integers = graph.add("QuantizeLinear", [x, scale, zeros], f"{to}.integers", axis=0)
        column = graph.add("Unsqueeze", [scale, axis], f"{to}.scale")
        self._rows[x, most, gelu] = _Scaled(integers, column, self._constant(f"zero{zero}", np.uint8(zero)))
        return self._rows[x, most, gelu]

    def _zeros(self, scale: str, zero: int) -> str:
        """Write the zero once for each row; the number of rows is the same throughout."""
        name = f"zeros{zero}"
        if name in self.graph:
            return name
        rows = "row_count" if "row_count" in self.graph else self.graph.add("Shape", [scale], "row_count")
        return self.graph.add("Expand", [self._constant(f"zero{zero}", np.uint8(zero)), rows], name)

    def _constant(self, name: str, value: np.ndarray | np.generic) -> str:
        return name if name in self.graph else self.graph.weight(name, np.asarray(value))


def largest_input(values: np.ndarray) -> int:
    """Return the largest integer, up to 255, whose products with two neighbours of a row sum to 16 bits.

    Args:
        values: (out, in) int8; products are summed in pairs along a row.
    """
    even = values[:, : values.shape[1] // 2 * 2].astype(np.int16)
    sums = np.abs(even[:, 0::2] + even[:, 1::2]).max(initial=127)
    return min(255, _TWO_PRODUCTS // int(sums))


PRODUCTS = {"int8": Int8Products, "float32": Float32Products}
