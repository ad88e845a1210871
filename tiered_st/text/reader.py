"""Read texts into rows of character ids, one row per chunk."""

from __future__ import annotations

import copy
import dataclasses
import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiered_st.config import ChunkConfig
from tiered_st.text.chunk_types import ChunkType
from tiered_st.text.chunker import Chunker, Chunks
from tiered_st.text.lexicon import Lexicon
from tiered_st.text.parts import join_parts, split_inputs
from tiered_st.text.spacing_chunker import SpacingChunker
from tiered_st.text.text_rows import TextRows
from tiered_st.text.tokenizer import PAD, CharTokenizer
from tiered_st.text.word_chunker import WordChunker

logger = logging.getLogger(__name__)


class TextReader:
    """Normalise texts, cut them into chunks, and lay out each chunk's ids in a row behind its type.

    A text becomes BEGIN, its chunks, FINISH. With ``segments`` it may have parts, a pair or a tuple: BEGIN a FINISH b
    FINISH, where ``token_type_ids`` number the parts. What is longer than the limit is cut, with one warning that says
    where; of a text of several parts, the longest is cut first.
    """

    def __init__(
        self, config: ChunkConfig, tokenizer: CharTokenizer, chunker: Chunker, *, limit: int | None = None
    ) -> None:
        self.settings = config
        self.limit = limit
        self.tokenizer = tokenizer
        self.chunker = chunker
        self._warned = False
        self._prompt_lengths: dict[str, int] = {}

    @property
    def limit(self) -> int:
        """Most chunks read of a text by default, BEGIN and FINISH included: the model's ``max_seq_length``."""
        return self._limit

    @limit.setter
    def limit(self, chunks: int | None) -> None:
        """Set it; None stands for ``max_chunks``.

        Raises:
            ValueError: if it leaves no room between BEGIN and FINISH, or is more than the model can read.
        """
        most = self.settings.max_chunks
        chunks = most if chunks is None else chunks
        if isinstance(chunks, bool) or not isinstance(chunks, int) or not 3 <= chunks <= most:
            raise ValueError(
                f"max_seq_length={chunks!r} must be a whole number from 3 to {most}, this model's max_chunks. For "
                "longer texts there is tiered_st.encode_long."
            )
        self._limit = chunks

    def spaced_by(self, lexicon: Lexicon | None) -> TextReader:
        """Return a reader like this one that reads dropped and stray spaces by ``lexicon``; None leaves them."""
        words = self.chunker.words if isinstance(self.chunker, SpacingChunker) else self.chunker
        other = copy.copy(self)
        other.chunker = words
        if lexicon is not None:
            assert isinstance(words, WordChunker), "who sets a lexicon asks for the chunker"
            other.chunker = SpacingChunker(words, self.tokenizer, lexicon)
        other._prompt_lengths = {}
        return other

    def keep_whole(self, rows: Sequence[NDArray[np.integer]] | NDArray[np.integer]) -> None:
        """Neither cut nor join the words of these rows (words, chars) from now on, where spaces are doubted."""
        if isinstance(self.chunker, SpacingChunker):
            spelt = frozenset(self.tokenizer.decode(row[1:][row[1:] != PAD]) for row in rows)
            if spelt != self.chunker.kept:
                self.chunker = SpacingChunker(self.chunker.words, self.tokenizer, self.chunker.lexicon, spelt)

    def read(
        self, inputs: Sequence[Any], prompt: str = "", limit: int | None = None, *, lessons: bool = False
    ) -> TextRows:
        """Read texts.

        Args:
            inputs: texts, or sequences of up to ``segments`` texts.
            prompt: put before every text, of several parts before the first.
            limit: most chunks per text, BEGIN and FINISH included, instead of :attr:`limit`.
            lessons: also return what the chunker learns from (see ``Chunker.training_features``).

        Returns:
            Their rows; with ``segments`` also the parts, with a prompt also how much of them it takes.

        Raises:
            ValueError: if an input is no text or has more parts than ``segments``, or the limit leaves no room.
        """
        limit = self.limit if limit is None else limit
        rows = self._read(inputs, prompt, limit, lessons)
        return dataclasses.replace(rows, prompt_length=self._prompt_length(prompt, limit)) if prompt else rows

    def _read(self, inputs: Sequence[Any], prompt: str, limit: int, lessons: bool) -> TextRows:
        inputs = list(inputs)
        if not self.settings.segments and all(type(text) is str for text in inputs):
            return self._read_texts([prompt + text for text in inputs] if prompt else inputs, limit, lessons)
        parts = split_inputs(inputs, self.settings.segments)
        if not self.settings.segments:
            return self._read_texts([prompt + text for (text,) in parts], limit, lessons)
        counts = [len(texts) for texts in parts]
        if limit < 2 + max(counts, default=1):
            raise ValueError(f"A limit of {limit} chunks leaves no room between {1 + max(counts)} marks: give more.")
        texts = [text if i else prompt + text for own in parts for i, text in enumerate(own)]
        flat = self._read_texts(texts, limit, lessons)
        if not counts:
            return dataclasses.replace(flat, token_type_ids=np.zeros_like(flat.attention_mask))
        rows, cut = join_parts(flat, counts, limit)
        if cut and not self._warned:
            self._warned = True
            logger.warning(
                "A text's parts together are longer than the %d chunks that this model reads at once: the ends of the "
                "longest are left out, here and in other long texts (said once).%s",
                limit, self._cure(limit),
            )  # fmt: skip
        return rows

    def _prompt_length(self, prompt: str, limit: int) -> int:
        """Return how many positions a prompt takes, BEGIN included, as Pooling's ``include_prompt=False`` asks for.

        A letter stands for the text: what it joins, in a prompt that does not end in a space, is the text's.
        """
        if prompt not in self._prompt_lengths:
            reach = 4 + len(prompt) * self.settings.chunk_chars
            read = self._read_texts([prompt + "a"], reach, lessons=False)
            self._prompt_lengths[prompt] = int(read.attention_mask.sum()) - 2  # without the letter and FINISH
        return min(self._prompt_lengths[prompt], limit - 1)

    def _cure(self, limit: int) -> str:
        """Return what to do about a text that is cut."""
        most = self.settings.max_chunks
        more = f" max_seq_length can be raised up to {most}." if limit < most else ""
        return f" tiered_st.encode_long(model, texts) reads long texts whole, in passages of such a length.{more}"

    def _read_texts(self, texts: list[str], limit: int, lessons: bool) -> TextRows:
        if limit < 3:
            raise ValueError(f"A limit of {limit} chunks leaves no room between the two marks: give at least 3.")
        # A chunk holds at most chunk_chars characters and the space between chunks is rarely longer: reading this much
        # bounds the work on a text far longer than the limit.
        reach = 4 * limit * self.settings.chunk_chars
        points, breaks = self.tokenizer.normalize_all([text[:reach] for text in texts])
        widths, ids = self.tokenizer.spell(points)
        chunks = self.chunker(points, widths)
        last = np.searchsorted(chunks.starts, breaks)  # (texts,): chunks up to the end of each text
        counts = np.diff(last, prepend=0)
        most = int(counts.max(initial=0))
        if not self._warned and (most > limit - 2 or any(len(text) > reach for text in texts)):
            self._warned = True
            self._warn_of_cut(texts, counts, breaks, chunks.ends, limit, reach)
        if most > limit - 2:
            rank = np.arange(len(chunks.starts)) - np.repeat(last - counts, counts)
            kept = rank < limit - 2
            chunks = Chunks(chunks.starts[kept], chunks.ends[kept], chunks.types[kept], chunks.skipped)
            counts, most = np.minimum(counts, limit - 2), limit - 2
        rows = self._lay_out(ids, widths, chunks, counts, most)
        mask = (np.arange(2 + most) < 2 + counts[:, None]).astype(np.int64)  # (batch, chunks)
        return TextRows(rows, mask, lessons=self.chunker.training_features(points) if lessons else {})

    def _warn_of_cut(
        self, texts: Sequence[str], counts: np.ndarray, breaks: np.ndarray, ends: np.ndarray, limit: int, reach: int
    ) -> None:
        """Say which text was cut first, and where."""
        which = min(i for i, text in enumerate(texts) if counts[i] > limit - 2 or len(text) > reach)
        opens = breaks[which - 1] + 1 if which else 0
        # The chunk that is the last to be read ends there; a text whose chunks are too few is cut for its length.
        place = ends[counts[:which].sum() + limit - 3] - opens if counts[which] >= limit - 2 else reach
        logger.warning(
            "A text (%r…, %d characters) is longer than the %d chunks that this model reads at once: it is cut after "
            "chunk %d, character %d, and so are other long texts (said once).%s",
            texts[which][:20], len(texts[which]), limit, min(counts[which], limit - 2), place, self._cure(limit),
        )  # fmt: skip

    def _lay_out(
        self, ids: np.ndarray, widths: np.ndarray, chunks: Chunks, counts: np.ndarray, most: int
    ) -> np.ndarray:
        """Lay the ids of each chunk in a row behind its type, between the marks of its text.

        Args:
            ids: of all characters, (ids,).
            widths: how many of them each character takes, (characters,).
            chunks: where the chunks lie.
            counts: chunks of each text, (texts,).
            most: the largest of these.

        Returns:
            (texts, 2 + most, chunk_chars) int64.
        """
        if chunks.skipped is not None:
            ids, widths = ids[~np.repeat(chunks.skipped, widths)], np.where(chunks.skipped, 0, widths)
        first, last = chunks.starts, chunks.ends
        if len(ids) != len(widths) or chunks.skipped is not None:
            offsets = np.concatenate([[0], np.cumsum(widths)])
            first, last = offsets[first], offsets[last]
        chars = self.settings.chunk_chars
        out = np.zeros((len(counts) * (2 + most), chars), dtype=np.int64)
        begin = np.arange(len(counts)) * (2 + most)  # (texts,): the row of each BEGIN
        row = np.arange(len(first)) + np.repeat(begin + 1 - np.cumsum(counts) + counts, counts)  # (chunks,)
        out[begin, 0] = ChunkType.BEGIN
        out[row, 0] = chunks.types
        out[begin + 1 + counts, 0] = ChunkType.FINISH
        lengths = last - first
        ends = np.cumsum(lengths)
        source = np.arange(int(ends[-1]) if len(ends) else 0) + np.repeat(first - ends + lengths, lengths)
        out.ravel()[source + np.repeat(row * chars + 1 - first, lengths)] = ids[source]
        return out.reshape(len(counts), 2 + most, chars)
