"""Texts that a peer's own code can read: what it would cut or stumble over is refused by name."""

from __future__ import annotations

import re
from collections.abc import Sequence

_LONE = re.compile("[\ud800-\udfff]")
NUL = "\0"


def check_options(of: str, *, batch_size: int, show_progress_bar: bool, convert_to_numpy: bool) -> None:
    """Refuse options of `encode` that a peer which returns arrays, silently, would ignore, and batches of none.

    Raises:
        ValueError: If there is one; the text says which.
    """
    if show_progress_bar or not convert_to_numpy:
        raise ValueError(f"{of} returns arrays and shows no progress: leave convert_to_numpy and show_progress_bar.")
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")


def readable(texts: Sequence[str], *, of: str, nul: bool = True) -> list[str]:
    """Return the texts as a list.

    Args:
        texts: Any; an empty one is a text too.
        of: The peer that is to read them.
        nul: Whether it reads on behind a NUL character.

    Raises:
        TypeError: If one is no string.
        ValueError: If one holds half of a surrogate pair, or a NUL that the peer would stop at; the text says which.
    """
    found = list(texts)
    for row, text in enumerate(found):
        where = f"text {row} of {len(found)}"
        if not isinstance(text, str):
            raise TypeError(f"{of} reads strings, {where} is {type(text).__name__}: {text!r:.80}")
        if not text.isascii() and (lone := _LONE.search(text)):
            raise ValueError(
                f"{of} reads UTF-8, which has no lone surrogate such as {lone[0]!a}, place {lone.start()} of {where}: "
                'replace them first, for instance by text.encode("utf-8", "replace").decode().'
            )
        if not nul and NUL in text:
            raise ValueError(
                f"{of} reads nothing behind a NUL character, here at place {text.index(NUL)} of {where}: replace it."
            )
    return found
