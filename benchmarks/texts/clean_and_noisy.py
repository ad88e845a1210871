"""What most suites share: data sets whose texts a model sees clean, then with 10 % of the characters mistyped."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, ClassVar

from benchmarks.peers import Candidate
from benchmarks.suite import Condition
from tiered_st.evaluation import digest
from tiered_st.noise import add_typos, seeded

RATE = 0.10
NOISY = " 10 %"  # ends the name of a metric that is measured on mistyped texts


def metrics_of(*names: str) -> tuple[str, ...]:
    """Return the columns of data sets: each clean, then mistyped."""
    return tuple(name + noise for name in names for noise in ("", NOISY))


def retained_of(*names: str) -> tuple[tuple[str, str], ...]:
    """Return the (mistyped, clean) metrics of data sets."""
    return tuple((name + NOISY, name) for name in names)


def mistyped(suite: str, texts: Sequence[str], *, rate: float, seed: int) -> list[str]:
    """Mistype every text; what happens to text i depends on suite, seed, rate and i alone."""
    if not rate:
        return list(texts)
    permille = round(1000 * rate)
    return [add_typos(text, rate, seeded(suite, seed, permille, i)) for i, text in enumerate(texts)]


class CleanAndNoisy(ABC):
    """A task over named data sets: a subclass says which texts are mistyped, what stays, and how it is measured.

    Attributes:
        suite: Name of the suite, part of every seed.
        names: The data sets, as the columns call them.
        draws: Clean text is scored under every seed too, because the measure itself draws.
    """

    suite: ClassVar[str]
    draws: ClassVar[bool] = False

    def __init__(self, names: Iterable[str], data: str) -> None:
        self.names, self.data = tuple(names), data
        self._kept: tuple[Candidate, dict[Hashable, Any]] | None = None

    @abstractmethod
    def texts(self, name: str) -> Sequence[str]:
        """Return the texts of a data set that are mistyped, as they are when clean."""

    @abstractmethod
    def fixed(self, name: str) -> Iterable[str]:
        """Return all else that a score depends on, such as documents and labels, as texts."""

    @abstractmethod
    def measure(self, model: Candidate, name: str, texts: Sequence[str], seed: int) -> float:
        """Return the score × 100 of a data set with its texts as given."""

    def conditions(self, seeds: int) -> list[Condition]:
        once = range(seeds if self.draws else 1)
        return [
            Condition(metric, seed)
            for metric in metrics_of(*self.names)
            for seed in (range(seeds) if metric.endswith(NOISY) else once)
        ]

    def seen(self, condition: Condition) -> list[str]:
        """Return the texts as the model sees them."""
        rate = RATE if condition.metric.endswith(NOISY) else 0.0
        return self.mistyped(self._name(condition), rate=rate, seed=condition.seed)

    def mistyped(self, name: str, *, rate: float, seed: int) -> list[str]:
        """Return the texts of a data set, mistyped on an English keyboard."""
        return mistyped(self.suite, self.texts(name), rate=rate, seed=seed)

    def checksum(self, condition: Condition) -> str:
        # A measure that draws needs its seed told apart even where the texts are the same.
        drawn = [str(condition.seed)] if self.draws else []
        return digest([*self.seen(condition), *self.fixed(self._name(condition)), *drawn])

    def score(self, model: Candidate, condition: Condition) -> float:
        return self.measure(model, self._name(condition), self.seen(condition), condition.seed)

    def once(self, model: Candidate, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return what ``make`` returns, made once per model and key: documents are the same in every condition."""
        if self._kept is None or self._kept[0] is not model:
            self._kept = model, {}
        kept = self._kept[1]
        if key not in kept:
            kept[key] = make()
        return kept[key]

    def _name(self, condition: Condition) -> str:
        return condition.metric.removesuffix(NOISY)
