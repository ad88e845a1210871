"""Let one process at a time write a file or folder."""

from __future__ import annotations

import errno
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

WAIT = 600.0  # seconds for another writer of the same place; the largest model is written in a few
# What file systems say that cannot lock files, or cannot flush folders: they are written to all the same.
UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL}
_LOCKED = {errno.EACCES, errno.EAGAIN, errno.EDEADLK}  # what systems say when another holds a lock
_POLL = 0.05  # seconds between two looks


@contextmanager
def only_writer(target: Path, wait: float = WAIT) -> Iterator[None]:
    """Hold the lock file beside ``target``, which goes with the block, or with the process if that dies.

    Raises:
        TimeoutError: If another still holds it after ``wait`` seconds; says who.
    """
    lock = target.with_name(f".{target.name}.lock")
    until = time.monotonic() + wait
    while (held := _try_lock(lock)) is None:
        if time.monotonic() >= until:
            who = _holder(lock)
            raise TimeoutError(f"{target}: {who} is writing it, for {wait:g} s now. Wait for its end, or stop it.")
        time.sleep(_POLL)
    with held:
        try:
            yield
        finally:
            if sys.platform != "win32":  # which keeps names that are open; here only the holder may remove it
                lock.unlink(missing_ok=True)
                fcntl.flock(held, fcntl.LOCK_UN)  # closing is not enough where a forked process has it too
    if sys.platform == "win32":
        with suppress(OSError):  # another has it open by now
            lock.unlink()


def _try_lock(lock: Path) -> BinaryIO | None:
    """Return the open lock file, or None while another holds it."""
    try:
        file: BinaryIO = open(lock, "a+b", buffering=0)  # noqa: SIM115 (open until the caller is done)
    except PermissionError:  # left by a process of another user
        file = open(lock, "rb", buffering=0)  # noqa: SIM115
    try:
        if sys.platform == "win32":
            file.seek(1 << 20)  # a byte that nobody reads: locked ones cannot be
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        ours = _stands(lock, file)
    except BaseException as error:
        if isinstance(error, OSError) and error.errno in UNSUPPORTED:
            return file
        file.close()  # here: the traceback would keep it open, and the lock held
        if isinstance(error, OSError) and error.errno in _LOCKED:
            return None
        raise
    if not ours:  # the one before has removed it just now
        file.close()
        return _try_lock(lock)
    with suppress(OSError):  # of another user
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}".encode())
    return file


def _stands(lock: Path, file: BinaryIO) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(lock))
    except FileNotFoundError:
        return False


def _holder(lock: Path) -> str:
    try:
        return lock.read_text(encoding="utf-8") or "another process"
    except OSError:
        return "another process"
