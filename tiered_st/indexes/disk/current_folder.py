"""The index that stands at a place now: opened once, and again when another has taken the place."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from tiered_st.file_lock import only_writer
from tiered_st.files import recover, standing
from tiered_st.indexes.disk.open_folder import OpenFolder, StaleFolderError
from tiered_st.indexes.index_files import IndexFileError, ModelMismatchError, written_state

_T = TypeVar("_T")
_OF_MODEL = ("model_fingerprint", "prompts", "dimension")


class CurrentFolder:
    """Do things with the folder that stands at ``path``.

    Args:
        path: Where an index on disk is.

    Raises:
        IndexFileError: If there is none, or it is damaged or foreign.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with suppress(OSError):  # of folders that may only be read: then the set-aside is read where it stands
            recover(path)
        self._lock = threading.Lock()  # of opening
        self._folder = _opened(path)

    def refreshed(self) -> OpenFolder:
        """Return the folder, opened again if it is another.

        Raises:
            ModelMismatchError: If another model embedded what is in that one.
        """
        folder = self._folder
        if folder.is_current():
            return folder
        with self._lock:
            if not self._folder.is_current():
                other = _opened(self.path)
                if any(other.meta[key] != self._folder.meta[key] for key in _OF_MODEL):
                    found = f"was replaced by an index of {other.meta['model_name']!r}, which is another model"
                    raise ModelMismatchError(f"{self.path}: {found}. Load it with that model.")
                self._folder = other  # the old one is closed when nobody uses it any more
            return self._folder

    def read(self, action: Callable[[OpenFolder], _T]) -> _T:
        """Return what ``action`` gives of the folder; it is called again if another took its place meanwhile."""
        while True:
            folder = self.refreshed()
            try:
                return action(folder)
            except (StaleFolderError, IndexFileError, OSError):
                if folder.is_current():
                    raise

    def write(self, action: Callable[[OpenFolder], _T]) -> _T:
        """Return what ``action`` gives of the folder, while no other process or thread writes there.

        Raises:
            TimeoutError: If another does not come to an end.
        """
        recover(self.path)
        with only_writer(Path(os.path.realpath(self.path))):
            return action(self.refreshed())


def _opened(path: Path) -> OpenFolder:
    while True:
        before = standing(path), written_state(standing(path))
        try:
            return OpenFolder(path)
        except StaleFolderError:
            continue
        except (IndexFileError, OSError):
            if (standing(path), written_state(standing(path))) == before:
                raise  # else another process has replaced the index while it was opened
