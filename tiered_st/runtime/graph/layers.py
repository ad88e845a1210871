"""The layers that every body of E2 is made of, written into a graph from stored weights.

States are (rows, dim) between layers, a row for each place of each text: only attention knows of texts.
"""

from __future__ import annotations

import numpy as np

from tiered_st.runtime.graph.onnx_file import OnnxGraph
from tiered_st.runtime.graph.products import FUSED, PRODUCTS
from tiered_st.runtime.stored_weights import StoredWeights

# What a Hugging Face configuration's hidden_act may be: the operator that adds a bias and computes it.
ACTIVATIONS = {"gelu": "BiasGelu", "gelu_new": "FastGelu", "gelu_pytorch_tanh": "FastGelu"}


class Layers:
    """Write layers into a graph.

    Args:
        graph: what they are written into.
        weights: those of the module, by their names in it.
        precision: what products are computed in, "int8" or "float32".
        chunks: name of the input whose shape begins with (batch, places).
        lengths: name of the input (batch,) int32, places of each text that hold a chunk.
    """

    def __init__(self, graph: OnnxGraph, weights: StoredWeights, precision: str, chunks: str, lengths: str) -> None:
        self.graph = graph
        self.weights = weights
        self.lengths = lengths
        self._products = PRODUCTS[precision](graph, weights)
        shape = graph.add("Shape", [chunks], "shape", start=0, end=2)
        self._rest = graph.weight("rest", np.array([-1], dtype=np.int64))
        self._by_text = graph.add("Concat", [shape, self._rest], "by_text", axis=0)  # (batch, places, -1)
        self._first = graph.weight("first", np.zeros(1, dtype=np.int64))
        one, two = (graph.weight(f"number{n}", np.array([n], dtype=np.int64)) for n in (1, 2))
        self._places = graph.add("Slice", [shape, one, two], "places")  # (1,), how many

    def rows(self, x: str, width: int, to: str) -> str:
        """Write (batch, places, width) as (rows, width)."""
        shape = self.graph.weight(f"{to}.shape", np.array([-1, width], dtype=np.int64))
        return self.graph.add("Reshape", [x, shape], to)

    def by_text(self, x: str, to: str) -> str:
        """Write (rows, width) as (batch, places, width)."""
        return self.graph.add("Reshape", [x, self._by_text], to)

    def product(self, x: str, name: str, to: str, *, gelu: bool = False) -> str:
        """Write a Linear without its bias, (rows, in) to (rows, out); ``gelu`` says that a GELU gave ``x``."""
        return self._products.product(x, f"{name}.weight", to, gelu=gelu)

    def linear(self, x: str, name: str, to: str) -> str:
        """Write a Linear, (rows, in) to (rows, out)."""
        return self.graph.add("Add", [self.product(x, name, f"{to}.product"), self.bias([name])], to)

    def bias(self, names: list[str]) -> str:
        """Write the biases of some Linears in one row."""
        biases = [self.weights[f"{name}.bias"] for name in names]
        return self.graph.weight(f"{names[0]}.bias", np.concatenate(biases))

    def norm(self, x: str, name: str, to: str, epsilon: float) -> str:
        """Write a LayerNorm."""
        return self.graph.add("LayerNormalization", [x, *self._norm(name)], to, epsilon=epsilon)

    def add_and_norm(self, x: str, more: str, bias: str, norm: str, to: str, epsilon: float) -> tuple[str, str]:
        """Write the LayerNorm of the sum of two states and a bias; return its name and that of the sum.

        In three operators, since ONNX Runtime's one for all, SkipLayerNormalization, takes five times as long on a CPU.
        """
        total = self.graph.add("Add", [x, self.graph.add("Add", [more, bias], f"{to}.biased")], f"{to}.sum")
        return self.norm(total, norm, to, epsilon), total

    def _norm(self, name: str) -> list[str]:
        return [self.graph.weight(f"{name}.{part}", self.weights[f"{name}.{part}"]) for part in ("weight", "bias")]

    def activation(self, x: str, bias: str, kind: str, to: str) -> str:
        """Write an activation, by its name in a Hugging Face configuration, of a sum with a bias.

        Raises:
            ValueError: if there is none of that name here.
        """
        if kind not in ACTIVATIONS:
            raise ValueError(f"hidden_act={kind!r} is not one of {', '.join(ACTIVATIONS)}, which the runtime computes.")
        return self.graph.add(ACTIVATIONS[kind], [x, bias], to, domain=FUSED)

    def add_places(self, x: str, table: np.ndarray, to: str) -> str:
        """Add to each place of ``x`` (batch, places, dim) its row of a table (most places, dim)."""
        return self.graph.add("Add", [x, self.first_rows(table, f"{to}.rows")], to)

    def first_rows(self, table: np.ndarray, to: str) -> str:
        """Write a table's rows of the places that there are, (places, columns)."""
        return self.graph.add("Slice", [self.graph.weight(f"{to}.all", table), self._first, self._places], to)

    def attention(self, qkv: list[str], heads: int, width: int, to: str, *, bias: str = "", scores: str = "") -> str:
        """Write attention, from every place to those of its text that hold a chunk, (rows, width).

        Args:
            qkv: queries, keys and values, each (batch, places, width).
            heads: number of heads.
            width: of the states.
            to: name of the result.
            bias: what is added to queries, keys and values, (3 * width,), if anything.
            scores: what is added to the scores, (1, heads, places, places), if anything.
        """
        inputs = [*qkv, bias, self.lengths, *([scores] if scores else [])]
        out = self.graph.add("MultiHeadAttention", inputs, f"{to}.by_text", domain=FUSED, num_heads=heads)
        return self.rows(out, width, to)
