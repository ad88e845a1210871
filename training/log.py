"""Read a run's log, and reckon from it how long a stage took."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tiered_st.files import replace_file


def read_log(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a log; a last one that a kill or a full disk tore off is left out.

    Raises:
        ValueError: If another line is not JSON; says which.
    """
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.is_file() else []
    if lines and not lines[-1].endswith("\n"):
        lines.pop()
    try:
        return [json.loads(line) for line in lines]
    except ValueError:
        bad = next(number for number, line in enumerate(lines, 1) if not _is_json(line))
        raise ValueError(f"Line {bad} of {path} is not JSON: mend or remove it.") from None


def cut_back(path: Path, stage: str, step: int) -> None:
    """Take from a log what a stage did after ``step``, since a run that goes on from there does it again."""
    if not path.is_file():
        return
    kept = [line for line in read_log(path) if line["stage"] != stage or line["step"] <= step]
    text = "".join(json.dumps(line) + "\n" for line in kept)
    if text != path.read_text(encoding="utf-8"):
        with replace_file(path) as beside:
            beside.write_text(text, encoding="utf-8")


def minutes_of(log: Iterable[dict[str, Any]], stage: str) -> tuple[float, bool] | None:
    """Return the minutes that a stage took, and whether they are exact; None for a stage that is not there.

    Lines with "processes" count all minutes of the stage. Those of older logs count from the last start: where they
    fall, the run was resumed, and what it took in all is at least the sum over its starts.
    """
    lines = [line for line in log if line["stage"] == stage]
    if not lines:
        return None
    total, exact = 0.0, True
    for before, line in zip(lines, lines[1:], strict=False):
        if "processes" not in line and line["minutes"] < before["minutes"]:
            total, exact = total + before["minutes"], False
    return total + lines[-1]["minutes"], exact


def processes_of(log: Sequence[dict[str, Any]], stage: str) -> int:
    """Return how many processes trained a stage together."""
    return max((line.get("processes", 1) for line in log if line["stage"] == stage), default=1)


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True
