"""Run BERT's layers in inference without padding, and without what transformers does around them at every call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules import module as of_all_modules

from tiered_st.modules.bodies.packing import pack
from tiered_st.modules.tracing import is_traced

_BERT = "transformers.models.bert.modeling_bert"

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]  # queries, keys and values, (positions, heads, dim / heads) each


def can_read(model: nn.Module) -> bool:
    """Say whether :func:`read_bert` computes what a model of transformers does.

    It does where that is a ``BertModel`` in inference that computes attention by "sdpa", nothing is traced, and no
    hook or other code was put into what it passes by.
    """
    if torch.is_grad_enabled() or is_traced() or type(model).__module__ != _BERT:
        return False
    config: Any = model.config
    hooked = of_all_modules._global_forward_hooks or of_all_modules._global_forward_pre_hooks
    if hooked or config._attn_implementation != "sdpa" or config.chunk_size_feed_forward:
        return False
    return all(map(_is_as_made, _passed_by(model)))


def read_bert(model: Any, x: Tensor, mask: Tensor) -> Tensor:
    """Compute what a ``BertModel`` computes, on a CPU leaving out what is padding.

    Its linear layers, norms, activations and dropouts are called as ever, so that adapters or hooks in their places
    count, and no weight is kept in another form. See :func:`can_read` for when.

    Args:
        model: the ``BertModel``.
        x: vectors (batch, length, dim).
        mask: (batch, length), 1 where there is one.

    Returns:
        States (batch, length, dim); on a CPU, zero where there is padding.
    """
    if x.device.type != "cpu":  # where starting kernels costs more than padding
        return read_padded(model, x, mask)
    packing = pack(mask)
    sizes = [sum(texts * length for texts, length in block) for block in packing.blocks]
    parts = zip(packing.pack(x).split(sizes), packing.columns.split(sizes), packing.blocks, strict=True)
    read = [_read(model, states, columns, partial(_attend_alike, block)) for states, columns, block in parts]
    return packing.unpack(torch.cat(read) if len(read) > 1 else read[0], x)


def read_padded(model: Any, x: Tensor, mask: Tensor) -> Tensor:
    """Compute what :func:`read_bert` does, padding along with the rest."""
    allowed = None if bool(mask.all()) else mask.bool()[:, None, None, :]  # (batch, 1, 1, length)
    columns = torch.arange(x.shape[1], device=x.device).repeat(len(x))
    return _read(model, x.flatten(0, 1), columns, partial(_attend, len(x), allowed)).view(x.shape)


def _read(model: Any, x: Tensor, columns: Tensor, attend: Attend) -> Tensor:
    """Run embeddings and layers on positions (positions, dim) that stand at ``columns`` of their texts."""
    embeddings = model.embeddings
    x = x + embeddings.token_type_embeddings.weight[0] + embeddings.position_embeddings.weight[columns]
    x = embeddings.dropout(embeddings.LayerNorm(x))
    for layer in model.encoder.layer:
        attention, out = layer.attention.self, layer.attention.output
        heads = (attention.num_attention_heads, -1)
        q, k, v = (project(x).unflatten(-1, heads) for project in (attention.query, attention.key, attention.value))
        x = out.LayerNorm(out.dropout(out.dense(attend(q, k, v))) + x)
        hidden = layer.intermediate.intermediate_act_fn(layer.intermediate.dense(x))
        x = layer.output.LayerNorm(layer.output.dropout(layer.output.dense(hidden)) + x)
    return x


def _attend(texts: int, allowed: Tensor | None, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attend within texts of the same length: (texts × length, heads, dim / heads) each, to (texts × length, dim)."""
    q, k, v = (part.unflatten(0, (texts, -1)).transpose(1, 2) for part in (q, k, v))  # (texts, heads, length, …)
    attended = F.scaled_dot_product_attention(q, k, v, attn_mask=allowed)
    return attended.transpose(1, 2).flatten(2).flatten(0, 1)


def _attend_alike(block: list[tuple[int, int]], q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attend within each text of a block, those of a length together: nothing is padded, so nothing is masked."""
    if len(block) == 1:
        return _attend(block[0][0], None, q, k, v)
    sizes = [texts * length for texts, length in block]
    parts = zip(block, q.split(sizes), k.split(sizes), v.split(sizes), strict=True)
    return torch.cat([_attend(texts, None, *part) for (texts, _), *part in parts]) if block else v.flatten(1)


def _passed_by(model: Any) -> Iterator[nn.Module]:
    """Yield the modules that are not called, those that hold others and the tables that are read, holders first."""
    yield model
    yield model.embeddings
    yield from (model.embeddings.token_type_embeddings, model.embeddings.position_embeddings, model.encoder)
    yield model.encoder.layer
    for layer in model.encoder.layer:
        yield layer
        yield layer.attention
        yield from (layer.attention.self, layer.attention.output, layer.intermediate, layer.output)


def _is_as_made(module: nn.Module) -> bool:
    """Say whether a module is what transformers puts there, rests from training, and was not hooked into."""
    return (
        (type(module).__module__ == _BERT or type(module) in (nn.Embedding, nn.ModuleList))
        and not module.training
        and not (module._forward_hooks or module._forward_pre_hooks)
        and module._compiled_call_impl is None
        and "forward" not in vars(module)
    )
