"""How a recipe's sources are streamed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StreamConfig:
    """Read a recipe's sources as a stream, a window of them held at a time, instead of whole.

    Texts, pairs, documents and scored pairs are streamed; tables of words, frequencies and misspellings are read whole.
    A source's ``limit`` spreads the rows it takes over all, for which it is read to its end, and first counted.
    Data that fits in one window is trained on as without a stream, to the bit.

    Args:
        buffer: texts of a window, which are shuffled, told apart and sorted by length together. A window ends with the
            row that fills it; what is left at the end, if less than half a window, is of the last one.
        shuffle_shards: read the files of each source in another order in every epoch but the first, so that other texts
            share a window. Without it, windows follow the order of sources, files and rows, and only texts within one
            are shuffled: sources that are sorted teach what comes late last.
        words: different words counted at once for the lexicon; above it, the rarest are dropped (WordCounter). Each
            word has a vector of the teacher's in memory.
        head: rows taken of each source at most, from its beginning, after which it is not read on, to try things out;
            0 takes all.

    Raises:
        ValueError: If a number is too small.
    """

    buffer: int = 65_536
    shuffle_shards: bool = False
    words: int = 500_000
    head: int = 0

    def __post_init__(self) -> None:
        if self.buffer < 1:
            raise ValueError(
                f"StreamConfig(buffer={self.buffer}) holds no text: give the texts of a window, e.g. 65536."
            )
        if self.head < 0:
            raise ValueError(f"StreamConfig(head={self.head}): give the rows to take of each source, or 0 for all.")
        if self.words < 2:
            raise ValueError(f"StreamConfig(words={self.words}) counts no words: give at least 2, better 500000.")
