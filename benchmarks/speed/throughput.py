"""Texts per second: every length, kind of call and number of threads that is asked for, stored cell by cell."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.peers import Candidate
from benchmarks.speed.contenders import empty_cache, reads, set_threads
from benchmarks.speed.lengths import share_read
from benchmarks.speed.stored import BATCH, CHAT, COLD, MANY, MISSPELT, MISSPELT_BATCH, SINGLE, WARM
from benchmarks.speed.texts import MESSAGE, MIXED, chat_messages, mixed_texts, texts_of
from benchmarks.speed.timing import BATCHES, WORSE, best_batch, measure, seconds_of, turn

SAMPLE = 256  # texts whose chunks or tokens are counted
# Texts that fill a cache before fresh ones come alone; of docstrings, five of a text's 16 words are new even then.
FAMILIAR = 256
FRESH = (SINGLE, MISSPELT)
LEAST, MOST = 8, 1024  # texts of a round
ENOUGH, WORDS = 64, 2048  # texts, or words of them, by which many are sorted into batches of nearly one length
LENGTHS: tuple[int | str, ...] = (8, 16, 32, 128, 512, MIXED)
WRONG = 0.10  # of the characters of misspelt texts


@dataclass(frozen=True)
class Setting:
    """One cell of the grid.

    Attributes:
        words: Words per text, or `MIXED`.
        kind: Of those in `benchmarks.speed.stored`.
        threads: Threads.
    """

    words: int | str
    kind: str
    threads: int

    def stream(self, data: Path | None) -> Iterator[Any]:
        """Return the texts without end; of a chat, what is familiar and what is new of each."""
        if self.kind == CHAT:
            return chat_messages()
        if self.kind == WARM:
            return ((text, text) for text in texts_of(int(self.words), 0.0))
        rate = WRONG if self.kind in (MISSPELT, MISSPELT_BATCH) else 0.0
        return mixed_texts(data, rate) if self.words == MIXED else texts_of(int(self.words), rate)

    @property
    def least(self) -> int:
        """Fewest texts of a round that show what the setting costs."""
        if self.kind not in MANY:
            return LEAST
        return ENOUGH if self.words == MIXED else max(LEAST, min(ENOUGH, WORDS // int(self.words)))

    @property
    def prepare(self) -> Callable[[Candidate, Any], str] | None:
        """What is done before a text that comes alone, None where many come at once."""
        return PREPARE.get(self.kind)


def _as_it_is(candidate: Candidate, text: str) -> str:
    return text


def _never_seen(candidate: Candidate, text: str) -> str:
    empty_cache(candidate)
    return text


def _words_seen(candidate: Candidate, message: tuple[str, str]) -> str:
    familiar, new = message
    candidate.encode([familiar], batch_size=1, show_progress_bar=False)
    return new


PREPARE: dict[str, Callable[[Candidate, Any], str]] = {
    SINGLE: _as_it_is, MISSPELT: _as_it_is, COLD: _never_seen, WARM: _words_seen, CHAT: _words_seen,
}  # fmt: skip


def grid(threads: Sequence[int], lengths: Sequence[int | str] = LENGTHS) -> list[Setting]:
    """Return all settings: batches and single texts on each number of threads, the rest on one.

    Of single texts, fresh ones come after `FAMILIAR` others and have words that those had not; of warm ones every word
    was met, of cold ones none.
    """
    every = [Setting(words, BATCH, count) for count in dict.fromkeys(threads) for words in lengths]
    every += [Setting(16, SINGLE, count) for count in dict.fromkeys(threads)]
    every += [Setting(MESSAGE, CHAT, 1), Setting(128, SINGLE, 1)]
    return every + [Setting(16, kind, 1) for kind in (WARM, COLD, MISSPELT, MISSPELT_BATCH)]


def run_cell(
    candidates: Sequence[Candidate], setting: Setting, *, data: Path | None, rounds: int, seconds: float
) -> dict[str, Any]:
    """Measure one cell. Caches of chunks are emptied before it and fill as texts come.

    Args:
        candidates: The models.
        setting: The cell.
        data: The kit's folder, for mixed texts.
        rounds: Rounds that count.
        seconds: What the cell may take in all, about; as many texts are chosen.

    Returns:
        The setting, the number of texts per round, and of each model its batch size, how long a text it reads, what
        share of these texts that is, and texts per second by round.
    """
    stream, many = setting.stream(data), setting.kind in MANY
    familiar = list(islice(texts_of(16, 0.0), FAMILIAR))
    for candidate in candidates:
        set_threads(candidate, setting.threads)
        candidate.batch_size = 8 if many else 1
        if empty_cache(candidate) and setting.kind in FRESH:
            candidate.encode(familiar, batch_size=32, show_progress_bar=False)
    if setting.kind in FRESH:
        next(islice(stream, FAMILIAR, FAMILIAR), None)  # what is familiar does not come again
    count = max(setting.least, affordable(candidates, stream, seconds / (rounds + 3), setting.prepare))
    if many:
        for candidate in candidates:
            candidate.batch_size = _probe(candidate, stream, count)
    speeds = measure(
        candidates, count=count, rounds=rounds, stream=stream, prepare=setting.prepare,
        before=lambda one: set_threads(one, setting.threads),
    )  # fmt: skip
    sample = [each if isinstance(each, str) else each[1] for each in islice(setting.stream(data), SAMPLE)]
    found = {
        candidate.name: {
            "batch": candidate.batch_size, "reads": reads(candidate), "speeds": own,
            "read": share_read(candidate, sample, reads(candidate)),
        }
        for candidate, own in zip(candidates, speeds, strict=True)
    }  # fmt: skip
    return asdict(setting) | {"count": count, "models": found}


def affordable(
    candidates: Sequence[Candidate],
    stream: Iterator[Any],
    seconds: float,
    prepare: Callable[[Candidate, Any], str] | None = None,
) -> int:
    """Return how many texts all models together encode in so many seconds, by a first look at a few."""
    taken = 0.0
    for candidate in candidates:
        turn(candidate, [next(stream)], prepare)  # the first call is another matter
        start = time.perf_counter()
        turn(candidate, list(islice(stream, LEAST)), prepare)
        taken += (time.perf_counter() - start) / LEAST  # with what is done before each text
    return int(min(MOST, max(LEAST, seconds / taken)))


def _probe(candidate: Candidate, stream: Iterator[str], count: int) -> int:
    """Return the model's best batch, larger ones being tried as long as they promise something."""
    speeds: dict[int, list[float]] = {}
    for size in (each for each in BATCHES if each <= count):
        texts = list(islice(stream, max(size, count // 2)))
        speeds[size] = [len(texts) / seconds_of(candidate, texts, size)]
        if speeds[size][0] < WORSE * max(speed for (speed,) in speeds.values()):
            break
    return best_batch(speeds)
