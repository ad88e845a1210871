"""A folder of a run, on this machine or behind any URL that fsspec opens."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tiered_st.files import replace_file
from tiered_st.records.urls import file_system, is_url

_AT_ONCE = 16  # files that are read at once


class Place:
    """Read and write the files of one folder by name, each of which is there whole or not at all.

    On this machine a file is written beside its place, flushed and renamed; behind a URL it is put whole, which object
    stores show at once or never.

    Args:
        folder: A path, or a URL.

    Raises:
        InputError: If it is a URL that fsspec does not open.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = os.fspath(folder)
        self.local = None if is_url(self.folder) else Path(self.folder)
        if self.local is None:
            self._fs, self._root = file_system(self.folder)

    def path(self, name: str) -> str:
        """Return the path or URL of a file."""
        return os.path.join(self.folder, *name.split("/")) if self.local else f"{self.folder.rstrip('/')}/{name}"

    def open(self, name: str) -> BinaryIO:
        """Open a file to read.

        Raises:
            OSError: If there is none.
        """
        file: BinaryIO = open(self.path(name), "rb") if self.local else self._fs.open(self._key(name), "rb")  # noqa: SIM115
        return file

    def read(self, name: str) -> bytes:
        """Return what a file holds.

        Raises:
            OSError: If there is none.
        """
        with self.open(name) as file:
            return file.read()

    def read_all(self, names: Iterable[str]) -> Iterator[bytes]:
        """Yield what small files hold, in the order of their names; several are read at once."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            yield from pool.map(self.read, names)

    def write(self, name: str, data: bytes) -> None:
        """Put a file in its place, whole; its folder is made if need be."""
        if self.local is None:
            self._fs.makedirs(self._key(name).rpartition("/")[0], exist_ok=True)
            self._fs.pipe_file(self._key(name), data)
            return
        target = Path(self.path(name))
        target.parent.mkdir(parents=True, exist_ok=True)
        with replace_file(target) as beside:
            beside.write_bytes(data)

    @contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """Open a file to write piece by piece; on this machine it takes its place when the block ends well."""
        if self.local is None:
            with self._fs.open(self._key(name), "wb") as file:
                yield file
            return
        with replace_file(self.path(name)) as beside, open(beside, "wb") as file:
            yield file

    def exists(self, name: str) -> bool:
        """Tell whether there is such a file."""
        return os.path.isfile(self.path(name)) if self.local else bool(self._fs.exists(self._key(name)))

    def names(self, folder: str = "") -> list[str]:
        """Return the names of what lies in a folder of it, sorted; hidden files are left out."""
        if self.local:
            found = Path(self.path(folder)) if folder else self.local
            names = [entry.name for entry in found.iterdir()] if found.is_dir() else []
        else:
            key = self._key(folder) if folder else self._root
            found = self._fs.ls(key, detail=False) if self._fs.isdir(key) else []
            names = [str(entry).rstrip("/").rpartition("/")[2] for entry in found]
        return sorted(name for name in names if not name.startswith("."))

    def remove(self, name: str) -> None:
        """Remove a file, or a folder with what is in it; none is fine."""
        if self.local is None:
            if self._fs.exists(self._key(name)):
                self._fs.rm(self._key(name), recursive=True)
        elif os.path.isdir(self.path(name)):
            shutil.rmtree(self.path(name))
        else:
            Path(self.path(name)).unlink(missing_ok=True)

    def tidy(self, folder: str) -> None:
        """Remove what writers that were killed left beside the files of a folder; the only run here calls it."""
        found = self.local and (self.local / folder)
        for entry in found.iterdir() if found is not None and found.is_dir() else ():
            if entry.name.startswith(".") and (entry.name.endswith(".lock") or ".partial-" in entry.name):
                entry.unlink(missing_ok=True)

    def _key(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"
