"""How E2's graph multiplies by a matrix: in float32, or in 8-bit integers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tiered_st.runtime.graph import FUSED, Graph
from tiered_st.runtime.stored_weights import Int8Matrix, StoredWeights

# What a CPU without a dot product of bytes (AVX2) holds two products of bytes in, before it adds them up.
_TWO_PRODUCTS = (1 << 15) - 1
_LOUD = 2  # times the median of its LayerNorm's weights, from which a channel is loud
_AT_MOST = 32  # one channel in so many, the loudest: each costs a product in float32
_GELU_LEAST = 0.17  # no value of a GELU is below its negative: the least is -0.16997


Channels = Sequence[int]


class Float32Products:
    """Multiply in float32.

    Args:
        graph: what the products are written into.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def __call__(
        self, x: str, weights: StoredWeights, size: tuple[int, int], *, gelu: bool = False, loud: Channels = ()
    ) -> str:
        """Write the product of rows and an ``nn.Linear``'s weight, without its bias: (rows, in) to (rows, out).

        Args:
            x: the rows.
            weights: of the Linear.
            size: (in, out).
            gelu: whether the rows are what a GELU gave.
            loud: columns of the rows that may hold far larger values than the others: see :func:`loud_channels`.
        """
        matrix = self.graph.constant(weights.floats("weight", size[1], size[0]).T)
        return self.graph.op("MatMul", x, matrix)


class _Rows(NamedTuple):
    """Rows as 8-bit integers."""

    integers: str  # (rows, in) uint8
    scale: str  # (rows, 1) float32, what one integer is worth
    zero: str  # uint8, the integer that stands for 0


class Int8Products(Float32Products):
    """Multiply the stored 8-bit integers by rows that become 8-bit integers as they come.

    Each row has its own scale, unlike in ONNX Runtime's own dynamic quantisation, where the largest value of a whole
    batch sets one for all: there a text's vector depends on what it is encoded with, and errs more.

    The few loud columns are multiplied in float32 and added (as in LLM.int8(), Dettmers et al. 2022): a row's largest
    value sets the step of all its values, and BERT's one loud channel is up to ten times as large as the next one.

    Rows use as many of the 256 integers as no sum of two products with this matrix can overflow 16 bits by. A CPU whose
    vectors have no dot product of bytes adds products in pairs there, and clips what does not fit: so all CPUs agree.
    """

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self._made: dict[tuple[str, int, bool], _Rows] = {}  # rows that are integers already, as of one range
        self._parted: dict[str, tuple[str, str]] = {}  # rows without their loud columns, and these
        self._zeros: dict[int, tuple[str, str]] = {}  # integers that stand for 0: the integer, and one for each row
        self._one = graph.constant(1.0)
        self._last = graph.ints(-1)
        self._count = ""  # of rows, the same throughout

    def __call__(
        self, x: str, weights: StoredWeights, size: tuple[int, int], *, gelu: bool = False, loud: Channels = ()
    ) -> str:
        """Write the product of rows and an ``nn.Linear``'s weight: see ``Float32Products``."""
        matrix = weights.int8("weight", (size[1], size[0])) or quantize(weights.floats("weight", size[1], size[0]))
        quiet, rest = self._part(x, size[0], loud) if len(loud) else (x, "")
        rows = self._integers(quiet, largest_input(matrix.integers), gelu)
        product = self.graph.op(
            "MatMulIntegerToFloat", rows.integers, self.graph.constant(matrix.integers.T, np.int8), self._one,
            self.graph.constant(matrix.scale[:, 0]), rows.zero, domain=FUSED,
        )  # fmt: skip
        product = self.graph.op("Mul", product, rows.scale)
        if not rest:
            return product
        columns = matrix.integers[:, loud] * matrix.scale  # (out, loud)
        return self.graph.op("Gemm", rest, self.graph.constant(columns.T), product)

    def _part(self, x: str, width: int, loud: Channels) -> tuple[str, str]:
        """Write rows with 0 in their loud columns, and these columns, (rows, loud)."""
        if x not in self._parted:
            mask = np.ones(width, dtype=np.float32)
            mask[loud] = 0
            quiet = self.graph.op("Mul", x, self.graph.constant(mask))
            self._parted[x] = quiet, self.graph.op("Gather", x, self.graph.ints(*loud), axis=1)
        return self._parted[x]

    def _integers(self, x: str, most: int, gelu: bool) -> _Rows:
        """Write rows as integers from 0 to ``most``: from -a to a, or what a GELU gives from its minimum to a."""
        if (x, most, gelu) in self._made:
            return self._made[x, most, gelu]
        op, constant = self.graph.op, self.graph.constant
        zero = most // 12 if gelu else most // 2
        largest = op("ReduceMax", x if gelu else op("Abs", x), self._last, keepdims=0)  # (rows,)
        # Nothing below the zero may be cut off, and a row of zeros must not be divided by 0.
        least = _GELU_LEAST / zero if gelu else 1e-12
        scale = op("Max", op("Mul", largest, constant(1 / (most - zero))), constant(least))
        self._count = self._count or op("Shape", scale)
        if zero not in self._zeros:
            one = constant(zero, np.uint8)
            self._zeros[zero] = one, op("Expand", one, self._count)
        own, zeros = self._zeros[zero]
        integers = op("QuantizeLinear", x, scale, zeros, axis=0)
        self._made[x, most, gelu] = _Rows(integers, op("Unsqueeze", scale, self._last), own)
        return self._made[x, most, gelu]


def loud_channels(norms: list[NDArray[np.float32]]) -> list[int]:
    """Return the channels of a body's states that a LayerNorm makes far larger than most.

    Args:
        norms: the weights (dim,) of the LayerNorms that products follow.
    """
    if not norms:
        return []
    sizes = np.abs(np.stack(norms))
    loudness = (sizes / np.maximum(np.median(sizes, axis=1, keepdims=True), 1e-12)).max(axis=0)  # (dim,)
    loud = np.flatnonzero(loudness >= _LOUD)
    loudest = loud[np.argsort(-loudness[loud], kind="stable")][: len(loudness) // _AT_MOST]
    return sorted(loudest.tolist())


def largest_input(integers: NDArray[np.int8]) -> int:
    """Return the largest integer, up to 255, whose products with two neighbours in a row sum to 16 bits.

    Args:
        integers: (out, in); products are summed in pairs along a row.
    """
    even = integers[:, : integers.shape[1] // 2 * 2].astype(np.int16)
    sums = np.abs(even[:, 0::2] + even[:, 1::2])
    return min(255, _TWO_PRODUCTS // int(sums.max(initial=127)))


def quantize(weight: NDArray[np.float32]) -> Int8Matrix:
    """Return integers (rows, columns) and their scales as modules.weights.quantize does."""
    scale = np.maximum(np.abs(weight).max(axis=1, keepdims=True), np.float32(1e-12)) / np.float32(127)
    return Int8Matrix(np.clip(np.rint(weight / scale), -127, 127).astype(np.int8), scale)


PRODUCTS = {"int8": Int8Products, "float32": Float32Products}
