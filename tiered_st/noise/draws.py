"""Seeded random draws that are the same in every process and on every platform."""

import random
from collections.abc import Iterable
from hashlib import blake2b
from math import log, log1p
from operator import index


def seeded(*parts: int | str) -> random.Random:
    """Return a Random seeded by `parts`, the same in every process and on every platform.

    Parts are typed and length-prefixed: `seeded(1)` and `seeded("1")` differ, as do ("a", "b") and ("ab").

    Raises:
        TypeError: If a part is neither a string nor an integer.
    """
    key = "".join([f"s{len(part)}:{part}" if isinstance(part, str) else f"i{index(part)}:" for part in parts])
    digest = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return random.Random(int.from_bytes(digest, "little"))


def hits(count: int, rate: float, rng: random.Random, *, gain: float = 1.0) -> Iterable[int]:
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
