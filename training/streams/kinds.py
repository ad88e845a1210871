"""What the windows of each kind of source hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from training.sources import Source


@dataclass(frozen=True)
class Kind:
    """One kind of what is read.

    Attributes:
        of_row: the items of a row, the second argument its number among those that are taken.
        fills: how many texts of a window an item counts for.
        walks: how many draws a window of items is good for, as its task counts them.
        restore: an item as JSON gives it back → the item.
        distinct: keep an item once per window.
    """

    of_row: Callable[[Source, dict[str, Any], int], Iterable[Any]]
    walks: Callable[[list[Any]], int] = len
    fills: Callable[[Any], int] = lambda item: 1
    restore: Callable[[Any], Any] = tuple
    distinct: bool = False


def _documents(source: Source, row: dict[str, Any], number: int) -> Iterable[list[str]]:
    return (parts for parts in source.documents_of(row) if len(parts) > 1)


def _scored(source: Source, row: dict[str, Any], number: int) -> Iterable[tuple[tuple[str, ...], float]]:
    texts, label = source.labelled_of(row)
    return [(texts, float(label))]


def _neighbours(documents: list[list[str]]) -> int:
    """Return how many sentences follow another; none where there is no second document to take a wrong one from."""
    return sum(len(parts) - 1 for parts in documents) if len(documents) > 1 else 0


KINDS = {
    "texts": Kind(lambda source, row, number: source.texts_of(row), restore=str, distinct=True),
    "pairs": Kind(
        lambda source, row, number: source.pairs_of(row, number), walks=lambda pairs: len({pair[2] for pair in pairs})
    ),
    "searches": Kind(
        lambda source, row, number: source.pairs_of(row, number), walks=lambda pairs: len({pair[2] for pair in pairs})
    ),
    "judges": Kind(lambda source, row, number: [row]),  # whole rows, for training.judging
    "documents": Kind(_documents, walks=_neighbours, fills=len, restore=list),
    "scored": Kind(_scored, restore=lambda item: (tuple(item[0]), item[1])),
}
