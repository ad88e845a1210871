"""Read training texts from tables in a folder, or from the hub by name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from training.read_table import find_table, read_table

HUB = "hub:"
_HEADING = "## "
SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9\"“])|\n+")


class Held(Protocol):
    """Rows that are held out of training (training.judging)."""

    @property
    def digest(self) -> str:
        """What they are known by."""

    def holds(self, source: Source, row: dict[str, Any], *, sentences: bool = False) -> bool:
        """Say whether a row is held out, or, where it is read in ``sentences``, one of these."""


@dataclass(frozen=True)
class Source:
    """Name a table and what to take from it.

    Args:
        name: of a file in the data folder, without its ending (training.read_table), or "hub:OWNER/NAME[:CONFIG]" for
            the train split of a dataset.
        columns: text columns; a column of lists gives each element its own text.
        limit: rows taken at most, spread evenly over the table; 0 takes all.
        split: cut texts into sentences.
        cluster: column whose equal values mark paraphrases that must not meet as negatives.
        label: column of what a text or pair is labelled with.
        where: (column, value) pairs a row must have; a value "!x" means anything but x.
        lengths: least and most words of a text.
        words: cut texts into passages of so many words, the last one shorter; 0 leaves them whole.
        most: words of a text that is cut; longer ones are left out. 0 cuts all.
    """

    name: str
    columns: tuple[str, ...]
    limit: int = 0
    split: bool = False
    cluster: str | None = None
    label: str | None = None
    where: tuple[tuple[str, str], ...] = ()
    lengths: tuple[int, int] = (1, 60)
    words: int = 0
    most: int = 0

    def __post_init__(self) -> None:
        if self.split and self.words:
            raise ValueError(
                f"{self.name}: split cuts texts into sentences, words={self.words} into passages: give one."
            )
        if self.most and not (self.split or self.words):
            raise ValueError(
                f"{self.name}: most={self.most} is of texts that are cut, and these are whole: give lengths instead."
            )

    @property
    def wanted(self) -> tuple[str, ...]:
        """Return the columns that are read."""
        named = (self.cluster, self.label)
        asked = (column for column, *_ in self._conditions)
        return (*self.columns, *asked, *(column for column in named if column))

    @cached_property
    def _conditions(self) -> list[tuple[str, set[str], set[str]]]:
        """Return, of each column that ``where`` names, what a cell must be, and what it must not be."""
        found: dict[str, tuple[set[str], set[str]]] = {}
        for column, value in self.where:
            found.setdefault(column, (set(), set()))[value.startswith("!")].add(value.removeprefix("!"))
        return [(column, *values) for column, values in found.items()]

    def rows(self, data: Path | None, held: Held | None = None, *, sentences: bool = False) -> list[dict[str, Any]]:
        """Return the table's rows, filtered and limited, without those that are held out, as ``held`` says.

        Raises:
            ValueError: if the table or a column is missing.
        """
        table = self._read(data)
        missing = [column for column in self.wanted if column not in table]
        if missing:
            raise ValueError(f"{self.name} has no column {', '.join(missing)}; it has {', '.join(table)}.")
        keep = list(range(len(table[self.columns[0]])))
        for column, *values in self._conditions:
            keep = [i for i in keep if _meets(table[column][i], *values)]
        if self.limit and len(keep) > self.limit:
            keep = [keep[i] for i in np.linspace(0, len(keep) - 1, self.limit).astype(int)]
        rows = ({column: table[column][i] for column in self.wanted} for i in keep)
        return [row for row in rows if held is None or not held.holds(self, row, sentences=sentences)]

    def cells(self, row: dict[str, Any], columns: tuple[str, ...] | None = None) -> Iterator[str]:
        """Yield the texts of a row as they stand in it, of some columns or all."""
        for column in self.columns if columns is None else columns:
            for text in row[column] if isinstance(row[column], list) else [row[column]]:
                if text is not None:
                    yield text

    def keeps(self, row: dict[str, Any]) -> bool:
        """Say whether a row has what ``where`` asks for."""
        return all(_meets(row[column], *values) for column, *values in self._conditions)

    def sentences(self, row: dict[str, Any]) -> Iterator[str]:
        """Yield the sentences of a row's texts within ``lengths``."""
        for text in self.cells(row):
            yield from (part for part in SENTENCE_END.split(text) if part and self.fits(part))

    def fits(self, text: str) -> bool:
        """Say whether a text is within ``lengths``."""
        return self.lengths[0] <= text.count(" ") + 1 <= self.lengths[1]

    def texts(self, data: Path | None, held: Held | None = None) -> Iterator[str]:
        """Yield texts within ``lengths``."""
        for row in self.rows(data, held):
            yield from self.texts_of(row)

    def texts_of(self, row: dict[str, Any]) -> Iterator[str]:
        """Yield the texts of a row."""
        for column in self.columns:
            value = row[column]
            for text in value if isinstance(value, list) else [value]:
                if text is None or (self.most and text.count(" ") >= self.most):
                    continue
                for part in self._parts(text):
                    if part and self.fits(part):
                        yield part

    def pairs(self, data: Path | None, held: Held | None = None) -> Iterator[tuple[str, str, str]]:
        """Yield (anchor, positive, cluster); the cluster is unique where the table names none."""
        for i, row in enumerate(self.rows(data, held)):
            yield from self.pairs_of(row, i)

    def pairs_of(self, row: dict[str, Any], number: int) -> Iterator[tuple[str, str, str]]:
        """Yield the pairs of a row, the ``number``-th of those that are taken."""
        cluster = f"{self.name}:{row[self.cluster] if self.cluster else number}"
        first = row[self.columns[0]]
        if len(self.columns) == 1:  # a list of texts that say the same
            for a, b in zip(first[0::2], first[1::2], strict=False):
                yield a, b, cluster
            return
        second = row[self.columns[1]]
        for a in first if isinstance(first, list) else [first]:
            if a and second and self.fits(second):
                yield a, second, cluster

    def documents(self, data: Path | None, held: Held | None = None) -> Iterator[list[str]]:
        """Yield the sentences (or the list's texts) of each document, in order and within ``lengths``; no headings."""
        for row in self.rows(data, held, sentences=True):
            yield from self.documents_of(row)

    def documents_of(self, row: dict[str, Any]) -> Iterator[list[str]]:
        """Yield the sentences of each document of a row."""
        for column in self.columns:
            value = row[column]
            parts = value if isinstance(value, list) else SENTENCE_END.split(value or "")
            yield [part for part in parts if part and not part.startswith(_HEADING) and self.fits(part)]

    def sections(self, data: Path | None, held: Held | None = None) -> Iterator[tuple[str, str]]:
        """Yield (title, paragraph) of every paragraph within ``lengths`` that stands under a heading ("## title")."""
        for row in self.rows(data, held, sentences=True):
            for column in self.columns:
                title = ""
                for line in (row[column] or "").split("\n"):
                    if line.startswith(_HEADING):
                        title = line.removeprefix(_HEADING).strip()
                    elif title and self.fits(line):
                        yield title, line

    def labelled(self, data: Path | None, held: Held | None = None) -> Iterator[tuple[tuple[str, ...], Any]]:
        """Yield (texts, label), one text per column.

        Raises:
            ValueError: if no label column is named.
        """
        for row in self.rows(data, held) if self.label is not None else [{}]:
            yield self.labelled_of(row)

    def labelled_of(self, row: dict[str, Any]) -> tuple[tuple[str, ...], Any]:
        """Return the texts of a row, one per column, and its label.

        Raises:
            ValueError: if no label column is named.
        """
        if self.label is None:
            raise ValueError(f"{self.name} is to be read with labels, but names no column of them: give label=….")
        return tuple(row[column] or "" for column in self.columns), row[self.label]

    def _parts(self, text: str) -> list[str]:
        if self.split:
            return SENTENCE_END.split(text)
        if not self.words:
            return [text]
        words = text.split()
        return [" ".join(words[start : start + self.words]) for start in range(0, len(words), self.words)]

    def _read(self, data: Path | None) -> dict[str, list[Any]]:
        if self.name.startswith(HUB):
            from datasets import load_dataset

            name, _, config = self.name.removeprefix(HUB).partition(":")
            return load_dataset(name, config or None, split="train").to_dict()
        if data is None:
            raise ValueError(f"{self.name} is a local table: say where with --data DIR.")
        path = find_table(data, self.name)
        if path is None:
            raise ValueError(
                f"{data / self.name}.parquet does not exist: --data must be the folder that holds {self.name}.parquet."
            )
        return read_table(path)


def at_most(rows: int, sources: tuple[Source, ...]) -> tuple[Source, ...]:
    """Return sources of which no more rows are taken."""
    return tuple(replace(source, limit=min(source.limit or rows, rows)) for source in sources)


def _meets(cell: Any, wanted: set[str], unwanted: set[str]) -> bool:
    """Say whether a cell is all that it must be, and nothing that it must not be."""
    return wanted <= {str(cell)} and str(cell) not in unwanted
