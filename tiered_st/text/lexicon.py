"""Know the words of a language by how often they are met, and tell where a run of letters is two or three of them."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from string import ascii_lowercase
from typing import Any

import numpy as np
from numpy.typing import NDArray

# What a reading costs, in nats: less likely ones cost more. Chosen on pairs of STS-B's train split, by few tries.
CUT = 2.0  # a space that was dropped
JOIN = 2.0  # a space that slipped in
ALONE = 3.0  # beside CUT, where "a" or "i" is cut off at the end: names end like that
LETTER, UNKNOWN = 2.3, 3.0  # a word that is in no list costs so much a letter, and once
SLIP = 7.0  # a word of the list with one letter wrong
LONGEST = 24  # letters of a word
_SHORT = {1: 100, 2: 250, 3: 4_000}  # how frequent so short a word has to be to be one of two that were run together
_MOST = 1 << 15  # runs of letters whose reading is kept


class Lexicon:
    """Words, most frequent first.

    By Zipf's law the rank of a word says how often it is met. Equal lists give equal readings, on any machine.

    Args:
        words: of letters alone, as a model reads them (lower-cased, say); others are left out, and repetitions.
    """

    def __init__(self, words: Iterable[str]) -> None:
        ranks: dict[str, int] = {}
        for word in words:
            if word.isalpha() and len(word) <= LONGEST:
                ranks.setdefault(word, len(ranks))
        norm = math.log(math.log(len(ranks) + 1) + 0.6)
        self._costs = {word: math.log(rank + 1) + norm for word, rank in ranks.items()}
        self._rare = {word for word, rank in ranks.items() if len(word) in _SHORT and rank >= _SHORT[len(word)]}
        self.split = lru_cache(_MOST)(self._split)

    @classmethod
    def unpacked(cls, packed: NDArray[np.uint8]) -> Lexicon:
        """Return what :meth:`packed` packed.

        Raises:
            ValueError: if it is damaged.
        """
        try:
            return cls(zlib.decompress(packed.tobytes()).decode("utf-8").split("\n"))
        except (zlib.error, UnicodeDecodeError) as error:
            raise ValueError(f"The list of words is damaged ({error}): copy or download the model again.") from None

    def packed(self) -> NDArray[np.uint8]:
        """Return the words as they are kept in a file, (bytes,)."""
        text = "\n".join(self._costs).encode("utf-8", "surrogatepass")
        return np.frombuffer(zlib.compress(text, 9), dtype=np.uint8).copy()

    def __len__(self) -> int:
        return len(self._costs)

    def __iter__(self) -> Iterator[str]:
        return iter(self._costs)

    def __contains__(self, word: object) -> bool:
        return word in self._costs

    def __deepcopy__(self, memo: Any) -> Lexicon:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (list(self._costs),)

    def cost(self, word: str) -> float:
        """Return what it costs that a word is met, one of the list or not."""
        found = self._costs.get(word)
        return UNKNOWN + LETTER * len(word) if found is None else found

    def is_piece(self, word: str) -> bool:
        """Say whether a word may be one of two that were run together: short ones have to be frequent."""
        return word in self._costs and word not in self._rare

    def _split(self, word: str) -> tuple[tuple[int, ...], float]:
        """Return where an unknown word is cut, () where it stays whole, and what this reading costs; it is cached."""
        whole, count = self.cost(word), len(word)
        if count < 4:
            return (), whole
        best, back = [0.0] + [math.inf] * count, [0] * (count + 1)
        for end in range(1, count + 1):
            for start in range(max(0, end - LONGEST), end):
                piece = word[start:end]
                if best[start] < whole and (cost := self._costs.get(piece)) is not None and piece not in self._rare:
                    cost += best[start] + CUT * (start > 0) + ALONE * (start == count - 1)
                    if cost < best[end]:
                        best[end], back[end] = cost, start
        if best[count] >= whole:
            return (), whole
        if (slip := self._slipped(word)) <= best[count]:
            return (), slip
        cuts, at = [], back[count]
        while at:
            cuts.append(at)
            at = back[at]
        return tuple(reversed(cuts)), best[count]

    def _slipped(self, word: str) -> float:
        """Return what it costs that a word is one of the list with one letter wrong, infinity where it is none."""
        halves = [(word[:i], word[i:]) for i in range(len(word) + 1)]
        near = {a + b[1:] for a, b in halves if b} | {a + b[1] + b[0] + b[2:] for a, b in halves if len(b) > 1}
        for letter in ascii_lowercase:
            near.update(a + letter + b[cut:] for a, b in halves for cut in (0, 1) if len(b) >= cut)
        return SLIP + min((self.cost(other) for other in near if other in self._costs), default=math.inf)
