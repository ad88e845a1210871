"""Mix what a character sees: modules.layers and modules.convolution as graphs, one function per mixer.

Each takes states (batch, length, d_char) and a mask, and returns states.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tiered_st.config import CharEncoderConfig
from tiered_st.runtime.chunks.positions import POSITIONS, Positions
from tiered_st.runtime.graph import Graph
from tiered_st.runtime.graph.layers import gelu, layer_norm, linear, masked
from tiered_st.runtime.stored_weights import StoredWeights

Layer = Callable[[Graph, CharEncoderConfig, StoredWeights, str, str, Positions], str]


class CharLayers:
    """Run E1's layers over whatever a character sees.

    The graph's inputs ``order`` and ``seen`` are made here, so that a model without layers has none.
    """

    def __init__(self, graph: Graph, config: CharEncoderConfig) -> None:
        self.config = config
        convolves = config.char_mixer == "convolution"
        # A convolution is told which places hold a character, attention who sees whom.
        self.mask = graph.input("seen", np.bool_, ("batch", "length", 1) if convolves else ("any", 1, "rows", "length"))
        self.positions = POSITIONS["none" if convolves else config.char_positions](graph, config)

    def __call__(self, graph: Graph, weights: StoredWeights, x: str) -> str:
        """Return states (batch, length, d_char)."""
        for i in range(self.config.char_layers):
            own = weights.part(f"layers.{i}")
            x = MIXERS[self.config.char_mixer](graph, self.config, own, x, self.mask, self.positions)
        return x


def transformer(
    graph: Graph, config: CharEncoderConfig, weights: StoredWeights, x: str, mask: str, positions: Positions
) -> str:
    """Apply a TransformerLayer; the mask is (batch or 1, 1, length or 1, length)."""
    dim, heads = config.d_char, config.char_heads
    qkv = linear(graph, weights.part("qkv"), _normal(graph, weights, "attention_norm", x, dim), (dim, 3 * dim))
    qkv = graph.op("Reshape", qkv, graph.ints(0, 0, 3 * heads, dim // heads))
    parts = graph.ops("Split", graph.op("Transpose", qkv, perm=(0, 2, 1, 3)), results=3, axis=1, num_outputs=3)
    q, k = (positions.turn(graph, part) for part in parts[:2])  # each (batch, heads, length, dim / heads)
    q = graph.op("Mul", q, graph.constant((dim // heads) ** -0.5))
    scores = positions.weigh(graph, graph.op("MatMul", q, graph.op("Transpose", k, perm=(0, 1, 3, 2))))
    shares = graph.op("Softmax", masked(graph, scores, mask, -np.inf), axis=-1)
    attended = graph.op("Transpose", graph.op("MatMul", shares, parts[2]), perm=(0, 2, 1, 3))
    attended = graph.op("Reshape", attended, graph.ints(0, 0, dim))
    x = graph.op("Add", x, linear(graph, weights.part("attention_out"), attended, (dim, dim)))
    return _feed_forward(graph, config, weights, x)


def convolution(
    graph: Graph, config: CharEncoderConfig, weights: StoredWeights, x: str, mask: str, positions: Positions
) -> str:
    """Apply a ConvolutionLayer; the mask is (batch, length, 1)."""
    dim, kernel, own = config.d_char, config.char_kernel, weights.part("depth_wise")
    seen = masked(graph, _normal(graph, weights, "convolution_norm", x, dim), mask, 0.0)
    table, bias = (graph.constant(own.floats(*named)) for named in (("weight", dim, 1, kernel), ("bias", dim)))
    mixed = graph.op(
        "Conv", graph.op("Transpose", seen, perm=(0, 2, 1)), table, bias,
        kernel_shape=(kernel,), group=dim, pads=(kernel // 2, kernel // 2),
    )  # fmt: skip
    mixed = gelu(graph, graph.op("Transpose", mixed, perm=(0, 2, 1)))  # (batch, length, dim)
    x = graph.op("Add", x, linear(graph, weights.part("point_wise"), mixed, (dim, dim)))
    return _feed_forward(graph, config, weights, x)


def _feed_forward(graph: Graph, config: CharEncoderConfig, weights: StoredWeights, x: str) -> str:
    dim, ffn = config.d_char, config.char_ffn
    hidden = linear(graph, weights.part("ffn_in"), _normal(graph, weights, "ffn_norm", x, dim), (dim, ffn))
    return graph.op("Add", x, linear(graph, weights.part("ffn_out"), gelu(graph, hidden), (ffn, dim)))


def _normal(graph: Graph, weights: StoredWeights, name: str, x: str, dim: int) -> str:
    return layer_norm(graph, weights.part(name), x, dim)


MIXERS: dict[str, Layer] = {"transformer": transformer, "convolution": convolution}
