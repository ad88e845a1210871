"""The body of a BERT of Hugging Face, or of an encoder of its make, as a graph."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiered_st.config import SemanticConfig
from tiered_st.runtime.semantic.body_kinds import KINDS, BodyKind
from tiered_st.runtime.semantic.products import loud_channels
from tiered_st.runtime.semantic.relative_bias import relative_bias
from tiered_st.runtime.semantic.writer import Writer
from tiered_st.runtime.stored_weights import StoredWeights


def bert(writer: Writer, config: SemanticConfig, weights: StoredWeights, x: str) -> str:
    """Write the body (Devlin et al. 2019; post-norm, learned positions), (batch, places, d_sem) to (rows, d_sem)."""
    body: dict[str, Any] = config.body or {}
    kind = KINDS[body["model_type"]]
    dim, ffn, epsilon = config.d_sem, kind.of(body, "intermediate_size"), float(kind.of(body, "layer_norm_eps"))
    heads, activation = kind.of(body, "num_attention_heads"), kind.of(body, "hidden_act")
    weights = weights.part("model")
    entry = weights.part("embeddings")
    places = _places(kind, body, entry, dim)
    x = writer.norm(writer.rows(writer.add_places(x, places)), entry.part("LayerNorm"), epsilon)
    scores = relative_bias(writer, body, weights.part("encoder"), heads, len(places)) if kind.relative else ""
    layers = [weights.part(f"{kind.layers}.{i}") for i in range(kind.of(body, "num_hidden_layers"))]
    norms = [layer.part(name) for layer in layers for name in (kind.attended_norm, kind.norm)]
    loud = loud_channels([norm.floats("weight", dim) for norm in norms])
    for layer in layers:
        own = [layer.part(name) for name in kind.qkv]
        qkv = [writer.by_text(writer.product(x, part, (dim, dim), loud=loud)) for part in own]
        biases = writer.graph.constant(np.concatenate([part.floats("bias", dim) for part in own]))
        attended = writer.attention(qkv, heads, bias=biases, scores=scores)
        after = layer.part(kind.attended)
        x = writer.sum(x, writer.product(attended, after, (dim, dim)), writer.bias(after, dim))
        x = writer.norm(x, layer.part(kind.attended_norm), epsilon)
        inner, outer = layer.part(kind.inner), layer.part(kind.outer)
        hidden = writer.product(x, inner, (dim, ffn), loud=loud)
        hidden = writer.activation(hidden, writer.bias(inner, ffn), activation)
        more = writer.product(hidden, outer, (ffn, dim), gelu=True)
        x = writer.norm(writer.sum(x, more, writer.bias(outer, dim)), layer.part(kind.norm), epsilon)
    return x


def _places(kind: BodyKind, body: dict[str, Any], entry: StoredWeights, dim: int) -> NDArray[np.float32]:
    """Return what is added to the chunk at each place, (most places, dim)."""
    pad = kind.pad(body)
    entry.floats("word_embeddings.weight", 1 + pad, dim)  # there, but chunk vectors stand in its place
    places = entry.floats("position_embeddings.weight", kind.of(body, "max_position_embeddings"), dim)
    if kind.has_types:  # every chunk is of the first of BERT's two sentences
        places = places + entry.floats("token_type_embeddings.weight", kind.of(body, "type_vocab_size"), dim)[0]
    return places[pad + 1 :] if kind.places_from_pad else places
