"""Typos on another keyboard: what `tiered_st.noise.add_typos` does, with the neighbours of keys in Dvorak's layout.

It has 54 pairs of letters side by side, of which 12 are so on QWERTY too, where training mistypes.
"""

from __future__ import annotations

import random

from tiered_st.noise.draws import hits

# Each row with how far it is shifted to the right, in keys; "-" is a key without a letter.
ROWS = ((0.0, "---pyfgcrl"), (0.25, "aoeuidhtns"), (0.75, "-qjkxbmwvz"))
REACH = 1.3  # keys: beside, and diagonally above and below


def _neighbours() -> dict[str, str]:
    """Return the letters next to each letter, by where the keys lie."""
    places = {
        letter: (shift + x, y) for y, (shift, row) in enumerate(ROWS) for x, letter in enumerate(row) if letter != "-"
    }
    near = {
        letter: "".join(
            other for other, (u, v) in places.items() if other != letter and abs(u - x) <= REACH - abs(v - y) * 0.3
            and abs(v - y) <= 1
        )
        for letter, (x, y) in places.items()
    }  # fmt: skip
    return near | {letter.upper(): others.upper() for letter, others in near.items()}


NEIGHBOURS = _neighbours()


def type_on_dvorak(text: str, rate: float, rng: random.Random) -> str:
    """Mistype each character with probability ``rate``: a key beside it instead, or too much, or left out, or swapped.

    What is no letter of the layout has no keys beside it: it is doubled instead. What has no other character behind it
    to be swapped with is left out. Spaces are left as they are.

    Raises:
        ValueError: If ``rate`` is not in [0, 1].
    """
    out = list(text)
    for place in hits(len(out), rate, rng):
        char = out[place]
        if char.isspace() or not char:
            continue
        draw = rng.random() * 4
        keys = NEIGHBOURS.get(char, char + char)
        key = keys[int(draw % 1.0 * len(keys))]
        behind = out[place + 1] if place + 1 < len(out) else " "
        if draw < 1.0:
            out[place] = key if char in NEIGHBOURS else char + char
        elif draw < 2.0:
            out[place] = char + key
        elif draw < 3.0 or behind.isspace() or behind == char:
            out[place] = ""
        else:
            out[place], out[place + 1] = behind, char
    return "".join(out)
