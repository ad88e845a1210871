"""Read whole texts in windows, for suite `long`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sentence_transformers import SentenceTransformer

from benchmarks.peers import Candidate
from tiered_st.documents import encode_long
from tiered_st.evaluation import unit_vectors
from tiered_st.modules import TieredInput

MARKS = 2  # what a model puts around each text


def windows_of(model: Candidate, texts: Sequence[str], length: int) -> tuple[np.ndarray, list[int]]:
    """Encode each text in windows of ``length`` chunks or tokens, marks included.

    Returns:
        Unit vectors (windows, dimension), those of a text side by side, and the row of each text's first.
    """
    if isinstance(model.model, SentenceTransformer) and isinstance(model.model[0], TieredInput):
        found = [
            document.embeddings
            for document in encode_long(model.model, texts, chunks=length - MARKS, batch_size=model.batch_size)
        ]
        first = np.cumsum([0, *(len(own) for own in found[:-1])]).tolist()
        vectors = np.concatenate(found)
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12), first
    pieces = [_by_tokens(model, text, length - MARKS) for text in texts]
    flat = [piece for own in pieces for piece in own]
    first = np.cumsum([0, *(len(own) for own in pieces[:-1])]).tolist()
    return unit_vectors(model.documents, flat, batch_size=model.batch_size), first


def mean_of(windows: np.ndarray, first: Sequence[int]) -> np.ndarray:
    """Return the mean of each text's windows at unit length, (texts, dimension)."""
    total = np.add.reduceat(windows, first, axis=0)
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)


def _by_tokens(model: Candidate, text: str, tokens: int) -> list[str]:
    """Cut a text behind each so many tokens, as the model or its Hugging Face tokenizer says; else it is one window."""
    if hasattr(model.model, "windows"):
        return model.model.windows(text, tokens)
    if not hasattr(model.model, "tokenizer"):
        return [text]
    places = model.model.tokenizer(text, return_offsets_mapping=True, add_special_tokens=False, truncation=False)
    starts = [start for start, _ in places["offset_mapping"]][::tokens] or [0]
    return [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]
