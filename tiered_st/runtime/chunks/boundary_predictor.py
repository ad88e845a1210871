"""Predict where chunks start: modules.boundary_predictor without torch, in inference."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tiered_st.config import CharEncoderConfig
from tiered_st.runtime.chunks.hashing import mix, powers
from tiered_st.runtime.graph import Graph
from tiered_st.runtime.graph.layers import gelu, layer_norm, linear, masked
from tiered_st.runtime.stored_weights import StoredWeights
from tiered_st.text.tokenizer import VOCAB_SIZE

_KERNEL = 5
_BLOCK = 8192  # ids read at once, which bounds the memory that a long text takes


class BoundaryPredictor:
    """Give each character a logit that a chunk starts there; see text.learned_chunker.BoundaryScores.

    Args:
        config: the model's configuration.
        weights: those of the predictor.
        threads: that a product of matrices may take; None for one per core.
    """

    def __init__(self, config: CharEncoderConfig, weights: StoredWeights, threads: int | None = None) -> None:
        dim = config.d_char
        self.sizes = config.ngram_sizes if config.boundary_buckets else ()
        self.buckets = config.boundary_buckets
        self.reach = (_KERNEL // 2) * (2**config.boundary_layers - 1) + max(config.ngram_sizes, default=1)
        graph = Graph()
        ids, spaced = (graph.input(name, np.int64, (1, "chars")) for name in ("ids", "spaced"))
        mask = graph.op("Unsqueeze", graph.op("Cast", ids, to=9), graph.ints(2))  # (1, chars, 1)
        characters = graph.constant(weights.part("embedding").floats("weight", VOCAB_SIZE, dim))
        hints = graph.constant(weights.part("spaced").floats("weight", 2, dim))
        x = graph.op("Add", graph.op("Gather", characters, ids), graph.op("Gather", hints, spaced))
        if self.sizes:
            table = graph.constant(weights.part("ngrams.table").floats("weight", self.buckets, dim))
            rows = graph.op("Gather", table, graph.input("buckets", np.int64, (1, 2 * len(self.sizes), "chars")))
            x = graph.op("Add", x, graph.op("ReduceSum", rows, graph.ints(1), keepdims=0))
        for i in range(config.boundary_layers):
            x = _dilated_layer(graph, weights.part(f"layers.{i}"), x, mask, dim, 2**i)
        logits = linear(graph, weights.part("head"), layer_norm(graph, weights.part("norm"), x, dim), (dim, 1))
        graph.output(logits, "logits", np.float32, (1, "chars", 1))
        self.session = graph.session(threads)

    def __call__(
        self, ids: NDArray[np.int64], spaced: NDArray[np.int64], texts: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Return a logit per id, (ids,), of texts laid one after another, further apart than they can see."""
        if len(ids) == 0:
            return np.zeros(0, dtype=np.float32)
        place = np.arange(len(ids)) + self.reach * (1 + texts)
        length = int(place[-1]) + 1 + self.reach
        stream = np.zeros((2, length), dtype=np.int64)  # ids and spaced, PAD in between
        stream[:, place] = ids, spaced
        parts = []
        for start in range(self.reach, length - self.reach, _BLOCK):
            block = stream[:, start - self.reach : start + _BLOCK + self.reach]
            feeds = {"ids": block[:1], "spaced": block[1:]}
            if self.sizes:
                feeds["buckets"] = self.bucket_ids(block[:1])
            parts.append(self.session.run(None, feeds)[0][0, self.reach : -self.reach, 0])
        return np.concatenate(parts)[place - self.reach]

    def bucket_ids(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return buckets, (texts, 2 * sizes, chars) in [0, buckets), of (texts, chars) ids; PAD is an edge."""
        chars, longest = ids.shape[1], max(self.sizes)
        padded = np.pad(ids, ((0, 0), (longest, longest))).astype(np.uint64)  # (texts, longest + chars + longest)
        power = powers(longest + 1)
        hashes = []
        for size in self.sizes:
            starts = range(longest - size, longest + chars)  # n-grams that end before, or start at, a character
            h = np.full((len(ids), len(starts)), power[size])
            for j in range(size):
                h += padded[:, starts.start + j : starts.stop + j] * power[j]
            h = mix(h)  # (texts, size + chars)
            hashes += [h[:, size:], mix(h[:, :chars] + np.uint64(1))]
        buckets = (np.stack(hashes, axis=1) & np.uint64(0x7FFFFFFFFFFFFFFF)) % np.uint64(self.buckets)
        return buckets.astype(np.int64)


def _dilated_layer(graph: Graph, weights: StoredWeights, x: str, mask: str, dim: int, dilation: int) -> str:
    """Apply a DilatedLayer to states (texts, chars, dim); ``mask`` is (texts, chars, 1)."""
    seen = masked(graph, layer_norm(graph, weights.part("norm"), x, dim), mask, 0.0)
    table = graph.constant(weights.floats("depthwise", _KERNEL, dim).T[:, None])  # (dim, 1, kernel)
    reach = dilation * (_KERNEL // 2)
    mixed = graph.op(
        "Conv", graph.op("Transpose", seen, perm=(0, 2, 1)), table,
        kernel_shape=(_KERNEL,), group=dim, dilations=(dilation,), pads=(reach, reach),
    )  # fmt: skip
    mixed = gelu(graph, graph.op("Transpose", mixed, perm=(0, 2, 1)))
    return graph.op("Add", x, linear(graph, weights.part("pointwise"), mixed, (dim, dim)))
