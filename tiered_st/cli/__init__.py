"""The command `tiered-st`: arguments go in, an exit code comes out; what a command writes goes to stdout or a file.

The way of a command: `parser` (arguments) → `commands`, `search`, `info`, `export` (what they ask) → `records` (texts
from files) → the model (`backends`), through `finished_blocks` where a run may be resumed → `vector_files`, an index,
or `console`. `embed` is the door to `tiered_st.scale`.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from tiered_st.cli.parser import parse
from tiered_st.records.rows import InputError

FAILED, INTERRUPTED = 1, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line ``argv`` (by default the process's own) and return its exit code."""
    try:
        args = parse(argv)
    except SystemExit as stop:  # --help, --version, or a usage error that argparse has explained
        return int(stop.code or 0)
    if sys.stdout is None:  # closed by the shell: `>&-`
        print("tiered-st: standard output is closed: give it a file, or /dev/null", file=sys.stderr)
        return FAILED
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # some texts have no form in the terminal's encoding
    try:
        code = int(getattr(import_module("tiered_st.cli.commands"), args.command)(args))
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        print("tiered-st: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        _drop_stdout()
        return 0
    except InputError as error:
        print(f"tiered-st: {' '.join(str(error).split())}", file=sys.stderr)
    except OSError as error:  # a full disk, a folder that went away
        where = f"{error.filename}: " if error.filename else ""
        print(f"tiered-st: {where}{error.strerror or error}", file=sys.stderr)
    return FAILED


def _drop_stdout() -> None:
    """Point stdout nowhere, so that Python's flush at exit does not complain about the closed pipe."""
    with contextlib.suppress(OSError, ValueError):  # stdout may be no real file, as under a test
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
