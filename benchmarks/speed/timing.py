"""The maths of a fair race: interleaved rounds, ratios round by round, the best batch, the exponent of a cost."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from benchmarks.speed.texts import texts_of

BATCHES = (1, 8, 32, 128)  # what the best batch is chosen from
WORSE = 0.95  # of the best so far: a batch that is slower than that promises nothing of a larger one


class Spread(NamedTuple):
    """Median and middle half of a figure over rounds."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Return the quartiles of at least one value."""
        quartiles = statistics.quantiles(values, n=4) if len(values) > 1 else [values[0]] * 3
        return cls(quartiles[0], statistics.median(values), quartiles[2])


def measure(
    candidates: Sequence[Any],
    *,
    words: int = 0,
    count: int,
    rounds: int,
    rate: float = 0.0,
    stream: Iterator[Any] | None = None,
    before: Callable[[Any], object] = lambda candidate: None,
    prepare: Callable[[Any, Any], str] | None = None,
) -> list[list[float]]:
    """Return texts per second, (models, rounds); a first round that warms up is not counted.

    Every model encodes the same fresh texts before the next round begins, so that a slow moment of the machine hits
    all of them.

    Args:
        candidates: The models.
        words: Words per text, unless there is a ``stream``.
        count: Texts per round.
        rounds: Rounds that count.
        rate: Share of characters that are mistyped.
        stream: Texts without end.
        before: Called with a model before each of its turns, outside the time.
        prepare: Makes each text a call of its own: called with the model and an item of the stream, outside the time,
            it returns the text.
    """
    stream = texts_of(words, rate) if stream is None else stream
    speeds: list[list[float]] = [[] for _ in candidates]
    for number in range(rounds + 1):
        items = [next(stream) for _ in range(count)]
        for candidate, found in zip(candidates, speeds, strict=True):
            before(candidate)
            taken = turn(candidate, items, prepare)
            if number:
                found.append(count / taken)
    return speeds


def turn(candidate: Any, items: Sequence[Any], prepare: Callable[[Any, Any], str] | None = None) -> float:
    """Return the seconds that a model encodes for in one of its turns, as `measure` says."""
    if prepare is None:
        return seconds_of(candidate, items, candidate.batch_size)
    return sum(seconds_of(candidate, [prepare(candidate, item)], 1) for item in items)


def seconds_of(candidate: Any, texts: Sequence[str], batch_size: int) -> float:
    """Return how long one call of `encode` takes."""
    start = time.perf_counter()
    candidate.encode(texts, batch_size=batch_size, show_progress_bar=False)
    return time.perf_counter() - start


def ratios(speeds: Sequence[Sequence[float]]) -> list[Spread]:
    """Return each model's speed over the last model's, taken round by round."""
    return [Spread.of([a / b for a, b in zip(own, speeds[-1], strict=True)]) for own in speeds]


def best_batch(speeds: Mapping[int, Sequence[float]]) -> int:
    """Return the batch size of the highest median speed; of equals, the smallest.

    Args:
        speeds: {batch size: texts per second, one per round}.
    """
    return min(speeds, key=lambda size: (-statistics.median(speeds[size]), size))


def exponent(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """Return the slope of log(seconds) over log(sizes) by least squares: 1 where cost grows as size, 2 as its square.

    Raises:
        ValueError: If there are fewer than two different sizes, or one is not positive.
    """
    if len(sizes) != len(seconds) or len(set(sizes)) < 2 or min(*sizes, *seconds) <= 0:
        raise ValueError(f"a slope needs two different positive sizes and their times, got {sizes!r} and {seconds!r}")
    return statistics.linear_regression([math.log(x) for x in sizes], [math.log(y) for y in seconds]).slope
