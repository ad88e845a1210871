"""Write the layers that every body of E2 is made of.

States are (rows, d_sem) between layers, a row for each place of each text: only attention knows of texts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tiered_st.runtime.graph import FUSED, Graph
from tiered_st.runtime.graph.layers import layer_norm
from tiered_st.runtime.semantic.products import PRODUCTS, Channels
from tiered_st.runtime.stored_weights import StoredWeights

# What a Hugging Face configuration's hidden_act may be: the operator that adds a bias and computes it.
ACTIVATIONS = {"gelu": "BiasGelu", "gelu_new": "FastGelu", "gelu_pytorch_tanh": "FastGelu"}


class Writer:
    """Write E2's layers into a graph.

    Args:
        graph: what they are written into.
        precision: what products are computed in, "int8" or "float32".
        width: of the states.
        chunks: the input whose shape begins with (batch, places).
    """

    def __init__(self, graph: Graph, precision: str, width: int, chunks: str) -> None:
        self.graph = graph
        self.width = width
        self.product = PRODUCTS[precision](graph)
        shape = graph.op("Shape", chunks, start=0, end=2)
        self._by_text = graph.op("Concat", shape, graph.ints(-1), axis=0)  # (batch, places, -1)
        self._places = graph.op("Slice", shape, graph.ints(1), graph.ints(2))  # (1,), how many

    def rows(self, x: str, width: int | None = None) -> str:
        """Reshape (batch, places, width) to (rows, width)."""
        return self.graph.op("Reshape", x, self.graph.ints(-1, width or self.width))

    def by_text(self, x: str) -> str:
        """Reshape (rows, width) to (batch, places, width)."""
        return self.graph.op("Reshape", x, self._by_text)

    def linear(self, x: str, weights: StoredWeights, size: tuple[int, int], *, loud: Channels = ()) -> str:
        """Apply an ``nn.Linear`` of (in, out) to (rows, in)."""
        return self.graph.op("Add", self.product(x, weights, size, loud=loud), self.bias(weights, size[1]))

    def bias(self, weights: StoredWeights, size: int) -> str:
        """Write a bias (size,)."""
        return self.graph.constant(weights.floats("bias", size))

    def norm(self, x: str, weights: StoredWeights, epsilon: float) -> str:
        """Apply an ``nn.LayerNorm`` to rows."""
        return layer_norm(self.graph, weights, x, self.width, epsilon)

    def sum(self, x: str, more: str, bias: str) -> str:
        """Add states and a bias to states.

        ONNX Runtime's one operator for this and the LayerNorm that follows takes five times as long on a CPU.
        """
        return self.graph.op("Add", x, self.graph.op("Add", more, bias))

    def activation(self, x: str, bias: str, kind: str) -> str:
        """Apply an activation, by its name in a Hugging Face configuration, to the sum of rows and a bias."""
        check_activation(kind)
        return self.graph.op(ACTIVATIONS[kind], x, bias, domain=FUSED)

    def add_places(self, x: str, table: NDArray[np.float32]) -> str:
        """Add to each place of ``x`` (batch, places, d_sem) its row of a table (most places, d_sem)."""
        return self.graph.op("Add", x, self.first_rows(table))

    def first_rows(self, table: NDArray[np.float32]) -> str:
        """Take the rows of a table that there are places for, (places, columns)."""
        return self.graph.op("Slice", self.graph.constant(table), self.graph.ints(0), self._places)

    def attention(self, qkv: list[str], heads: int, *, bias: str = "", scores: str = "") -> str:
        """Attend from every place to those of its text, all of which hold a chunk; return (rows, d_sem).

        Args:
            qkv: queries, keys and values, each (batch, places, d_sem).
            heads: number of heads.
            bias: what is added to queries, keys and values, (3 * d_sem,), if anything.
            scores: what is added to the scores, (1, heads, places, places), if anything.
        """
        # Without a mask ONNX Runtime never writes the scores of all places down (Dao et al. 2022, FlashAttention).
        inputs = [*qkv, bias, *(["", scores] if scores else [])]
        return self.rows(self.graph.op("MultiHeadAttention", *inputs, domain=FUSED, num_heads=heads))


def check_activation(kind: str) -> None:
    """Raise a ValueError if there is no activation of that name, in a Hugging Face configuration, here."""
    if kind not in ACTIVATIONS:
        raise ValueError(f"hidden_act={kind!r} is not one of {', '.join(ACTIVATIONS)}, which the runtime computes.")
