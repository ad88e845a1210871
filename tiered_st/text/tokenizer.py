"""Turn text into character ids and back.

An id is a code point of a fixed table where the table has it, and otherwise the UTF-8 bytes of the code point, so no
glyph is unknown and every string (lone surrogates too) round-trips. All work is on numpy arrays: no loop over
characters.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tiered_st.config import CharacterConfig
from tiered_st.text.accents import DEGREE, FEMININE, MASCULINE, without_accents
from tiered_st.text.invisible import visible
from tiered_st.text.unicode_table import UNNORMALISED, unicode_table

PAD, MASK, START, END = 0, 1, 2, 3
FIRST_TYPE = 4  # ids 4…31 are chunk types, see ChunkType
FIRST_BYTE = 32  # ids 32…287 are the bytes 0…255
FIRST_CODE_POINT = 288
VOCAB_SIZE = 512
SEPARATOR = 0xFFFF  # a noncharacter, put between texts that are read together
SET_ASIDE = 0xFDD0  # a noncharacter, put for what Python's normaliser must not see

_PUNCTUATION = "–—‘’“”„†•…‰‹›€™"
_EXTENDED_LATIN = "œŒšŠžŽłŁğĞıİşŞćčęąńśżźőűěřđ"


@cache
def _tables() -> tuple[NDArray[np.int16], NDArray[np.uint32]]:
    """Build the look-up tables: id of each code point of the Basic Multilingual Plane, code point of each id."""
    table = [chr(c) for c in range(0x20, 0x7F)] + [chr(c) for c in range(0xA0, 0x100) if c != 0xAD]
    table += [*_PUNCTUATION, *_EXTENDED_LATIN]
    table = table[: VOCAB_SIZE - FIRST_CODE_POINT]
    id_of = np.zeros(0x10000, dtype=np.int16)
    code_point_of = np.zeros(VOCAB_SIZE, dtype=np.uint32)
    for i, char in enumerate(table, start=FIRST_CODE_POINT):
        id_of[ord(char)] = i
        code_point_of[i] = ord(char)
    return id_of, code_point_of


@cache
def _folded_ids(lowercase: bool) -> NDArray[np.int64]:
    """Build a look-up table: the one id of each folded code point of the Basic Multilingual Plane, 0 if it has several.

    SEPARATOR has one too, since it stands in every text that is read; no chunk holds it.
    """
    id_of = _tables()[0].astype(np.int64)
    ascii_ = id_of[:0x80]  # a byte each where the table lacks them
    ascii_[:] = np.where(ascii_ > 0, ascii_, FIRST_BYTE + np.arange(0x80))
    id_of = id_of[unicode_table().lower] if lowercase else id_of
    id_of[SEPARATOR] = FIRST_BYTE
    return id_of


def code_points(text: str) -> NDArray[np.uint32]:
    """Return the code points of ``text``, shape (characters,); lone surrogates pass."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def to_text(points: NDArray[np.uint32]) -> str:
    """Return the text of code points, shape (characters,)."""
    return points.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")


class CharTokenizer:
    """Map text to character ids and back.

    What is dropped is not in the ids and does not come back: controls that are no white space, and what has no glyph
    (zero-width and filler characters, direction marks, variation selectors, tags…), but for joiners, emoji selectors
    and tags where they shape their neighbours (see ``invisible.visible``).

    Args:
        normalization: "NFKC", "NFC" or None; of characters that Unicode 13 has, so that every Python agrees.
        lowercase: map every code point to its lower case (one to one; case survives in the chunk type).
        filter_controls: drop controls and what has no glyph.
        fold_accents: drop the accents of Latin letters, in normalising, so that chunks are of what is left.
        own_letters: small letters whose accents stay then.
        ordinals: keep ª and º whatever the normal form, and read ° as º.
    """

    vocab_size = VOCAB_SIZE

    def __init__(
        self,
        normalization: Literal["NFC", "NFKC"] | None = "NFKC",
        *,
        lowercase: bool = True,
        filter_controls: bool = True,
        fold_accents: bool = False,
        own_letters: str = "",
        ordinals: bool = False,
    ) -> None:
        self.normalization = normalization
        self.lowercase = lowercase
        self.filter_controls = filter_controls
        self.fold_accents = fold_accents
        self.own_letters = own_letters
        self.ordinals = ordinals

    @classmethod
    def of(cls, config: CharacterConfig) -> CharTokenizer:
        """Return the tokenizer that a configuration describes."""
        return cls(
            config.normalization,
            lowercase=config.lowercase,
            fold_accents=config.fold_accents,
            own_letters=config.own_letters,
            ordinals=config.ordinals,
        )

    def normalize(self, text: str) -> NDArray[np.uint32]:
        """Return the normalised code points of ``text``, case kept, shape (characters,)."""
        if self.filter_controls:
            text = text.replace(chr(SEPARATOR), "")
        return self._normalize(text, plain=text.isascii())

    def _normalize(self, text: str, *, plain: bool) -> NDArray[np.uint32]:
        """Return the normalised code points of ``text``, which no normal form changes where it is ``plain``."""
        points = self._normal_form(text, None if plain else self.normalization)
        return without_accents(points, self.own_letters) if self.fold_accents and not plain else points

    def _normal_form(self, text: str, form: Literal["NFC", "NFKC"] | None) -> NDArray[np.uint32]:
        """Return the code points of a normal form of ``text``, without what is filtered."""
        points = code_points(text)
        kinds = unicode_table().kinds(points)
        if self.ordinals:
            points = np.where(points == DEGREE, np.uint32(MASCULINE), points)
            kinds = np.where((points == FEMININE) | (points == MASCULINE), np.uint8(UNNORMALISED), kinds)
        if not kinds.any():
            return code_points(unicodedata.normalize(form, text)) if form else points
        if self.filter_controls:  # first: an invisible character must not keep an accent from its letter
            seen = visible(points, kinds)
            points, kinds = points[seen], kinds[seen]
        if not form:
            return points
        aside = kinds == UNNORMALISED
        text = to_text(np.where(aside, SET_ASIDE, points))
        normal = code_points(unicodedata.normalize(form, text)).copy()
        normal[normal == SET_ASIDE] = points[aside]
        return normal

    def normalize_all(self, texts: list[str]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """Normalise many texts at once.

        Returns:
            Their code points with SEPARATOR after each, (characters,), and the separators' places, (texts,).
        """
        apart = chr(SEPARATOR)
        plain = all(map(str.isascii, texts))
        joined = "".join([(text if plain else text.replace(apart, "")) + apart for text in texts])
        # Normalising never reaches across the separator, a noncharacter that nothing composes with. Python's own
        # test for ASCII is per text, since the separator is not.
        points = self._normalize(joined, plain=plain)
        return points, np.flatnonzero(points == SEPARATOR)

    def fold(self, points: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """Lower-case code points one to one where the tokenizer is set to, shape unchanged."""
        if not self.lowercase:
            return points
        lower = unicode_table().lower
        return np.where(points < 0x10000, lower[np.minimum(points, 0xFFFF)], points)

    def widths(self, points: NDArray[np.uint32]) -> NDArray[np.int64]:
        """Return how many ids each code point takes (1 from the table, 1 to 4 as bytes), shape (characters,)."""
        id_of = _tables()[0]
        width = 1 + (points >= 0x80).astype(np.int64) + (points >= 0x800) + (points >= 0x10000)
        return np.where((points < 0x10000) & (id_of[np.minimum(points, 0xFFFF)] > 0), 1, width)

    def ids(self, points: NDArray[np.uint32]) -> NDArray[np.int64]:
        """Return the ids of code points, bytes for those outside the table, shape (ids,)."""
        id_of = _tables()[0]
        known = np.where(points < 0x10000, id_of[np.minimum(points, 0xFFFF)], 0).astype(np.int64)
        width = self.widths(points)
        out = np.repeat(known, width)  # (ids,)
        unknown = known == 0
        if unknown.any():
            first = np.cumsum(width) - width
            for n in (1, 2, 3, 4):
                here = unknown & (width == n)
                if here.any():
                    point, at = points[here].astype(np.int64), first[here]
                    lead = (0, 0x00, 0xC0, 0xE0, 0xF0)[n]
                    out[at] = FIRST_BYTE + (lead | (point >> (6 * (n - 1))))
                    for k in range(1, n):
                        out[at + k] = FIRST_BYTE + (0x80 | ((point >> (6 * (n - 1 - k))) & 0x3F))
        return out

    def spell(self, points: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Fold code points, and return how many ids each takes, (characters,), and the ids, (ids,).

        Those of a SEPARATOR mean nothing.
        """
        if points.size and points.max() < 0x10000:
            ids = _folded_ids(self.lowercase)[points]
            if ids.all():  # as in most text, each character has one
                return np.ones(len(points), dtype=np.int64), ids
        folded = self.fold(points)
        return self.widths(folded), self.ids(folded)

    def encode(self, text: str) -> NDArray[np.int64]:
        """Return the character ids of ``text``, shape (ids,)."""
        return self.ids(self.fold(self.normalize(text)))

    def spelt(self, rows: NDArray[np.integer]) -> list[str]:
        """Return the texts of rows of ids (rows, ids), U+FFFD in the place of an id of a byte, padding left out."""
        if not rows.size:
            return [""] * len(rows)
        points = _tables()[1][rows]
        points[(points == 0) & (rows != PAD)] = 0xFFFD
        return np.ascontiguousarray(points).view(f"U{rows.shape[1]}").ravel().tolist()

    def decode(self, ids: NDArray[np.integer] | list[int], *, errors: str = "surrogatepass") -> str:
        """Return the text of character ids; specials and chunk types are skipped.

        Args:
            ids: any number of them.
            errors: what Python's decoders make of bytes that form no UTF-8.

        Raises:
            ValueError: if an id lies outside the vocabulary or byte ids do not form UTF-8.
        """
        array = np.asarray(ids, dtype=np.int64)
        if array.size and (array.min() < 0 or array.max() >= VOCAB_SIZE):
            raise ValueError(f"Character ids must lie in [0, {VOCAB_SIZE}); found {array.min()} … {array.max()}.")
        code_point_of = _tables()[1]
        parts = []
        for i in array[array >= FIRST_BYTE].tolist():
            if i < FIRST_CODE_POINT:
                parts.append(bytes([i - FIRST_BYTE]))
            else:
                parts.append(chr(code_point_of[i]).encode("utf-8"))
        try:
            return b"".join(parts).decode("utf-8", errors)
        except UnicodeDecodeError as error:
            raise ValueError(f"The byte ids do not form UTF-8 ({error}): was the text cut inside a glyph?") from None
