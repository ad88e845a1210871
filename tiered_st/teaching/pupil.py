"""What teaching asks of a model, by torch or without."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from tiered_st.config import TieredConfig
from tiered_st.text import TextReader

SHARPNESS = 35.0  # what cosines of readings are multiplied by before the softmax
NEAR = 0.65  # the cosine at which a word counts half


class Reading(NamedTuple):
    """How E1 reads chunks.

    Attributes:
        queries: (chunks, width), what the memory's prototypes are compared with.
        unknown: (chunks,), how far the memory knows none of its words in each.
        vectors: (chunks, d_sem), the chunk vectors, not pulled to any learned word.
    """

    queries: NDArray[np.float32]
    unknown: NDArray[np.float32]
    vectors: NDArray[np.float32]

    def at(self, places: NDArray[Any]) -> Reading:
        """Return the reading of some of the chunks."""
        return Reading(*(value[places] for value in self))


class Pupil(Protocol):
    """A model as its teacher sees it."""

    @property
    def reader(self) -> TextReader:
        """What cuts its texts into chunks."""
        ...

    @property
    def rows(self) -> NDArray[np.int64]:
        """The rows of ids of the words that it was taught, in order, (words, chars)."""
        ...

    def check(self) -> None:
        """Raise a ValueError if the model cannot be taught, which says why."""
        ...

    def read(self, rows: NDArray[np.int64]) -> Reading:
        """Return how it reads chunks (chunks, chars)."""
        ...

    def learn(self, rows: NDArray[np.int64], reading: Reading) -> None:
        """Know the words of these rows (words, chars), of which it made this, behind those that it knows."""
        ...

    def keep(self, places: NDArray[np.bool_]) -> None:
        """Forget what it was taught but for the words at these places (words,)."""
        ...

    def copied(self) -> Any:
        """Return a copy of the model that is taught apart from it."""
        ...


def refuse_unteachable(config: TieredConfig, *, encoder: str, table: bool) -> None:
    """Refuse to teach a model without a memory, or whose E1 is not asked for every chunk.

    Args:
        config: the model's configuration.
        encoder: the form of its E1.
        table: whether a table is asked before it.

    Raises:
        ValueError: if there is such a thing; says which.
    """
    problems = {
        "memory_slots=0: no memory that could learn": not config.memory_slots,
        f"char_span={config.char_span!r}: a word reads otherwise in every text": config.char_span != "chunk",
        "a table in the place of E1": encoder == "none",
        "a table of chunk vectors, made before": table,
    }
    for problem, there in problems.items():
        if there:
            raise ValueError(f"This model cannot be taught words, it has {problem}.")
