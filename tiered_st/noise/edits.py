"""Put what is written in the place of parts of a text."""

from collections.abc import Iterable


def edited(text: str, edits: Iterable[tuple[int, int, str]]) -> str:
    """Return a text with each part (start, end, what is written instead); parts come in order and do not overlap."""
    out: list[str] = []
    done = 0
    for start, end, written in edits:
        out += text[done:start], written
        done = end
    return "".join(out) + text[done:]
