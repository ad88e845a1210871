"""Cut a text of any length into passages at the edges of chunks, reading no further than the next passage needs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiered_st.text import TextReader, WordChunker, word_chunker
from tiered_st.text.tokenizer import code_points

_SENTENCE_ENDS = tuple(".!?…。！？｡۔।॥")
_CLOSERS = "\"'”’»)]」』"
_WIDE = "。！？｡"  # no space follows these
_BLOCK = 1 << 16  # characters read at once from what has a `read`
_NO_LIMIT = 1 << 30
_NEAR = 10  # characters per chunk that are looked at first: English takes about six
_PLAIN = re.compile(r"[\t\n\r -~]*")  # no normal form changes these, but for their case


@dataclass(frozen=True)
class Passage:
    """Hold a passage of a document."""

    start: int  # offset of its first character in the document
    end: int  # offset behind its last
    text: str  # empty where texts are not kept


class PassageCutter:
    """Cut documents into passages of at most ``chunks`` chunks.

    A passage ends, in its second half if it can, behind a sentence, or else at white space, or else between two
    chunks. Passages without an overlap tile the document. Where they lie depends on the text alone, not on the pieces
    that it comes in.

    Args:
        tiers: what has the ``reader`` that counts the chunks of a passage, as it will when it reads them.
        chunks: most chunks in a passage, BEGIN and FINISH aside.
        overlap: most chunks that a passage shares with the one before it.
        prompt: what is put before each passage; its chunks come on top.
    """

    def __init__(self, tiers: Any, chunks: int, *, overlap: int = 0, prompt: str = "") -> None:
        self.reader: TextReader = tiers.reader
        self.chunks = chunks
        self.overlap = overlap
        self.prompt = prompt
        widest = self.reader.settings.chunk_chars
        self._chunker = word_chunker(self.reader.settings)
        self._counts_words = isinstance(self.reader.chunker, WordChunker) and not prompt
        self._reach = (chunks + 2) * widest  # more than `chunks` chunks without spaces can fill
        self.room = chunks + (self._count("") if prompt else 0)

    def __call__(self, document: str | Iterable[str]) -> Iterator[Passage]:
        """Yield the passages of a text, of a file, or of an iterable of pieces; an empty text is one empty passage.

        Raises:
            ValueError: if a piece is not a string.
        """
        pieces = _pieces(document)
        buffer, start = "", 0  # what was read and not yet passed, and where it starts in the document
        covered = 0  # where the last passage ended
        for piece in chain(pieces, [None]):
            buffer += piece or ""
            ended = piece is None
            while len(buffer) >= self._reach or (ended and buffer):
                end, following = self._cut(buffer[: self._reach], ended=ended and len(buffer) < self._reach)
                if start < covered >= start + end:  # what overlaps was read as more chunks than before: leave it
                    buffer, start = buffer[covered - start :], covered
                    continue
                covered = start + end
                yield Passage(start, covered, buffer[:end])
                last = ended and end == len(buffer)
                buffer, start = ("", covered) if last else (buffer[following:], start + following)
            if ended and start == 0:
                yield Passage(0, 0, "")

    def _cut(self, window: str, *, ended: bool) -> tuple[int, int]:
        """Return where the passage that opens ``window`` ends and where the next one starts, offsets in ``window``.

        Args:
            window: the text from the passage's start, as far as a passage can reach.
            ended: whether the document ends with it.
        """
        starts = self._starts(window)
        if ended and len(starts) <= self.chunks:
            edges = np.append(starts[1:], len(window))
        elif len(starts) > 1:
            edges = starts[1:]  # the last chunk may go on behind the window
        else:
            return len(window), len(window)  # nothing but white space, before or behind one chunk
        while True:
            edges = edges[: self.chunks]  # edges[k]: the passage may end here, behind k + 1 chunks
            k = len(edges) - 1 if edges[-1] == len(window) else self._best(window, edges)
            end = int(edges[k])
            count = k + 1 if self._is_read_as_it_is(window, end) else self._count(window[:end])
            if count <= self.room:
                break
            # Normalising made more of it (㎏ is two letters, ﷺ four words): take less.
            fewer = min(k, max(1, (k + 1) * self.room // count))
            edges = edges[:fewer] if fewer else np.array([max(1, end // 2)])
        k = min(k, len(edges) - 1)
        if self.overlap == 0 or end == len(window):
            return end, end
        back = [int(edge) for edge in edges[max(0, k - self.overlap) : k]]  # starts of the last chunks
        spaced = [edge for edge in back if window[edge - 1].isspace()]
        return end, (spaced or back or [end])[0]

    def _starts(self, window: str) -> NDArray[np.int64]:
        """Return where the chunks of ``window`` start, as it is: all of them, or more than a passage may have.

        An ordinary passage takes a fraction of the room that the longest one would, and is cut without reading that.
        """
        near = window[: _NEAR * self.chunks]
        if len(near) < len(window):
            points = code_points(near)
            starts = self._chunker(points, self.reader.tokenizer.widths(points)).starts
            # What follows may move chunks behind the last space, but none before it.
            settled = starts[: np.searchsorted(starts, near.rfind(" "), side="right")]
            if len(settled) > self.chunks:
                return settled
        points = code_points(window)
        return self._chunker(points, self.reader.tokenizer.widths(points)).starts  # (chunks,)

    def _is_read_as_it_is(self, window: str, end: int) -> bool:
        """Say whether the model finds in ``window[:end]`` the chunks that were counted there."""
        whole = end == len(window) or window[end - 1].isspace()
        return self._counts_words and whole and _PLAIN.fullmatch(window, 0, end) is not None

    def _best(self, window: str, edges: NDArray[np.int64]) -> int:
        """Return the index of the best of ``edges``: the last behind a sentence, a word, or at all, in this order."""
        half = len(edges) // 2
        spaced = [k for k in range(half, len(edges)) if window[edges[k] - 1].isspace() or window[edges[k] - 1] in _WIDE]
        for k in reversed(spaced):
            before = window[: edges[k]].rstrip()
            paragraph = window.count("\n", len(before), int(edges[k])) > 1
            if paragraph or before.rstrip(_CLOSERS).endswith(_SENTENCE_ENDS):
                return k
        return spaced[-1] if spaced else len(edges) - 1

    def _count(self, text: str) -> int:
        """Return how many chunks the model reads in a passage, BEGIN and FINISH aside."""
        return int(self.reader.read([text], self.prompt, _NO_LIMIT).attention_mask.sum()) - 2


def _pieces(document: str | Iterable[str]) -> Iterator[str]:
    """Yield a document in pieces of bounded length.

    Raises:
        ValueError: if the document or a piece of it is no text.
    """
    for piece in _opened(document):
        if not isinstance(piece, str):
            raise ValueError(
                f"A piece of a document is a {type(piece).__name__}: give strings, and open files as text."
            )
        for first in range(0, len(piece), _BLOCK):
            yield piece[first : first + _BLOCK]


def _opened(document: Any) -> Iterable[Any]:
    if isinstance(document, str):
        return [document]
    if hasattr(document, "read"):
        return _blocks(document)  # rather than lines, which may be of any length
    if isinstance(document, (bytes, Mapping, set, frozenset)) or not isinstance(document, Iterable):
        raise ValueError(
            f"A document is a {type(document).__name__}: give a str, an open text file or an iterable of strings."
        )
    return document


def _blocks(file: Any) -> Iterator[Any]:
    while block := file.read(_BLOCK):
        yield block
