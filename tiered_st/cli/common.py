"""What the commands share: which model an index wants, explaining errors, and the last word on stderr."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tqdm import tqdm

from tiered_st.files import standing
from tiered_st.indexes import DiskIndex, FaissIndex
from tiered_st.indexes.disk.layout import is_disk_index
from tiered_st.records import RecordReader
from tiered_st.records.rows import InputError
from tiered_st.saved.model_folder import DEFAULT_MODEL, pretrained

OK, SKIPPED = 0, 3


def model_of(folder: Path | None) -> str:
    """Return the shipped model an index was built with, or the default: whether it fits is checked on loading."""
    if folder is not None:
        try:
            name: Any = json.loads((standing(folder) / "meta.json").read_bytes())["model_name"]
        except (OSError, ValueError, KeyError, TypeError):
            return DEFAULT_MODEL  # the index is missing or damaged; FaissIndex.load says how
        if name in pretrained():
            return str(name)
    return DEFAULT_MODEL


def open_index(folder: Path, model: Any) -> DiskIndex | FaissIndex:
    """Open an index of whichever kind stands at ``folder``."""
    if is_disk_index(standing(folder)):
        return DiskIndex.load(folder, model)
    return FaissIndex.load(folder, model)


@contextmanager
def explained() -> Iterator[None]:
    """Turn errors of the index, which name their cause and cure, into one line for the user."""
    try:
        yield
    except BrokenPipeError:
        raise
    except (ValueError, ImportError, OSError) as error:
        raise InputError(str(error)) from error


def progress(args: Namespace) -> bool:
    """Tell whether to show progress: on a terminal, unless --quiet."""
    return not args.quiet and sys.stderr.isatty()


def report(line: str) -> None:
    """Print one line on stderr without breaking a progress bar."""
    tqdm.write(line, file=sys.stderr)


def finish(args: Namespace, reader: RecordReader, summary: str) -> int:
    """Print the summary, with the broken lines even where --quiet drops the rest, and return the exit code."""
    for kind, lines in sorted(reader.tally.items()):
        summary += f"; {count_of(lines, 'line')} {kind}" if lines else ""
    if reader.skipped:
        print(f"{summary}; {count_of(reader.skipped, 'broken line')} skipped", file=sys.stderr)
    elif not args.quiet:
        print(summary, file=sys.stderr)
    return SKIPPED if reader.skipped else OK


def count_of(number: int, noun: str) -> str:
    """Return "1 text", "2 texts"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
