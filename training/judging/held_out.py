"""Choose the rows that a model is judged by, and tell them in whatever table they are met."""

from __future__ import annotations

import hashlib
import logging
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from training.judging.judge import Judge, Pair
from training.sources import Source
from training.streams.row_counts import RowCounts
from training.streams.row_reader import RowReader
from training.streams.stream_config import StreamConfig

logger = logging.getLogger("training")
_BLANK = re.compile(r"[\W_]+")


class HeldOut:
    """Hold out the rows of judges, each chosen when first asked for.

    A row is drawn by what is in it (its cluster, else its first text), so that the same rows are held out whatever else
    is in the table, and in whatever order. What is held out is every text of the rows chosen: a row of any table that
    has one of them in a column that is read, whole or as a sentence where it is read in sentences, is not trained on.
    Texts are the same if their letters and digits are, but for case.

    Args:
        judges: whose rows.
        data: the folder of local tables.
        cache: where the numbers of rows of limited streams are kept.
        stream: how the recipe's sources are streamed; None where they are read whole.
    """

    def __init__(
        self, judges: Sequence[Judge], data: Path | None, cache: Path, stream: StreamConfig | None = None
    ) -> None:
        self.judges = tuple(judges)
        self._data, self._cache, self._stream = data, cache, stream

    @cached_property
    def pairs(self) -> dict[str, list[Pair]]:
        """What each judge asks, by its name.

        Raises:
            ValueError: if a judge finds fewer than two pairs.
        """
        found: dict[str, list[Pair]] = {}
        for judge in self.judges:
            own = [pair for number, row in self._rows[judge.name] for pair in judge.pairs(row, number)]
            if len(own) < 2:
                raise ValueError(
                    f"Judge {judge.name} finds {len(own)} pairs in {judge.source.name}, within the words that its "
                    f"lengths={judge.source.lengths} allow: it needs two at least."
                )
            found[judge.name] = own
        return found

    @cached_property
    def texts(self) -> frozenset[str]:
        """All that is held out, as :func:`told` tells texts."""
        rows = [(judge.source, row) for judge in self.judges for _, row in self._rows[judge.name]]
        texts = frozenset(told(text) for source, row in rows for text in source.cells(row)) - {""}
        logger.info("held out for %d judges: %d rows, %d texts", len(self.judges), len(rows), len(texts))
        return texts

    @cached_property
    def digest(self) -> str:
        """What this is known by."""
        return hashlib.sha256("\0".join(sorted(self.texts)).encode("utf-8", "surrogatepass")).hexdigest()

    def holds(self, source: Source, row: dict[str, Any], *, sentences: bool = False) -> bool:
        """Say whether a row of any source has a text that is held out, or, read in ``sentences``, one of these."""
        if any(told(text) in self.texts for text in source.cells(row)):
            return True
        return (sentences or source.split) and any(told(text) in self.texts for text in source.sentences(row))

    @cached_property
    def _rows(self) -> dict[str, list[tuple[int, dict[str, Any]]]]:
        return {judge.name: drawn(judge, enumerate(self._read(judge.source))) for judge in self.judges}

    def _read(self, source: Source) -> Iterator[dict[str, Any]]:
        if self._stream is None:
            yield from source.rows(self._data)
            return
        counts = RowCounts(self._data, self._cache)
        reader = RowReader("judges", (source,), self._data, counts, head=self._stream.head)
        for items in reader.rows():
            yield from items


def drawn(judge: Judge, rows: Iterable[tuple[int, dict[str, Any]]]) -> list[tuple[int, dict[str, Any]]]:
    """Return the numbered rows that a judge takes, in a seeded order; of the others few are held meanwhile."""
    edge: bytes | None = None
    kept: list[tuple[bytes, int, dict[str, Any]]] = []

    def cut() -> None:
        nonlocal edge, kept
        kept.sort(key=lambda item: item[:2])
        if len(kept) > judge.rows:
            edge = kept[judge.rows - 1][0]
            kept = [item for item in kept if item[0] <= edge]  # the last one's cluster is kept whole

    for number, row in rows:
        place = _place(judge, row)
        if (edge is None or place <= edge) and judge.pairs(row, number):
            kept.append((place, number, row))
            if len(kept) % (4 * judge.rows) == 0:
                cut()
    cut()
    return [(number, row) for _, number, row in kept]


def told(text: str) -> str:
    """Return what a text is told by: its letters and digits, case folded; the text itself where it has none."""
    return _BLANK.sub("", unicodedata.normalize("NFKC", text).casefold()) or text.strip()


def _place(judge: Judge, row: dict[str, Any]) -> bytes:
    source = judge.source
    of = str(row[source.cluster]) if source.cluster else "\0".join(map(told, source.cells(row, source.columns[:1])))
    return hashlib.blake2b(f"{judge.seed}\0{of}".encode("utf-8", "surrogatepass"), digest_size=16).digest()
