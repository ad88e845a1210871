"""Whom speed is measured against: every baseline, and forms and architectures that are of interest for it alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

import torch
from sentence_transformers import SentenceTransformer

from benchmarks.peers import Candidate, resolve
from benchmarks.speed.int8 import onnx_int8, openvino_int8
from benchmarks.speed.pooled_encoder import PooledEncoder
from benchmarks.speed.random_weights import byt5_small, canine_s, seeded_build, xlm_r_base

FORMS: dict[str, tuple[str, Callable[[], PooledEncoder]]] = {
    "minilm-onnx-int8": ("all-MiniLM-L6-v2 ONNX int8", onnx_int8),
    "minilm-openvino-int8": ("all-MiniLM-L6-v2 OpenVINO int8", openvino_int8),
    "canine-s": ("CANINE-s", partial(seeded_build, canine_s)),
    "byt5-small": ("ByT5-small", partial(seeded_build, byt5_small)),
    "xlm-r-base": ("XLM-R base", partial(seeded_build, xlm_r_base)),
}


def contender(name: str) -> Candidate:
    """Load a model by name, as `resolve` does or from `FORMS`, and let it read as far as its architecture can.

    Raises:
        ValueError: If there is no such model, or it makes no vectors.
    """
    if name in FORMS:
        shown, make = FORMS[name]
        return Candidate(shown, make())
    candidate = resolve(name)
    if candidate.ranks:
        raise ValueError(f"{candidate.name} makes no vectors, so that its speed cannot be compared: leave it out.")
    positions = _positions(candidate)
    if isinstance(reach := reads(candidate), int) and reach < positions <= 8192:
        candidate.model.max_seq_length = positions  # MiniLM stops at 256 tokens of 512, which would flatter it
    return candidate


def _positions(candidate: Candidate) -> int:
    """Return how many tokens a Hugging Face encoder has positions for, 0 where there is none.

    Its tokenizer does not know: sentence-transformers sets ``model_max_length`` to what the model stops at.
    """
    first = next(iter(candidate.model), None) if isinstance(candidate.model, SentenceTransformer) else None
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
