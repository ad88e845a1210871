"""Put files and folders in their places whole: write beside, flush, rename, and one writer at a time.

Whenever a process dies, or a step fails, the old or the new stands whole at its place, or, of a folder, set aside
next to it, where `standing` reads it and `recover` puts it back. Whoever replaces, here or in another process, waits
for the one before; what a killed one left is removed by the next. A place that is a symlink stays one: what it points
to is replaced.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
import uuid
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from tiered_st.file_lock import UNSUPPORTED, WAIT, only_writer

# By world, the group in which its ranks wait. Torch alone keeps both: a group that outlives destroy_process_group has
# threads that abort the interpreter when it ends, now and then.
_patient: weakref.WeakKeyDictionary[Any, weakref.ref[Any]] = weakref.WeakKeyDictionary()


@contextmanager
def replace_file(path: str | os.PathLike[str], *, wait: float = WAIT) -> Iterator[Path]:
    """Yield a path to write to, and put that file in the place of ``path`` when the block ends well.

    Args:
        path: The file to replace or create; its folder must exist. Its permissions are kept.
        wait: Seconds to wait for another writer of ``path``.

    Raises:
        OSError: If a step fails; ``path`` is then what it was.
        TimeoutError: If another process is still writing ``path`` after ``wait`` seconds; says which.
    """
    target = Path(os.path.realpath(path))
    with only_writer(target, wait):
        _remove_leftovers(target, "partial")
        beside = target.with_name(f".{target.name}.partial-{uuid.uuid4().hex[:12]}")
        try:
            beside.touch()
            usual = stat.S_IMODE(beside.stat().st_mode)
            beside.unlink()
            yield beside
            _flush(beside)
            # Some writers let nobody but the owner read what they write: safetensors does, from 0.8 on.
            _keep_mode(target, beside, usual)
            os.replace(beside, target)
        finally:
            beside.unlink(missing_ok=True)
        _flush(target.parent)


@contextmanager
def replace_folder(
    path: str | os.PathLike[str], *, accept: Callable[[Path], None] | None = None, wait: float = WAIT
) -> Iterator[Path]:
    """Yield an empty folder to fill, and put it in the place of ``path`` when the block ends well.

    Args:
        path: The folder to replace or create, with its parents. Its permissions are kept, its contents are not.
        accept: Called with what stands at ``path``, if anything does, before the block runs: raises if that must stay.
        wait: Seconds to wait for another writer of ``path``.

    Raises:
        OSError: If a step fails; ``path`` or its set-aside (see `standing`) is then what ``path`` was.
        NotADirectoryError: If ``path`` is a file.
        TimeoutError: If another process is still writing ``path`` after ``wait`` seconds; says which.
    """
    target = Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    with only_writer(target, wait):
        _recover(target)
        if target.exists():
            if accept is not None:
                accept(target)
            if not target.is_dir():
                raise NotADirectoryError(f"{target}: is a file, where a folder is to be written. Give another path.")
        _remove_leftovers(target, "saving")
        staging = target.with_name(f".{target.name}.saving-{uuid.uuid4().hex[:12]}")
        try:
            staging.mkdir()
            usual = stat.S_IMODE(staging.stat().st_mode)
            yield staging
            for folder, _, files in os.walk(staging):
                for name in files:
                    _flush(Path(folder, name))
                _flush(Path(folder))
            _keep_mode(target, staging, usual)
            _swap(staging, target)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def standing(path: str | os.PathLike[str]) -> Path:
    """Return where the folder ``path`` stands: there, or set aside by a writer that was killed; write nothing."""
    target = Path(os.path.realpath(path))
    return target if target.exists() or not _aside(target).exists() else _aside(target)


def recover(path: str | os.PathLike[str], *, wait: float = WAIT) -> bool:
    """Put back the folder ``path`` where a killed writer left it set aside; return whether it did.

    Raises:
        TimeoutError: If another process is still writing ``path`` after ``wait`` seconds.
    """
    target = Path(os.path.realpath(path))
    if not _aside(target).exists():
        return False
    with only_writer(target, wait):
        return _recover(target)


def on_one_rank(action: Callable[[], object]) -> None:
    """Run ``action`` on rank 0 alone while the other ranks wait; without ``torch.distributed``, just run it.

    Every rank must call it. All ranks are taken to share one file system.

    Raises:
        Exception: What ``action`` raised, on rank 0.
        RuntimeError: On the other ranks, if ``action`` failed on rank 0.
    """
    distributed = sys.modules.get("torch.distributed")  # ranks can be initialised only where it is imported
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        action()
        return
    group = kept() if (kept := _patient.get(distributed.group.WORLD)) else None
    if group is None:
        # A group of its own: NCCL gives up after ten minutes, and the action may take hours.
        group = distributed.new_group(backend="gloo", timeout=timedelta(days=7))
        _patient[distributed.group.WORLD] = weakref.ref(group)
    outcome: list[str | None] = [None]
    if distributed.get_rank() == 0:
        try:
            action()
        except BaseException as error:
            outcome[0] = f"{type(error).__name__}: {error}"
            raise
        finally:
            distributed.broadcast_object_list(outcome, src=0, group=group)
    else:
        distributed.broadcast_object_list(outcome, src=0, group=group)
        if outcome[0] is not None:
            raise RuntimeError(f"Rank 0 failed while the others waited: {outcome[0]}")


def _swap(staging: Path, target: Path) -> None:
    aside = _aside(target)
    try:
        if target.exists():
            if aside.exists():  # left by a writer that was killed while deleting it
                shutil.rmtree(aside)
            os.rename(target, aside)
        os.rename(staging, target)
    except BaseException:
        _recover(target)
        raise
    _flush(target.parent)  # the new name is on disk before the old data goes
    shutil.rmtree(aside, ignore_errors=True)


def _recover(target: Path) -> bool:
    if target.exists() or not _aside(target).exists():
        return False
    os.rename(_aside(target), target)
    return True


def _aside(target: Path) -> Path:
    return target.with_name(f".{target.name}.set-aside")


def _remove_leftovers(target: Path, kind: str) -> None:
    """Remove what killed writers of ``target`` left; the only writer calls it, so none is at work."""
    prefix = f".{target.name}.{kind}-"
    for name in os.listdir(target.parent):
        if name.startswith(prefix) and len(name) == len(prefix) + 12:
            leftover = target.with_name(name)
            with suppress(OSError):
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()


def _keep_mode(target: Path, successor: Path, usual: int) -> None:
    with suppress(OSError):  # a file system without permissions
        os.chmod(successor, stat.S_IMODE(os.stat(target).st_mode) if target.exists() else usual)


def _flush(path: Path) -> None:
    """Make sure that a file, or the names in a folder, are on disk."""
    is_folder = path.is_dir()
    if os.name == "nt" and is_folder:  # Windows cannot open a folder
        return
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if not is_folder or error.errno not in UNSUPPORTED:
            raise
    finally:
        os.close(descriptor)
