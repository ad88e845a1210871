"""Write tables, and put them where they belong in a page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev

from tiered_st.files import replace_file


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Align a table so that it reads well as plain text too."""
    widths = [max(len(cell) for cell in column) for column in zip(header, *rows, strict=True)]
    lines = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in (header, *rows)]
    rule = ["-" * width if place == 0 else "-" * (width - 1) + ":" for place, width in enumerate(widths)]
    return "\n".join("| " + " | ".join(line) + " |" for line in (lines[0], rule, *lines[1:]))


def compact(rows: Sequence[Sequence[str]]) -> str:
    """Return a table for pages that are rendered: the first row is its header, and nothing is padded."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (rows[0], ["---"] * len(rows[0]), *rows[1:]))


def mean_and_spread(values: Sequence[float]) -> str:
    """Write mean ± standard deviation over seeds, a dash where there are none."""
    if not values:
        return "–"
    return f"{mean(values):.1f}" + (f" ± {stdev(values):.1f}" if len(values) > 1 else "")


def marks(name: str) -> tuple[str, str]:
    """Return the lines of a page between which the part of this name stands."""
    return f"<!-- {name}: begin -->", f"<!-- {name}: end -->"


def write_between(path: Path, name: str, text: str) -> None:
    """Replace the part of this name of a page, beside it and then in its place.

    Raises:
        ValueError: If the marks are not there.
    """
    begin, end = marks(name)
    page = path.read_text(encoding="utf-8") if path.is_file() else ""
    before, begins, rest = page.partition(begin)
    _, ends, after = rest.partition(end)
    if not (begins and ends):
        raise ValueError(f"{path} has no lines {begin} and {end} to put the {name} between: add them.")
    with replace_file(path) as beside:
        beside.write_text(f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}", encoding="utf-8")


def add_marks(path: Path, name: str, *, after: str) -> None:
    """Give a page the marks of this name, behind the part ``after``, where it has none yet."""
    page = path.read_text(encoding="utf-8")
    if marks(name)[0] in page:
        return
    end = marks(after)[1]
    with replace_file(path) as beside:
        beside.write_text(page.replace(end, "\n\n".join([end, *marks(name)]), 1), encoding="utf-8")
