"""The body of a BERT of Hugging Face, as a graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from tiered_st.config import KEPT_PADS, SemanticConfig
from tiered_st.runtime.semantic.products import loud_channels
from tiered_st.runtime.semantic.writer import Writer
from tiered_st.runtime.stored_weights import StoredWeights

# What transformers' BertConfig takes for what a configuration leaves out.
_DEFAULTS: dict[str, Any] = {
    "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072, "hidden_act": "gelu",
    "max_position_embeddings": 512, "type_vocab_size": 2, "layer_norm_eps": 1e-12, "pad_token_id": 0,
}  # fmt: skip


def bert(writer: Writer, config: SemanticConfig, weights: StoredWeights, x: str) -> str:
    """Write the body (Devlin et al. 2019; post-norm, learned positions), (batch, places, d_sem) to (rows, d_sem)."""
    body: dict[str, Any] = _DEFAULTS | (config.body or {})
    dim, ffn, epsilon = config.d_sem, body["intermediate_size"], float(body["layer_norm_eps"])
    weights = weights.part("model")
    entry = weights.part("embeddings")
    places = entry.floats("position_embeddings.weight", body["max_position_embeddings"], dim)
    # Chunk vectors stand in the words' place, and every chunk is of the first of BERT's two sentences.
    places = places + entry.floats("token_type_embeddings.weight", body["type_vocab_size"], dim)[0]
    pad = body["pad_token_id"]
    entry.floats("word_embeddings.weight", 1 + (pad if pad in KEPT_PADS else 0), dim)  # there, but of no use
    x = writer.norm(writer.rows(writer.add_places(x, places)), entry.part("LayerNorm"), epsilon)
    layers = [weights.part(f"encoder.layer.{i}") for i in range(body["num_hidden_layers"])]
    norms = [layer.part(f"{name}.LayerNorm") for layer in layers for name in ("attention.output", "output")]
    loud = loud_channels([norm.floats("weight", dim) for norm in norms])
    for layer in layers:
        own = [layer.part(f"attention.self.{name}") for name in ("query", "key", "value")]
        qkv = [writer.by_text(writer.product(x, part, (dim, dim), loud=loud)) for part in own]
        biases = writer.graph.constant(np.concatenate([part.floats("bias", dim) for part in own]))
        attended = writer.attention(qkv, body["num_attention_heads"], bias=biases)
        after = layer.part("attention.output")
        more = writer.product(attended, after.part("dense"), (dim, dim))
        x = writer.sum(x, more, writer.bias(after.part("dense"), dim))
        x = writer.norm(x, after.part("LayerNorm"), epsilon)
        inner, after = layer.part("intermediate.dense"), layer.part("output")
        hidden = writer.product(x, inner, (dim, ffn), loud=loud)
        hidden = writer.activation(hidden, writer.bias(inner, ffn), body["hidden_act"])
        more = writer.product(hidden, after.part("dense"), (ffn, dim), gelu=True)
        x = writer.norm(writer.sum(x, more, writer.bias(after.part("dense"), dim)), after.part("LayerNorm"), epsilon)
    return x
