"""Give a model another E2: one E1 that knows spelling serves many that know a task."""

from __future__ import annotations

import copy
import dataclasses
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling
from torch import nn

from tiered_st.config import EmbeddingConfig, ProjectorConfig, TieredConfig
from tiered_st.model import load
from tiered_st.modules import SemanticEncoder, TieredInput

# What E2 and all behind it are made of; everything else describes E1 and the projector.
_SEMANTIC = [field.name for field in dataclasses.fields(EmbeddingConfig)[len(dataclasses.fields(ProjectorConfig)) :]]


def swap_semantic_encoder(
    model: SentenceTransformer, other: SentenceTransformer | SemanticEncoder | str | Path
) -> SentenceTransformer:
    """Put ``other``'s E2, and the pooling behind it, into ``model``, which keeps its E1 and projector.

    The new E2 is a copy, is run by what runs ``model``, and brings the ``max_seq_length`` of its model. It reads what
    it was trained to read only if both E2s were trained behind the same, frozen E1 and projector.

    Args:
        model: changed in place.
        other: a model, what :func:`tiered_st.load` takes, or an E2 alone.

    Returns:
        ``model``.

    Raises:
        ValueError: if the two do not fit; the text names both values.
    """
    if not isinstance(model[0], TieredInput):
        raise ValueError(f"model opens with a {type(model[0]).__name__}, so it has no E1 to keep: give a tiered model.")
    other = load(other, device="cpu") if isinstance(other, (str, Path)) else other
    tail = _tail(other)
    encoder = next(module for module in tail.values() if isinstance(module, SemanticEncoder))
    own, new = model[0].settings, encoder.settings
    _refuse_mismatch(own, new)
    chunks = min(own.max_chunks, new.max_chunks)  # a body may have no more positions
    changes = {name: getattr(new, name) for name in _SEMANTIC}
    model[0].settings = own.replace(**changes, max_chunks=chunks)
    # How far a text is read well is a matter of E2's positions.
    reads = other.max_seq_length if isinstance(other, SentenceTransformer) else model[0].max_seq_length
    model[0].max_seq_length = min(reads or chunks, chunks)
    model[0].reader.settings = model[0].settings
    # A table of learned positions has max_chunks rows: E2 keeps its own.
    encoder.settings = model[0].settings.replace(max_chunks=new.max_chunks)
    engine = model[0].engine
    if engine is not None or encoder.engine is not None:
        encoder.run_by(None if engine is None else replace(engine.options, precision=None))
    for name in [name for name, _ in model.named_children()][1:]:
        delattr(model, name)
    for name, module in tail.items():
        model.add_module(name, module.to(model.device).train(model.training))
    return model


def _tail(other: SentenceTransformer | SemanticEncoder) -> OrderedDict[str, nn.Module]:
    """Return copies of an E2 and of the modules behind it, by name."""
    if isinstance(other, SemanticEncoder):
        pooling = Pooling(other.settings.d_sem, pooling_mode=other.settings.pooling)
        modules = [("semantic_encoder", other), ("pooling", pooling), ("normalize", Normalize())]
    else:
        modules = list(other.named_children())[1:]
    if not modules or not isinstance(modules[0][1], SemanticEncoder):
        raise ValueError(f"other is a {type(other).__name__} without a SemanticEncoder behind its first module.")
    return OrderedDict((name, copy.deepcopy(module)) for name, module in modules)


def _refuse_mismatch(own: TieredConfig, new: TieredConfig) -> None:
    """Refuse an E2 that cannot read what ``own``'s E1 and projector write."""
    names = ["d_sem", "segments", "peek"] + (["d_char"] if new.peek else [])
    for name in names:
        ours, theirs = getattr(own, name), getattr(new, name)
        if ours != theirs:
            raise ValueError(f"The model has {name}={ours}, the other E2 has {name}={theirs}: they must be equal.")
