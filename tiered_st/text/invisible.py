"""Drop the characters that have no glyph, but for those that shape their neighbours where they stand."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tiered_st.text.unicode_table import DROPPED, SHAPING, among, unicode_table

_ZWNJ, _ZWJ, _KEYCAP = 0x200C, 0x200D, 0x20E3
_FIRST_SELECTOR, _LAST_SELECTOR = 0xFE0E, 0xFE0F  # as text, as emoji
_FIRST_TAG, _LAST_TAG, _FLAG = 0xE0020, 0xE007F, 0x1F3F4  # the last one ends the name of a flag's region
_VIRAMAS = np.array([0x094D, 0x09CD, 0x0ACD, 0x0D4D], dtype=np.uint32)  # of Devanagari, Bengali, Gujarati, Malayalam
_KEYS = np.array([ord(key) for key in "#*0123456789"], dtype=np.uint32)


def visible(points: NDArray[np.uint32], kinds: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Say which characters a reader sees, in themselves or by what they do to their neighbours.

    What has no glyph stays where it shapes: a joiner between letters of a cursive or Brahmic script or between emoji,
    or where it makes a half form or a chillu of the last letter; an emoji selector after a symbol that can be an emoji,
    or in a keycap; the tags of a flag. A joiner or selector counts once, however often it is repeated.

    Args:
        points: code points, (characters,).
        kinds: what the Unicode table says of them, (characters,).

    Returns:
        Flags of shape (characters,).
    """
    seen = (kinds != DROPPED) & (kinds != SHAPING)
    shaping = np.flatnonzero(kinds == SHAPING)
    if shaping.size == 0:
        return seen
    solid = np.flatnonzero(seen)
    place = np.searchsorted(solid, shaping)  # (shaping,): how many characters with a glyph stand before
    framed = np.concatenate([[0], points[solid], [0]]).astype(np.uint32)
    left, right, own = framed[place], framed[place + 1], points[shaping]

    def first(flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Flag the first flagged one between two characters with a glyph."""
        out = np.zeros_like(flags)
        at = np.flatnonzero(flags)
        out[at[np.diff(place[at], prepend=-1) > 0]] = True
        return out

    table = unicode_table()
    between = among(left, table.joining) & among(right, table.joining)
    joiners = first((own == _ZWJ) | (own == _ZWNJ)) & between
    linked = (among(left, table.emoji) & among(right, table.emoji)) | np.isin(left, _VIRAMAS)
    links = first(own == _ZWJ) & linked
    keys = (right == _KEYCAP) & np.isin(left, _KEYS)
    selectors = first((own == _FIRST_SELECTOR) | (own == _LAST_SELECTOR)) & (among(left, table.emoji) | keys)
    ended = np.isin(place, place[own == _LAST_TAG])
    tags = (own >= _FIRST_TAG) & (own <= _LAST_TAG) & (left == _FLAG) & ended
    seen[shaping] = joiners | links | selectors | tags
    return seen
