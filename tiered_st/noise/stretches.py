"""Draw words out as people do in chats: holaaa, graciias, jajaja."""

import random
from re import IGNORECASE
from re import compile as regex

from tiered_st.noise.draws import hits
from tiered_st.noise.edits import edited

_WORD = regex(r"[^\W\d_]+")
_LAUGH = regex(r"(?:j[aei])+|(?:h[aei]){2,}", IGNORECASE)  # "ha" and "he" are words
_VOWELS = "aeiouáéíóúAEIOUÁÉÍÓÚ"
_MOST = 3  # letters, or syllables of a laugh, that are added


def stretch_words(text: str, rate: float, rng: random.Random) -> str:
    """Draw out each word with probability `rate`: its last letter, or one of its vowels, is written up to 3 times more.

    A laugh gets more syllables instead: ja → jajaja.

    Raises:
        ValueError: If `rate` is not in [0, 1].
    """
    words = list(_WORD.finditer(text))
    edits: list[tuple[int, int, str]] = []
    for place in hits(len(words), rate, rng):
        start, word = words[place].start(), words[place][0]
        more = 1 + int(rng.random() * _MOST)
        if _LAUGH.fullmatch(word):
            syllable = word[-2:].lower() if word[-1].islower() else word[-2:]
            at, added = len(word), syllable * more
        else:
            vowels = [i for i, char in enumerate(word) if char in _VOWELS]
            last = not vowels or rng.random() < 0.5
            at = len(word) if last else vowels[int(rng.random() * len(vowels))] + 1
            added = word[at - 1] * min(more, 2 * len(word))
        edits.append((start + at, start + at, added))
    return edited(text, edits)
