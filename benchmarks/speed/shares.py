"""Where the time of `encode` goes: tokenisation, E1 with the projector, and the rest."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks.peers import Candidate
from benchmarks.speed.stored import BATCH
from benchmarks.speed.throughput import Setting
from tiered_st.modules import TieredInput


def shares(candidate: Candidate, texts: Sequence[str], *, batch: int = 32) -> dict[str, float]:
    """Return the share of each step of encoding texts, summing to 1.

    Args:
        candidate: A model in torch; others have no steps to tell apart, and the result is empty.
        texts: What is encoded, its longest first in each batch as in `encode`.
        batch: Texts per call.
    """
    model = candidate.model
    if not (hasattr(model, "preprocess") and hasattr(model, "children")):
        return {}
    names = ["E1" if isinstance(module, TieredInput) else "layers" for module in model]
    spent = dict.fromkeys(["tokenisation", *names], 0.0)
    ordered = sorted(texts, key=len, reverse=True)
    with torch.inference_mode():
        for start in range(0, len(ordered), batch):
            last = time.perf_counter()
            features = model.preprocess(ordered[start : start + batch])
            features = {name: value.to(model.device) for name, value in features.items() if hasattr(value, "to")}
            last = _note(spent, "tokenisation", last)
            for name, module in zip(names, model, strict=True):
                features = module(features)
                last = _note(spent, name, last)
    total = sum(spent.values())
    return {name: seconds / total for name, seconds in spent.items()}


def share_table(candidates: Sequence[Candidate], words: Sequence[int | str], data: Path | None, count: int) -> dict:
    """Return {words: {model: shares}}; as many texts again come first, to warm up and to fill a cache of chunks."""
    table: dict[str, dict[str, dict[str, float]]] = {}
    for length in words:
        stream = Setting(length, BATCH, 1).stream(data)
        rounds = [[next(stream) for _ in range(count)] for _ in range(2)]
        table[str(length)] = {}
        for candidate in candidates:
            found = [shares(candidate, texts) for texts in rounds][-1]
            if found:
                table[str(length)][candidate.name] = found
    return table


def _note(spent: dict[str, float], name: str, last: float) -> float:
    now = time.perf_counter()
    spent[name] += now - last
    return now
