"""Whom speed is measured against, each reading as far as its architecture can."""

from __future__ import annotations

import os

import torch
from sentence_transformers import SentenceTransformer

from benchmarks.peers import Candidate, resolve
from benchmarks.peers.runtime_model import RuntimeModel
from tiered_st.modules import TieredInput

CHUNKS = 510  # what the shipped models' bodies have positions for, marks included


def contender(name: str) -> Candidate:
    """Load a model by name, as `resolve` does, and let it read as far as its architecture can.

    Raises:
        ValueError: If there is no such model, or it makes no vectors.
    """
    candidate = resolve(name)
    if candidate.ranks:
        raise ValueError(f"{candidate.name} makes no vectors, so that its speed cannot be compared: leave it out.")
    reach, positions = reads(candidate), _positions(candidate)
    if isinstance(reach, int) and reach < positions <= 8192:
        candidate.model.max_seq_length = positions  # what stops earlier than others would be flattered
    return candidate


def _positions(candidate: Candidate) -> int:
    """Return how many chunks or tokens a model has positions for, 0 where it is not known.

    A tokenizer of Hugging Face's does not know: sentence-transformers sets ``model_max_length`` to what the model stops
    at.
    """
    if isinstance(candidate.model, RuntimeModel):
        return CHUNKS
    first = next(iter(candidate.model), None) if isinstance(candidate.model, SentenceTransformer) else None
    if isinstance(first, TieredInput):
        return CHUNKS
    config = getattr(getattr(first, "auto_model", None), "config", None)
    return getattr(config, "max_position_embeddings", 0)


def reads(candidate: Candidate) -> int | None:
    """Return the longest text in the model's own units, None where there is no limit."""
    return getattr(candidate.model, "max_seq_length", None)


def set_threads(candidate: Candidate, count: int) -> None:
    """Let torch, a runtime of its own, and the tokenizers use so many threads."""
    torch.set_num_threads(count)
    os.environ["TOKENIZERS_PARALLELISM"] = "true" if count > 1 else "false"
    if hasattr(candidate.model, "set_threads"):
        candidate.model.set_threads(count)


def empty_cache(candidate: Candidate) -> bool:
    """Forget a model's chunk vectors; tell whether it keeps any."""
    model = candidate.model
    if isinstance(model, RuntimeModel):
        model.clear_cache()
        return True
    first = next(iter(model), None) if isinstance(model, SentenceTransformer) else None
    cache = getattr(first, "cache", None)
    if cache is not None:
        cache.clear()
    return cache is not None
