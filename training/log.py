"""Read a run's log, reckon from it how long a stage took, and show it: `python -m training.log RUN`.

What the judges said is printed, step by step, and the curves of loss and figures are drawn: RUN/curves.svg.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from tiered_st.files import replace_file
from training.curves import draw


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
    for before, line in pairwise(lines):
        if "processes" not in line and line["minutes"] < before["minutes"]:
            total, exact = total + before["minutes"], False
    return total + lines[-1]["minutes"], exact


def processes_of(log: Sequence[dict[str, Any]], stage: str) -> int:
    """Return how many processes trained a stage together."""
    return max((line.get("processes", 1) for line in log if line["stage"] == stage), default=1)


def judged(log: Iterable[dict[str, Any]], stage: str) -> list[dict[str, Any]]:
    """Return the lines of a stage that say what judges said."""
    return [line for line in log if line["stage"] == stage and "judged" in line]


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def table(log: Sequence[dict[str, Any]]) -> str:
    """Return what the judges said as lines of text, a stage's best step marked; nothing where nobody judged."""
    rows = []
    for stage in dict.fromkeys(line["stage"] for line in log):
        own = judged(log, stage)
        best = max((line["main"] for line in own), default=None)
        for line in own:
            figures = "   ".join(f"{name} {value:.1f}" for name, value in line["judged"].items())
            mark = "  best" if line["main"] == best else ""
            best = None if mark else best  # of equal ones the earliest
            rows.append(f"{stage} {line['step']}: {line['main']:.2f}   ({figures}){mark}")
    return "\n".join(rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Print and draw; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.log", description=__doc__.split("\n\n")[1])
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a run, or a log")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="the SVG to write (default: curves.svg beside the log)"
    )
    args = parser.parse_args(argv)
    path = args.run / "log.jsonl" if args.run.is_dir() else args.run
    out = args.out or path.with_name("curves.svg")
    try:
        if not path.is_file():
            raise ValueError(f"{path} does not exist: give the folder of a run, or its log.")
        log = read_log(path)
        draw(log, out)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print("\n".join(filter(None, [table(log), f"drawn: {out}"])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
