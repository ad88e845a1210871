"""How much of a text a model reads: what is cut costs no time, and two models that cut unlike are not compared."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.peers import Candidate
from benchmarks.peers.runtime_model import units_of
from tiered_st.modules import TieredInput


def units(candidate: Candidate, texts: Sequence[str]) -> list[int] | None:
    """Return how many chunks or tokens each text has, marks included; None where a model counts none."""
    model = candidate.model
    if hasattr(model, "units"):
        return model.units(texts)
    first = next(iter(model), None) if hasattr(model, "__iter__") else None
    if isinstance(first, TieredInput):
        return units_of(first, texts)
    tokenize = getattr(model, "tokenizer", None)
    if not callable(tokenize):
        return None
    return [len(tokenize(text, truncation=False)["input_ids"]) for text in texts]


def share_read(candidate: Candidate, texts: Sequence[str], length: float | None) -> float:
    """Return the share of the chunks or tokens of texts that a model reads of them, if it reads so many of each."""
    counts = units(candidate, texts) if length is not None else None
    if not counts or length is None:
        return 1.0
    return sum(min(count, length) for count in counts) / sum(counts)
