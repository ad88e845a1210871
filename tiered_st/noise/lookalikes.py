"""Write letters by others that look like them: leet, Cyrillic, Greek."""

import random
import string

from tiered_st.noise.draws import hits

_LEET = {
    "a": "4@",
    "b": "8",
    "e": "3",
    "g": "9",
    "i": "1!",
    "l": "1",
    "o": "0",
    "s": "5$",
    "t": "7",
    "z": "2",
}

LEET: dict[str, tuple[str, ...]] = {
    key: tuple(_LEET[key.lower()]) for key in string.ascii_letters if key.lower() in _LEET
}

# Cyrillic, Greek and a few Latin letters that most fonts draw like the ASCII letter of the key.
_UNICODE = {
    "a": "\u0430\u0251", "c": "\u0441\u03f2", "d": "\u0501", "e": "\u0435", "g": "\u0261", "h": "\u04bb",
    "i": "\u0456\u0131", "j": "\u0458", "l": "\u04cf", "n": "\u0578", "o": "\u043e\u03bf",
    "p": "\u0440\u03c1", "q": "\u051b", "s": "\u0455", "u": "\u03c5", "v": "\u03bd", "w": "\u051d",
    "x": "\u0445", "y": "\u0443", "A": "\u0410\u0391", "B": "\u0412\u0392", "C": "\u0421",
    "E": "\u0415\u0395", "H": "\u041d\u0397", "I": "\u0406\u0399", "J": "\u0408", "K": "\u041a\u039a",
    "M": "\u041c\u039c", "N": "\u039d", "O": "\u041e\u039f", "P": "\u0420\u03a1", "S": "\u0405",
    "T": "\u0422\u03a4", "X": "\u0425\u03a7", "Y": "\u04ae\u03a5", "Z": "\u0396",
}  # fmt: skip


def _homoglyphs() -> dict[str, tuple[str, ...]]:
    """Join leet and Unicode lookalikes; capitals share the leet signs of their small letters."""
    table = {key: LEET.get(key, ()) + tuple(_UNICODE.get(key, "")) for key in string.ascii_letters}
    return {key: looks for key, looks in table.items() if looks}


HOMOGLYPHS: dict[str, tuple[str, ...]] = _homoglyphs()


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
