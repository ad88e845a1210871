"""Texts per second: every length, batch, precision and number of threads that is asked for, stored cell by cell."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice, product
from pathlib import Path
from typing import Any

from benchmarks.peers import Candidate
from benchmarks.speed.contenders import reads, set_threads
from benchmarks.speed.lengths import share_read
from benchmarks.speed.stored import BEST
from benchmarks.speed.texts import MIXED, mixed_texts, texts_of
from benchmarks.speed.timing import BATCHES, best_batch, measure

SAMPLE = 256  # texts whose chunks or tokens are counted


@dataclass(frozen=True)
class Setting:
    """One cell of the grid.

    Attributes:
        words: Words per text, or `MIXED`.
        batch: Texts per call, or `BEST`: of `BATCHES`, each model's own.
        bf16: Encode under bfloat16 autocast, those models that run in torch.
        threads: Threads.
    """

    words: int | str
    batch: int | str
    bf16: bool
    threads: int


def grid(words: Sequence[int | str], batches: Sequence[int | str], threads: Sequence[int]) -> list[Setting]:
    """Return the settings of all combinations, both precisions."""
    every = product(words, batches, (False, True), dict.fromkeys(threads))
    return [Setting(*combination) for combination in every]


def stream_of(setting: Setting, data: Path | None, rate: float = 0.0) -> Iterator[str]:
    """Return the texts of a setting, without end."""
    return mixed_texts(data, rate) if setting.words == MIXED else texts_of(int(setting.words), rate)


def run_cell(
    candidates: Sequence[Candidate], setting: Setting, *, data: Path | None, rounds: int, seconds: float
) -> dict[str, Any]:
    """Measure one cell.

    Args:
        candidates: The models.
        setting: The cell.
        data: The kit's folder, for mixed texts.
        rounds: Rounds that count.
        seconds: What the slowest model may take for a round, about; as many texts are chosen.

    Returns:
        The setting, the number of texts per round, and of each model its batch size, how long a text it reads, what
        share of these texts that is, and texts per second by round.
    """
    stream = stream_of(setting, data)
    for candidate in candidates:
        set_threads(candidate, setting.threads)
        candidate.bf16 = setting.bf16
        candidate.batch_size = 8 if setting.batch == BEST else int(setting.batch)
    count = affordable(candidates, stream, seconds)
    if setting.batch == BEST:
        for candidate in candidates:
            candidate.batch_size = _probe(candidate, stream, max(count, 2 * max(BATCHES)), seconds)
    speeds = measure(
        candidates, count=count, rounds=rounds, stream=stream, before=lambda one: set_threads(one, setting.threads)
    )
    sample = list(islice(stream_of(setting, data), SAMPLE))
    found = {
        candidate.name: {
            "batch": candidate.batch_size, "reads": reads(candidate), "speeds": own,
            "read": share_read(candidate, sample, reads(candidate)),
        }
        for candidate, own in zip(candidates, speeds, strict=True)
    }  # fmt: skip
    return asdict(setting) | {"count": count, "models": found}


def affordable(
    candidates: Sequence[Candidate], stream: Iterator[str], seconds: float, *, least: int = 8, most: int = 1024
) -> int:
    """Return how many texts the slowest model encodes in so many seconds, by a first look at a few."""
    slowest = 0.0
    for candidate in candidates:
        texts = list(islice(stream, least))
        candidate.encode(texts[:1], batch_size=1, show_progress_bar=False)  # the first call is another matter
        start = time.perf_counter()
        candidate.encode(texts, batch_size=candidate.batch_size, show_progress_bar=False)
        slowest = max(slowest, (time.perf_counter() - start) / least)
    return int(min(most, max(least, seconds / slowest)))


def _probe(candidate: Candidate, stream: Iterator[str], count: int, seconds: float) -> int:
    """Return the model's best batch, larger ones being tried as long as they promise something."""
    speeds: dict[int, list[float]] = {}
    fastest = 0.0
    for size in BATCHES:
        texts = list(islice(stream, max(size, count // 8)))
        start = time.perf_counter()
        candidate.encode(texts, batch_size=size, show_progress_bar=False)
        taken = time.perf_counter() - start
        speeds[size] = [len(texts) / taken]
        if taken > 2 * seconds and len(texts) / taken < fastest:
            break
        fastest = max(fastest, len(texts) / taken)
    return best_batch(speeds)
