"""What int8 and a table in E1's place cost and bring: time, bytes, and how far sentence vectors move."""

from __future__ import annotations

import copy
import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

import numpy as np
from sentence_transformers import SentenceTransformer

from benchmarks.peers import Candidate
from benchmarks.speed.texts import docstrings, texts_of
from benchmarks.speed.timing import measure, ratios
from tiered_st.compression import quantize_char_encoder, tabulate
from tiered_st.evaluation import unit_vectors
from tiered_st.modules import TieredInput
from tiered_st.noise import add_typos, seeded

WORDS, RATE = 16, 0.10
FILLED = 2_000  # texts whose chunks are in the table
COMPARED = 128  # texts of each kind whose vectors are compared

Compress = Callable[[SentenceTransformer, Sequence[str]], SentenceTransformer]
FORMS: dict[str, Compress] = {
    "int8": lambda model, texts: quantize_char_encoder(model),
    "table, E1 behind it": lambda model, texts: tabulate(model, texts),
    "table alone": lambda model, texts: tabulate(model, texts, keep_encoder=False),
}


def kinds(count: int = COMPARED) -> dict[str, list[str]]:
    """Return texts of `WORDS` words: clean, mistyped, and of words that docstrings hold but once."""
    clean = list(islice(texts_of(WORDS, 0.0), count))
    counts = Counter(word for _, text in docstrings() for word in text.split() if word.isalpha())
    rare = [word for word, times in counts.items() if times == 1][: count * WORDS]
    return {
        "clean": clean,
        "misspelt": [add_typos(text, RATE, seeded("compression", i)) for i, text in enumerate(clean)],
        "rare words": [" ".join(rare[start : start + WORDS]) for start in range(0, len(rare), WORDS)],
    }


def compressed(candidates: Sequence[Candidate], *, rounds: int, count: int = 64) -> dict[str, Any]:
    """Return {model: {form: what it measures}} of our models; the others have no such forms.

    Returns:
        Of each form "bytes" of all but E2, "ratio" of its speed to the plain model's (low, median, high over
        interleaved rounds), and "cosine": by kind of text the median and the worst to the plain model's vectors.
    """
    found: dict[str, Any] = {}
    texts = kinds()
    filled = list(islice(texts_of(WORDS, 0.0), FILLED))
    for candidate in candidates:
        if not (isinstance(candidate.model, SentenceTransformer) and isinstance(candidate.model[0], TieredInput)):
            continue
        plain = candidate.model
        forms = {name: make(copy.deepcopy(plain), filled) for name, make in FORMS.items()}
        raced = [Candidate(name, model, batch_size=32) for name, model in [*forms.items(), ("plain", plain)]]
        speeds = ratios(measure(raced, words=WORDS, count=count, rounds=rounds))
        vectors = {kind: unit_vectors(plain, own, batch_size=32) for kind, own in texts.items()}
        found[candidate.name] = {"plain": {"bytes": bytes_of(plain)}} | {
            name: {
                "bytes": bytes_of(model),
                "ratio": list(ratio),
                "cosine": {kind: _cosines(model, texts[kind], vectors[kind]) for kind in texts},
            }
            for (name, model), ratio in zip(forms.items(), speeds, strict=False)
        }
    return found


def bytes_of(model: SentenceTransformer) -> int:
    """Return how many bytes the weights of a model's first module take, as saved and as held in memory."""
    return sum(value.numel() * value.element_size() for value in model[0].state_dict().values())


def _cosines(model: SentenceTransformer, texts: Sequence[str], vectors: np.ndarray) -> dict[str, float]:
    cosines = (unit_vectors(model, texts, batch_size=32) * vectors).sum(axis=1)  # (texts,)
    return {"median": statistics.median(cosines.tolist()), "worst": float(cosines.min())}
