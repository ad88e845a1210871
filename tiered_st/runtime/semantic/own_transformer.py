"""Our own Transformer as the body of E2, as a graph: modules.bodies.own_transformer."""

from __future__ import annotations

from tiered_st.config import SemanticConfig
from tiered_st.runtime.semantic.positions import POSITIONS
from tiered_st.runtime.semantic.products import loud_channels
from tiered_st.runtime.semantic.writer import Writer
from tiered_st.runtime.stored_weights import StoredWeights

_EPSILON = 1e-5  # torch's own for a LayerNorm


def own_transformer(writer: Writer, config: SemanticConfig, weights: StoredWeights, x: str) -> str:
    """Write the body (pre-norm), (batch, places, d_sem) to (rows, d_sem)."""
    dim, ffn = config.d_sem, config.sem_ffn
    order = POSITIONS[config.sem_positions](writer, config, weights.part("positions"))
    x = writer.rows(order.enter(x))
    layers = [weights.part(f"layers.{i}") for i in range(config.sem_layers)]
    norms = [layer.part(name) for layer in layers for name in ("attention_norm", "ffn_norm")]
    loud = loud_channels([norm.floats("weight", dim) for norm in norms])
    for layer in layers:
        normed = writer.norm(x, layer.part("attention_norm"), _EPSILON)
        qkv = writer.by_text(writer.linear(normed, layer.part("qkv"), (dim, 3 * dim), loud=loud))
        query, key, value = writer.graph.ops("Split", qkv, results=3, axis=2, num_outputs=3)
        attended = writer.attention([order.turn(query), order.turn(key), value], config.sem_heads, scores=order.scores)
        out = layer.part("attention_out")
        x = writer.sum(x, writer.product(attended, out, (dim, dim)), writer.bias(out, dim))
        inner, out = layer.part("ffn_in"), layer.part("ffn_out")
        normed = writer.norm(x, layer.part("ffn_norm"), _EPSILON)
        hidden = writer.product(normed, inner, (dim, ffn), loud=loud)
        hidden = writer.activation(hidden, writer.bias(inner, ffn), "gelu")
        x = writer.sum(x, writer.product(hidden, out, (ffn, dim), gelu=True), writer.bias(out, dim))
    return writer.norm(x, weights.part("norm"), _EPSILON)
