"""Change one word of an English sentence so that it means something else: antonym, negation, number.

Each change is `(text, rng) -> (changed text, the word it turned on) or None` where the sentence offers no place.
Only `rng.random()` is drawn, for numbers; the others take the first place there is.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from benchmarks.texts.antonyms import ANTONYMS

Change = Callable[[str, random.Random], "tuple[str, str] | None"]

_WORD = re.compile(r"[A-Za-z]+(?:['’][A-Za-z]+)*")
_AFFIRMED = {"won't": "will", "can't": "can", "cannot": "can", "shan't": "shall"}
_AUXILIARIES = (
    "is", "are", "was", "were", "am", "will", "would", "can", "could", "should", "must", "may", "might",
)  # fmt: skip
_REMOVABLE = re.compile(rf"\b({'|'.join([*_AUXILIARIES, 'do', 'does', 'did', 'has', 'have', 'had'])}) not\b", re.I)
_NUMBER = re.compile(r"(?<![\w.,])\d+(?![A-Za-z\d])")
_NUMBER_WORDS = (
    "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "twenty", "thirty",
    "forty", "fifty",
)  # fmt: skip


def like(word: str, pattern: str) -> str:
    """Write a word in the case of another."""
    if len(pattern) > 1 and pattern.isupper():
        return word.upper()
    return word[:1].upper() + word[1:] if pattern[:1].isupper() else word


def _with_article(before: str, word: str) -> str:
    """Return the text before a word, a closing "a" or "an" made to fit the word."""
    article = "an" if word[:1].lower() in "aeiou" else "a"
    return re.sub(r"\b([Aa])n? $", lambda found: found[1] + article[1:] + " ", before)


def swap_antonym(text: str, rng: random.Random) -> tuple[str, str] | None:
    """Put the first word that has an antonym in the list into its opposite; "a" and "an" follow."""
    for found in _WORD.finditer(text):
        if opposite := ANTONYMS.get(found[0].lower()):
            opposite = like(opposite, found[0])
            return _with_article(text[: found.start()], opposite) + opposite + text[found.end() :], found[0].lower()
    return None


def negate(text: str, rng: random.Random) -> tuple[str, str] | None:
    """Take out the first "not" behind an auxiliary, contracted or not; where there is none, put one in.

    Auxiliaries that open a sentence (a question) take none, nor do forms of do and have, which may be main verbs.
    """
    if found := _REMOVABLE.search(text):
        return text[: found.end(1)] + text[found.end() :], f"{found[1].lower()} not"
    words = list(_WORD.finditer(text))
    for found in words:
        plain = found[0].lower().replace("’", "'")
        if plain in _AFFIRMED or plain.endswith("n't"):
            affirmed = like(_AFFIRMED.get(plain, plain[:-3]), found[0])
            return text[: found.start()] + affirmed + text[found.end() :], plain
    for found in words[1:]:
        if found[0] in _AUXILIARIES:
            return f"{text[: found.end()]} not{text[found.end() :]}", found[0]
    return None


def change_number(text: str, rng: random.Random) -> tuple[str, str] | None:
    """Put another number for the first one: another number word, or another last digit before any comma or point."""
    words = (found for found in _WORD.finditer(text) if found[0].lower() in _NUMBER_WORDS)
    places = [found for found in (_NUMBER.search(text), next(words, None)) if found]
    if not places:
        return None
    found = min(places, key=lambda place: place.start())
    if found[0].isdigit():
        others = [digit for digit in "0123456789"[len(found[0]) == 1 :] if digit != found[0][-1]]  # no number is "0"
        new = found[0][:-1] + others[int(rng.random() * len(others))]
    else:
        words_left = [word for word in _NUMBER_WORDS if word != found[0].lower()]
        new = like(words_left[int(rng.random() * len(words_left))], found[0])
    return text[: found.start()] + new + text[found.end() :], found[0].lower()
