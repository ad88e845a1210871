"""Cut texts behind so many tokens, for a model that counts tokens but does not show them."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from functools import lru_cache
from itertools import accumulate

_WORD = re.compile(r"\S+")


class WordCutter:
    """Cut texts at the end of the last word that is read whole.

    No token of SentencePiece crosses a space, so that the tokens of words add up to those of their text.

    Args:
        count: Returns how many tokens a text has, without marks and prefix.
    """

    def __init__(self, count: Callable[[str], int]) -> None:
        self._count = lru_cache(maxsize=100_000)(count)

    def cut(self, text: str, tokens: int) -> str:
        """Return the beginning of a text that has so many tokens or fewer, the whole text where it has.

        Raises:
            ValueError: If not even one token may be read.
        """
        if tokens < 1:
            raise ValueError(f"no token of a text is left to be read: {1 - tokens} more are needed (max_seq_length).")
        words = list(_WORD.finditer(text))
        sums = list(accumulate(self._count(word[0]) for word in words))
        if not sums or sums[-1] <= tokens:
            return text
        whole = bisect_right(sums, tokens)
        return text[: words[whole - 1].end()] if whole else self._inside(text, *words[0].span(), tokens)

    def windows(self, text: str, tokens: int) -> list[str]:
        """Return a text in pieces of so many tokens or fewer, nothing left out but white space between them.

        Raises:
            ValueError: If not even one token may be read.
        """
        pieces = []
        while rest := text.lstrip():
            piece = self.cut(rest, tokens) or rest[0]
            pieces.append(piece)
            text = rest[len(piece) :]
        return pieces or [text]

    def _inside(self, text: str, start: int, end: int, tokens: int) -> str:
        """Cut inside the first word, which stands there, by halving."""
        low, high = start, end
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._count(text[start:middle]) <= tokens else (low, middle)
        return text[:low]
