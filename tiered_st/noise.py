"""Corrupt text as people and scanners do: seeded, rate-controlled, one definition for all.

Training and benchmarks both draw from here. Every operator is `(text, rate, rng) -> str`, with `rate` a
probability in [0, 1] (else ValueError), and depends on these and the state of `rng` alone. Notable choices:

- Places are drawn by geometric skips (`_hits`): the law of one coin per character, at one draw per *edit*.
- Only `rng.random()` is called, the one method whose sequence Python promises to keep across versions.
- Places that an operator cannot touch (a space, a letter without lookalike) are skipped, and no rate counts
  them.
"""

import random
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from math import log, log1p
from operator import index
from pathlib import Path
from re import compile as regex

from tiered_st.keyboard import HOMOGLYPHS, NEIGHBOURS, OCR, PUNCTUATION

Operator = Callable[[str, float, random.Random], str]

# Levenshtein edits per character of English, spaces counted, that misreading every confusable would make:
# 0.95 on captions, 0.96 on Wikipedia. add_ocr_errors divides by it to reach the character error rate.
OCR_COVERAGE = 0.96

_WORD = regex(r"[^\W_]+(?:['’-][^\W_]+)*")
_REACH = 8  # characters each way searched for a stand-in; bounds the cost on scripts without spaces


def seeded(*parts: int | str) -> random.Random:
    """Return a Random seeded by `parts`, the same in every process and on every platform.

    Parts are typed and length-prefixed: `seeded(1)` and `seeded("1")` differ, as do ("a", "b") and ("ab").

    Raises:
        TypeError: If a part is neither a string nor an integer.
    """
    key = "".join([f"s{len(part)}:{part}" if isinstance(part, str) else f"i{index(part)}:" for part in parts])
    digest = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return random.Random(int.from_bytes(digest, "little"))


def _hits(count: int, rate: float, rng: random.Random, *, gain: float = 1.0) -> Iterable[int]:
    """Choose each of `count` places with probability min(1, `rate` × `gain`); return them in order.

    Raises:
        ValueError: If `rate` is not in [0, 1].
    """
    if not 0.0 <= rate <= 1.0:
        raise ValueError(f"rate is a probability in [0, 1], got {rate!r}")
    rate = min(1.0, rate * gain)
    if rate == 0.0 or rate == 1.0:
        return range(count if rate else 0)
    places: list[int] = []
    place, scale, draw = -1, log1p(-rate), rng.random
    while True:
        skip = log(1.0 - draw()) / scale  # geometric: misses before the next hit; infinite for tiny rates
        if skip >= count:
            return places
        place += int(skip) + 1
        if place >= count:
            return places
        places.append(place)


@lru_cache(maxsize=8192)
def _neighbours(char: str) -> tuple[str, ...]:
    """Return the keyboard neighbours of `char`, or of its base letter (é → e), or nothing."""
    return NEIGHBOURS.get(char) or NEIGHBOURS.get(unicodedata.normalize("NFD", char)[0], ())


def _stand_ins(text: str, place: int, char: str) -> tuple[str, ...]:
    """Return what may replace a `char` without neighbours: others of its word, else `char` doubled."""
    # `char` may have been swapped in from next door, so the word is read from the text itself.
    before = (text[max(0, place - _REACH) : place] + ".").split()[-1][:-1]
    word = before + text[place : place + 1 + _REACH].split()[0]
    return tuple(other for other in word if other != char) or (char + char,)


def _partner(out: list[str], place: int, swapped: int) -> int:
    """Return the place to swap with: the next, else the previous, or -1 where that changes nothing."""
    char = out[place]
    if place + 1 < len(out) and not out[place + 1].isspace():
        return place + 1 if out[place + 1] != char else -1
    # `swapped`: the character here just came from the previous place, and going back would undo that edit.
    if place and place != swapped and out[place - 1] not in ("", char) and not out[place - 1].isspace():
        return place - 1
    return -1


def _edit(text: str, rate: float, rng: random.Random, kinds: str) -> str:
    """Apply to each non-space character with probability `rate` one of `kinds`, letters of "sdit"."""
    out, swapped = list(text), -1
    for place in _hits(len(out), rate, rng):
        char = out[place]
        if char.isspace():
            continue
        draw = rng.random() * len(kinds)
        kind, part = kinds[int(draw)], draw % 1.0  # one draw chooses the kind and, by what is left, the key
        if kind == "d":
            out[place] = ""
        elif kind == "i":
            keys = (*_neighbours(char), char)
            out[place] = char + keys[int(part * len(keys))]
        elif kind == "t" and (other := _partner(out, place, swapped)) >= 0:
            out[place], out[other] = out[other], char
            swapped = other
        else:
            keys = _neighbours(char) or _stand_ins(text, place, char)
            out[place] = keys[int(part * len(keys))]
    return "".join(out)


def add_typos(text: str, rate: float, rng: random.Random) -> str:
    """Mistype each non-space character with probability `rate`: the definition every benchmark here uses.

    One of `substitute`, `delete`, `insert` and `transpose`, equally likely. As a swap costs two edits, the
    Levenshtein distance is 1.2 × `rate` per non-space character: 1.0 × `rate` per character of English.

    Raises:
        ValueError: If `rate` is not in [0, 1].
    """
    return _edit(text, rate, rng, "sdit")


def substitute(text: str, rate: float, rng: random.Random) -> str:
    """Replace each non-space character with probability `rate` by a key next to it, in the same case.

    Without such a key: through its base letter (é → e), else another character of the word, else doubled.
    """
    return _edit(text, rate, rng, "s")


def delete(text: str, rate: float, rng: random.Random) -> str:
    """Leave out each non-space character with probability `rate`."""
    return _edit(text, rate, rng, "d")


def insert(text: str, rate: float, rng: random.Random) -> str:
    """Add after each non-space character with probability `rate` a key next to it, or the same again."""
    return _edit(text, rate, rng, "i")


def transpose(text: str, rate: float, rng: random.Random) -> str:
    """Swap each non-space character with probability `rate` with the next, at a word's end with the previous.

    Where that changes nothing (a one-letter word, "ll", undoing the last swap) the character is substituted.
    """
    return _edit(text, rate, rng, "t")


def add_ocr_errors(text: str, rate: float, rng: random.Random) -> str:
    """Misread shapes as a scanner does (rn → m, l → 1, O → 0), at a character error rate of about `rate`.

    Each confusable character or pair is misread with probability `rate / OCR_COVERAGE`, at most 1. This fits
    English; text with fewer confusables comes out cleaner.
    """
    out, done = list(text), 0
    for place in _hits(len(out), rate, rng, gain=1.0 / OCR_COVERAGE):
        width = 2 if text[place : place + 2] in OCR else 1
        reads = OCR.get(text[place : place + width])
        if reads and place >= done:
            done = place + width
            out[place:done] = [reads[int(rng.random() * len(reads))], ""][:width]
    return "".join(out)


def _title(text: str) -> str:
    return " ".join([word[:1].upper() + word[1:].lower() for word in text.split(" ")])


def _swap_initials(text: str) -> str:
    return " ".join([word[:1].swapcase() + word[1:] for word in text.split(" ")])


def change_case(text: str, rate: float, rng: random.Random) -> str:
    """Put the text, with probability `rate` per text, in upper, lower, title, swapped-initial or random case.

    A case that would leave the text as it is gives way to the next one in that order.
    """
    if not _hits(1, rate, rng):
        return text
    caps = set(_hits(len(text), 0.5, rng))
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
    for place in _hits(len(out), rate, rng):
        if out[place].isspace():
            out[place] = ""
    return "".join(out)


def insert_spaces(text: str, rate: float, rng: random.Random) -> str:
    """Put a space, with probability `rate`, into each gap between two characters that are not spaces."""
    out = list(text)
    for gap in _hits(len(out) - 1, rate, rng):
        if not text[gap].isspace() and not text[gap + 1].isspace():
            out[gap] += " "
    return "".join(out)


def strip_punctuation(text: str, rate: float, rng: random.Random) -> str:
    """Leave out each punctuation character (ASCII's, or of a Unicode category P) with probability `rate`."""
    out = list(text)
    for place in _hits(len(out), rate, rng):
        if out[place] in PUNCTUATION or unicodedata.category(out[place])[0] == "P":
            out[place] = ""
    return "".join(out)


def replace_homoglyphs(text: str, rate: float, rng: random.Random) -> str:
    """Replace each letter that has lookalikes with probability `rate`: leet (a → 4), Cyrillic, Greek."""
    out = list(text)
    for place in _hits(len(out), rate, rng):
        if looks := HOMOGLYPHS.get(out[place]):
            out[place] = looks[int(rng.random() * len(looks))]
    return "".join(out)


def _recase(misspelt: str, word: str) -> str:
    """Write `misspelt` in the case of `word`; words of mixed case (iPhone) take it as listed."""
    if word.islower():
        return misspelt.lower()
    if len(word) > 1 and word.isupper():
        return misspelt.upper()
    if word[0].isupper() and word[1:] == word[1:].lower():
        return misspelt[:1].upper() + misspelt[1:].lower()
    return misspelt


class Misspellings:
    """Replace words by misspellings that people made, from a list of (misspelt, correct) pairs.

    Words are looked up whatever their case. Pairs with an empty side or equal but for case are left out.
    """

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        listed: dict[str, dict[str, None]] = {}
        for misspelt, correct in pairs:
            if misspelt and correct and misspelt.lower() != correct.lower():
                listed.setdefault(correct.lower(), {})[misspelt] = None
        self._listed = {correct: tuple(misspelt) for correct, misspelt in listed.items()}

    @classmethod
    def from_parquet(cls, path: str | Path, *, human_only: bool = False) -> "Misspellings":
        """Read columns `misspelt` and `correct`; with `human_only`, only the rows whose `human_list` is true.

        Raises:
            FileNotFoundError: If there is no file at `path`.
            ValueError: If a column is missing.
        """
        from pyarrow import parquet  # here, because pyarrow is no dependency of inference

        if not Path(path).is_file():
            raise FileNotFoundError(f"no list of misspellings at {path}")
        columns = ["misspelt", "correct"] + ["human_list"] * human_only
        if missing := set(columns) - set(parquet.read_schema(path).names):
            raise ValueError(f"{path} has no column {', '.join(sorted(missing))}")
        table = parquet.read_table(path, columns=columns).to_pydict()
        keep = table["human_list"] if human_only else [True] * len(table["correct"])
        rows = zip(table["misspelt"], table["correct"], keep, strict=True)
        return cls((misspelt, correct) for misspelt, correct, kept in rows if kept)

    def __len__(self) -> int:
        """Count the correct words that have a misspelling."""
        return len(self._listed)

    def __call__(self, text: str, rate: float, rng: random.Random) -> str:
        """Replace each listed word with probability `rate` by one of its misspellings, in the same case."""
        words = list(_WORD.finditer(text))
        out: list[str] = []
        end = 0
        for place in _hits(len(words), rate, rng):
            word = words[place]
            if misspelt := self._listed.get(word[0].lower()):
                chosen = misspelt[int(rng.random() * len(misspelt))]
                out += text[end : word.start()], _recase(chosen, word[0])
                end = word.end()
        return "".join(out) + text[end:]


OPERATORS: dict[str, Operator] = {
    "typos": add_typos,
    "substitute": substitute,
    "delete": delete,
    "insert": insert,
    "transpose": transpose,
    "ocr": add_ocr_errors,
    "case": change_case,
    "drop_spaces": drop_spaces,
    "insert_spaces": insert_spaces,
    "punctuation": strip_punctuation,
    "homoglyphs": replace_homoglyphs,
}


@dataclass(frozen=True)
class NoisePolicy:
    """Describe a training mixture of operators; `corrupt` draws from it.

    Attributes:
        weights: (name in `OPERATORS` or "misspellings", probability of being chosen). Where they sum to less
            than 1, the other texts stay clean.
        rates: Range of the rate, drawn uniformly. "case" counts per text: there choosing it is applying it.
        extra_case: Probability of also changing the case: half the time to lower case, else by `change_case`.
        compound: Probability of also applying a second operator, by the same weights, at half the rate.

    Raises:
        ValueError: If a name is unknown or listed twice, or a number is not a probability.
    """

    weights: tuple[tuple[str, float], ...]
    rates: tuple[float, float] = (0.02, 0.2)
    extra_case: float = 0.0
    compound: float = 0.0

    def __post_init__(self) -> None:
        names, known = [name for name, _ in self.weights], [*OPERATORS, "misspellings"]
        if unknown := set(names) - set(known):
            raise ValueError(f"unknown operators {sorted(unknown)}, choose from {known}")
        if len(set(names)) < len(names):
            raise ValueError(f"each operator may be listed once, got {names}")
        total = sum(weight for _, weight in self.weights)
        if any(not 0.0 <= weight <= 1.0 for _, weight in self.weights) or total > 1.0 + 1e-9:
            raise ValueError(f"weights are probabilities of sum <= 1, got {self.weights}, sum {total:g}")
        if len(self.rates) != 2 or not 0.0 <= self.rates[0] <= self.rates[1] <= 1.0:
            raise ValueError(f"rates are (low, high) with 0 <= low <= high <= 1, got {self.rates}")
        for name in ("extra_case", "compound"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} is a probability in [0, 1], got {getattr(self, name)!r}")

    def corrupt(self, text: str, rng: random.Random, misspellings: Misspellings | None = None) -> str:
        """Return a noisy copy of `text`; equal states of `rng` give equal copies.

        Raises:
            ValueError: If the mixture has "misspellings" and none are passed.
        """
        if misspellings is None and any(name == "misspellings" for name, _ in self.weights):
            raise ValueError("this NoisePolicy draws from misspellings: pass a Misspellings to corrupt")
        low, high = self.rates
        rate = low + (high - low) * rng.random()
        text = self._apply(text, rate, rng, misspellings)
        if self.compound and rng.random() < self.compound:
            text = self._apply(text, rate / 2, rng, misspellings)
        if self.extra_case and rng.random() < self.extra_case:
            text = text.lower() if rng.random() < 0.5 else change_case(text, 1.0, rng)
        return text

    def _apply(self, text: str, rate: float, rng: random.Random, misspellings: Misspellings | None) -> str:
        """Apply the operator that a draw from the weights falls on, or none."""
        draw = rng.random()
        for name, weight in self.weights:
            draw -= weight
            if draw < 0.0:
                operator = misspellings if name == "misspellings" and misspellings is not None else OPERATORS[name]
                return operator(text, 1.0 if name == "case" else rate, rng)
        return text


def character_error_rate(clean: str, noisy: str) -> float:
    """Return the Levenshtein distance of the texts, divided by the length of `clean` (at least 1)."""
    row = list(range(len(noisy) + 1))
    for i, wanted in enumerate(clean, start=1):
        diagonal, row[0] = row[0], i
        for j, char in enumerate(noisy, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (wanted != char))
    return row[-1] / max(1, len(clean))
