"""What a teacher says of the texts of a window."""

from __future__ import annotations

import hashlib
import shutil
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tiered_st.files import replace_file
from tiered_st.fingerprint import model_fingerprint
from training import ranks
from training import teacher as teachers
from training.streams.window_writer import WindowWriter
from training.streams.windows import Place
from training.student import Student


class WindowVectors:
    """Write a teacher's vectors of windows beside their texts, float16, in as many dimensions as the student has.

    Where the teacher has more, the axes that are kept are those of the first window.

    Args:
        student: whose teacher answers.
        writer: of the windows; it removes the vectors with the texts.
        deadline: of ``time.monotonic``, when the teacher is to stop; None never.
    """

    def __init__(self, student: Student, writer: WindowWriter, deadline: float | None = None) -> None:
        self._student, self._writer, self._deadline = student, writer, deadline

    @cached_property
    def name(self) -> str:
        """The vectors' file in a window's folder, one for each teacher and width."""
        return vectors_name(self._student)

    def write(self, place: Place) -> None:
        """Ask the teacher about a window that is open, unless it was asked before; every rank must call it.

        Raises:
            DeadlinePassed: What was answered until then is kept.
        """
        path = self._writer.windows.path(place, self.name)
        if ranks.agree(path.is_file):
            return
        texts = self._writer.windows.items(place)
        vectors = teachers.sentence_vectors(self._student.teacher, texts, path.parent, self._deadline)
        axes = self._axes(place, vectors)
        projected = (vectors.float() @ axes).half()
        ranks.agree(lambda: _save(path, projected))
        ranks.agree(lambda: _remove_shards(path.parent))

    def _axes(self, place: Place, vectors: Tensor) -> Tensor:
        """Return the axes that are kept, those of the first window: (d, d_sem)."""
        width = self._student.config.d_sem
        if width == vectors.shape[1]:
            return torch.eye(width)
        path = self._writer.windows.folder / self.name.replace("targets", "axes")
        if not ranks.agree(path.is_file):
            if (place.walk, place.window) != (0, 0):
                first = self._writer.open(0, 1)
                vectors = teachers.sentence_vectors(
                    self._student.teacher, self._writer.windows.items(first), path.parent, self._deadline
                )
            axes = teachers.principal_axes(vectors, width)
            ranks.agree(lambda: _save(path, axes))
            ranks.agree(lambda: _remove_shards(path.parent))
        return torch.from_numpy(np.load(path))


def vectors_name(student: Student) -> str:
    """Return the name of the files of a teacher's vectors."""
    key = hashlib.sha256(model_fingerprint(student.teacher).encode()).hexdigest()[:16]
    return f"targets-{key}-{student.config.d_sem}.npy"


def _save(path: Path, tensor: Tensor) -> None:
    with replace_file(path) as beside, beside.open("wb") as file:
        np.save(file, tensor.numpy())


def _remove_shards(folder: Path) -> None:
    """Remove what the teacher's answers were kept in, shard by shard, until all were there."""
    for shards in folder.glob("teacher-*"):
        shutil.rmtree(shards, ignore_errors=True)
