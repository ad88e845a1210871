"""What a model is judged by while it learns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from tiered_st.noise import OPERATORS
from training.sources import Source

SIMILARITY, RETRIEVAL = "similarity", "retrieval"


class Pair(NamedTuple):
    """Two texts; those of a cluster answer each other, and a score says how alike two are."""

    first: str
    second: str
    cluster: str = ""
    score: float = 1.0


@dataclass(frozen=True)
class Judge:
    """Judge by rows of a table that are held out: no stage learns from a row that has any of their texts.

    Args:
        name: what log and plot call it.
        kind: "similarity" of pairs with a score (the source's ``label``): Spearman's correlation × 100. "retrieval" of
            the second text of a pair by the first, among those of all pairs: nDCG@10 × 100.
        source: the table, with two columns of texts.
        rows: most rows that are held out, drawn by ``seed``; the rows of a cluster are held out together.
        rates: shares of characters that are corrupted, each with a figure of its own; 0 is clean text. Both texts of a
            scored pair are corrupted, and of the others the first, which is the query.
        operator: one of ``tiered_st.noise.OPERATORS``, by which they are.
        chunks: longest text in chunks (tokens, for a subword model); None as the finished model reads.
        weight: of the mean over its rates in the main figure, the weighted mean of all judges.
        seed: of the choice of rows, and of the noise. Judges of one seed that read one table choose the same rows.

    Raises:
        ValueError: If an argument has no such meaning, or would be ignored.
    """

    name: str
    kind: str
    source: Source
    rows: int = 400
    rates: tuple[float, ...] = (0.0, 0.1)
    operator: str = "typos"
    chunks: int | None = None
    weight: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        source = self.source
        wrong = {
            f"kind={self.kind!r} is neither {SIMILARITY!r} nor {RETRIEVAL!r}": self.kind not in (SIMILARITY, RETRIEVAL),
            f"operator={self.operator!r} is not one of {', '.join(OPERATORS)}": self.operator not in OPERATORS,
            f"rates={self.rates} need one at least, each of them once and in [0, 1]": not self.rates
            or len(set(self.rates)) < len(self.rates)
            or any(not 0 <= rate <= 1 for rate in self.rates),
            f"rows={self.rows} are too few, give 2 or more": self.rows < 2,
            f"chunks={self.chunks} are too few, give 3 or more": self.chunks is not None and self.chunks < 3,
            f"weight={self.weight} must be more than 0": self.weight <= 0,
            f"similarity reads two columns and a label, not {source.columns} and {source.label}": self.kind
            == SIMILARITY
            and (len(source.columns) != 2 or source.label is None),
            f"retrieval reads two columns, or one of lists, and no label, not {source.columns} and {source.label}": (
                self.kind == RETRIEVAL and (len(source.columns) not in (1, 2) or source.label is not None)
            ),
            f"{source.name} is read in pairs, which neither split nor words cuts": bool(source.split or source.words),
        }
        if found := [text for text, is_wrong in wrong.items() if is_wrong]:
            raise ValueError(f"Judge {self.name}: {'; '.join(found)}.")

    def pairs(self, row: dict[str, Any], number: int) -> list[Pair]:
        """Return what a row asks, nothing where a text is missing or beyond the source's ``lengths``.

        Args:
            row: of the source.
            number: of the row, which tells it from others where no column names clusters.
        """
        if self.kind == RETRIEVAL:
            found = self.source.pairs_of(row, number)
            return [Pair(a, body, cluster) for a, b, cluster in found if (body := _without(a, b))]
        (first, second), label = self.source.labelled_of(row)
        if not (first and second and self.source.fits(first) and self.source.fits(second)):
            return []
        return [Pair(first, second, score=float(label))]

    def figure(self, rate: float) -> str:
        """Return the name of the figure at a rate: "sts", "sts typos 10 %"."""
        return f"{self.name} {self.operator} {100 * rate:.4g} %" if rate else self.name


def _without(title: str, body: str) -> str:
    """Return a body without the title that it may open with, and without a heading's mark: it would tell too much."""
    opened = body.lstrip("# \n")
    return opened[len(title) :].lstrip() if opened.lower().startswith(title.lower()) else body
