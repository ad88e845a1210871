"""Say which chunks are no word of a list, and lay out the words of the list that they may be misspellings of."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiered_st.config import TieredConfig
from tiered_st.text.chunk_types import NOT_WORDS, ChunkType
from tiered_st.text.lexicon import Lexicon
from tiered_st.text.tokenizer import FIRST_CODE_POINT, PAD, CharTokenizer

# Types of chunks that are no misspelling of a word: the last three are of scripts that are not written in words.
UNABLE = (*NOT_WORDS, ChunkType.NUMERIC, ChunkType.HAN, ChunkType.KANA, ChunkType.THAI)
LEAST = 0.1  # of what is pulled at most: below, as most names and identifiers are, a chunk is not pulled at all
WITHOUT_LEXICON = "spelling without a lexicon, whose words it would be of"
_FLAT = 20  # ranks by which the first of a list are not told apart: "the" is no likelier meant than "that"


@dataclass(frozen=True)
class SpellingConfig:
    """How what is in no list is read again, as the words that it may be a misspelling of.

    The defaults were chosen by few tries, on noisy pairs of STS-B's dev split and people's misspelt words.

    Attributes:
        words: of the list, the most frequent ones, that may be meant.
        candidates: how many of them, the nearest, a chunk is read again as.
        sharpness: what the cosines of readings are multiplied by before the softmax over them.
        floor: what is taken off the weight of each before they are scaled to sum to 1: words of less are not read.
        prior: how much a word's rank counts beside that: what is taken of its logarithm.
        near: the cosine to the nearest word at which a chunk is half taken for a misspelling.
        share: of the words' vectors in a misspelling's: its own spelling keeps the rest.
    """

    words: int
    candidates: int = 3
    sharpness: float = 50.0
    floor: float = 0.05
    prior: float = 0.3
    near: float = 0.8
    share: float = 0.5

    def __post_init__(self) -> None:
        count, likely = self.candidates, self.sharpness > 0 and self.prior >= 0
        if not (1 <= count <= self.words and likely and 0 <= self.floor < 1 / count and 0 <= self.share <= 1):
            raise ValueError(
                f"{self} cannot be: at least one candidate, and no more than there are words; sharpness above 0, prior "
                "not below, a floor from 0 to below what equal candidates weigh, and a share of 0 to 1."
            )

    def check(self, config: TieredConfig) -> None:
        """Raise a ValueError if no model of this configuration can read so."""
        problems = {
            "memory_slots=0: no readings that could be compared": not config.memory_slots,
            f"char_span={config.char_span!r}: a word reads otherwise in every text": config.char_span != "chunk",
        }
        for problem, there in problems.items():
            if there:
                raise ValueError(f"This model cannot read words again as those of a list, it has {problem}.")

    def settings(self) -> dict[str, Any]:
        """Return what builds it again, JSON-ready."""
        return asdict(self)


@dataclass(frozen=True)
class ContextConfig:
    """How the chunks around what is in no list say which word is meant, see modules.spelling_context.

    Attributes:
        reach: chunks that are read on either side.
        width: what each of them is projected to.
        hidden: width of what is made of them.
        keys: width in which that is compared with the words that may be meant.
        candidates: how many of the list's words may be meant by one chunk, the nearest.
        margin: how much less than the nearest a word may have to speak for it, sharpness × cosine and rank, to be read.
        least: the cosine to the nearest word below which a chunk is no misspelling of any.
        share: of the vector of what is certainly meant: the chunk's own spelling keeps the rest.
        reading: width of a reading of its own by which chunks are compared with the words; 0 compares E1's as they are.
        reading_hidden: width of the layer that makes it.
    """

    reach: int = 4
    width: int = 64
    hidden: int = 192
    keys: int = 96
    candidates: int = 6
    margin: float = 7.0
    least: float = 0.68
    share: float = 0.5
    reading: int = 0
    reading_hidden: int = 0

    def __post_init__(self) -> None:
        counts = (self.reach, self.width, self.hidden, self.keys, self.candidates)
        widths = (self.reading, self.reading_hidden)
        reading = all(type(width) is int for width in widths) and (min(widths) >= 1 or not any(widths))
        if not (min(counts) >= 1 and self.margin >= 0 and -1 <= self.least <= 1 and 0 <= self.share <= 1 and reading):
            raise ValueError(
                f"{self} cannot be: counts from 1, a margin not below 0, a cosine as the least, a share of 0 to 1, and "
                "both widths of a reading, whole numbers, or neither."
            )

    @property
    def places(self) -> int:
        """What is read of a text: the chunks on either side, and the mean of all others."""
        return 2 * self.reach + 1

    def settings(self) -> dict[str, Any]:
        """Return what builds it again, JSON-ready; of a context without a reading, what it was before there was any."""
        return {name: value for name, value in asdict(self).items() if value or not name.startswith("reading")}


class SpellingList:
    """The words of a list as rows of ids, and what is in it.

    Args:
        config: how many of its words may be meant.
        lexicon: the list.
        tokenizer: what spells them.
        chars: ids of a row; longer words are left out.
    """

    def __init__(self, config: SpellingConfig, lexicon: Lexicon, tokenizer: CharTokenizer, chars: int) -> None:
        self.config, self.lexicon = config, lexicon
        self._tokenizer, self._chars = tokenizer, chars

    @classmethod
    def of(
        cls, settings: dict[str, Any] | None, lexicon: Lexicon | None, tokenizer: CharTokenizer, chars: int
    ) -> SpellingList | None:
        """Return that of the ``settings`` that a model was saved with; None where it has none.

        Raises:
            ValueError: if there is no list to take words from, or the settings are not those of one.
        """
        if settings is None:
            return None
        if lexicon is None:
            raise ValueError(WITHOUT_LEXICON)
        return cls(SpellingConfig(**settings), lexicon, tokenizer, chars)

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """The words that may be meant, the most frequent first, (words, chars), each with the type of a plain word."""
        return self.spelt(self.config.words)

    @cached_property
    def expected(self) -> NDArray[np.float32]:
        """What speaks for each word before a chunk is read, (words,)."""
        return (-self.config.prior * np.log(np.arange(len(self.rows)) + _FLAT)).astype(np.float32)

    def spelt(self, count: int | None = None) -> NDArray[np.int64]:
        """Return the rows of the first ``count`` words, or of all."""
        points, ends = self._tokenizer.normalize_all(list(islice(self.lexicon, count)))
        folded = self._tokenizer.fold(points)
        widths, ids = self._tokenizer.widths(folded), self._tokenizer.ids(folded)
        last = np.cumsum(widths)[ends] - widths[ends]  # where each word's ids end
        first = np.concatenate([[0], (last + widths[ends])[:-1]])
        fits = (last - first < self._chars) & (last > first)
        first, lengths = first[fits], (last - first)[fits]
        rows = np.full((len(first), self._chars), PAD, dtype=np.int64)
        rows[:, 0] = ChunkType.WORD
        inside = np.arange(self._chars - 1) < lengths[:, None]
        rows[:, 1:][inside] = ids[(first[:, None] + np.arange(self._chars - 1))[inside]]
        return rows

    @cached_property
    def of_bytes(self) -> bool:
        """Whether a word that may be meant has a glyph that is spelt in bytes, as those of most scripts are."""
        return bool(((self.rows[:, 1:] != PAD) & (self.rows[:, 1:] < FIRST_CODE_POINT)).any())

    def doubtful(self, rows: NDArray[np.integer]) -> NDArray[np.int64]:
        """Return the places of the chunks (chunks, chars) that may be misspelt, (doubtful,).

        They are words, and not in the list; nor of another script than all of its words.
        """
        able = ~np.isin(rows[:, 0], UNABLE)
        ids = rows[:, 1:]
        if not self.of_bytes:
            able &= (ids >= FIRST_CODE_POINT).any(axis=1)
        words = self._tokenizer.spelt(ids)
        for i in np.flatnonzero(able & ((ids != PAD) & (ids < FIRST_CODE_POINT)).any(axis=1)).tolist():
            words[i] = self._tokenizer.decode(rows[i, 1:], errors="replace")
        return np.array([i for i in np.flatnonzero(able).tolist() if words[i] not in self.lexicon], dtype=np.int64)
