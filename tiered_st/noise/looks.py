"""How texts look wrong without a slip of the finger: scanners, case, spaces, punctuation, lookalikes."""

import random
import unicodedata

from tiered_st.noise.draws import hits
from tiered_st.noise.keyboard import HOMOGLYPHS, LEET, OCR, PUNCTUATION

# Levenshtein edits per character of English, spaces counted, that misreading every confusable would make:
# 0.95 on captions, 0.96 on Wikipedia. add_ocr_errors divides by it to reach the character error rate.
OCR_COVERAGE = 0.96


def add_ocr_errors(text: str, rate: float, rng: random.Random) -> str:
    """Misread shapes as a scanner does (rn → m, l → 1, O → 0), at a character error rate of about `rate`.

    Each confusable character or pair is misread with probability `rate / OCR_COVERAGE`, at most 1. This fits
    English; text with fewer confusables comes out cleaner.
    """
    out, done = list(text), 0
    for place in hits(len(out), rate, rng, gain=1.0 / OCR_COVERAGE):
        width = 2 if text[place : place + 2] in OCR else 1
        reads = OCR.get(text[place : place + width])
        if reads and place >= done:
            done = place + width
            out[place:done] = [reads[int(rng.random() * len(reads))], ""][:width]
    return "".join(out)


def _title(text: str) -> str:
    return " ".join([word[:1].upper() + word[1:].lower() for word in text.split(" ")])


def upper_case(text: str, rate: float, rng: random.Random) -> str:
    """Put the text, with probability `rate` per text, in upper case."""
    return text.upper() if hits(1, rate, rng) else text


def lower_case(text: str, rate: float, rng: random.Random) -> str:
    """Put the text, with probability `rate` per text, in lower case."""
    return text.lower() if hits(1, rate, rng) else text


def title_case(text: str, rate: float, rng: random.Random) -> str:
    """Begin every word with a capital, with probability `rate` per text, and write the rest of it small."""
    return _title(text) if hits(1, rate, rng) else text


def _swap_initials(text: str) -> str:
    return " ".join([word[:1].swapcase() + word[1:] for word in text.split(" ")])


def change_case(text: str, rate: float, rng: random.Random) -> str:
    """Put the text, with probability `rate` per text, in upper, lower, title, swapped-initial or random case.

    A case that would leave the text as it is gives way to the next one in that order.
    """
    if not hits(1, rate, rng):
        return text
    caps = set(hits(len(text), 0.5, rng))
    ways = (
        str.upper,
        str.lower,
        _title,
        _swap_initials,
        lambda clean: "".join([char.swapcase() if i in caps else char for i, char in enumerate(clean)]),
    )
    first = int(rng.random() * len(ways))
    changed = (way(text) for way in ways[first:] + ways[:first])
    return next((noisy for noisy in changed if noisy != text), text)


def drop_spaces(text: str, rate: float, rng: random.Random) -> str:
    """Leave out each white-space character with probability `rate`."""
    out = list(text)
    for place in hits(len(out), rate, rng):
        if out[place].isspace():
            out[place] = ""
    return "".join(out)


def insert_spaces(text: str, rate: float, rng: random.Random) -> str:
    """Put a space, with probability `rate`, into each gap between two characters that are not spaces."""
    out = list(text)
    for gap in hits(len(out) - 1, rate, rng):
        if not text[gap].isspace() and not text[gap + 1].isspace():
            out[gap] += " "
    return "".join(out)


def strip_punctuation(text: str, rate: float, rng: random.Random) -> str:
    """Leave out each punctuation character (ASCII's, or of a Unicode category P) with probability `rate`."""
    out = list(text)
    for place in hits(len(out), rate, rng):
        if out[place] in PUNCTUATION or unicodedata.category(out[place])[0] == "P":
            out[place] = ""
    return "".join(out)


def _replace(text: str, rate: float, rng: random.Random, table: dict[str, tuple[str, ...]]) -> str:
    out = list(text)
    for place in hits(len(out), rate, rng):
        if looks := table.get(out[place]):
            out[place] = looks[int(rng.random() * len(looks))]
    return "".join(out)


def replace_homoglyphs(text: str, rate: float, rng: random.Random) -> str:
    """Replace each letter that has lookalikes with probability `rate`: leet (a → 4), Cyrillic, Greek."""
    return _replace(text, rate, rng, HOMOGLYPHS)


def write_leet(text: str, rate: float, rng: random.Random) -> str:
    """Replace each letter that has a digit or sign for a lookalike with probability `rate`: a → 4 or @, e → 3."""
    return _replace(text, rate, rng, LEET)
