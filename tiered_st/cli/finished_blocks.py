"""Keep the vectors of finished blocks beside the output, so that a killed command goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

from tiered_st.cli.records.rows import InputError
from tiered_st.file_lock import only_writer
from tiered_st.files import replace_file
from tiered_st.fingerprint import model_fingerprint

MANIFEST = "manifest.json"


class FinishedBlocks:
    """The vectors of the blocks that an output needs, in order: read where they are kept, else computed and kept.

    A block is kept under its number and the hash of its texts. So inputs are known by what is read of them, standard
    input too, and no setting of the reader has to be compared.
    """

    def __init__(self, folder: Path, model: SentenceTransformer) -> None:
        self._folder = folder
        self._encode = model.encode
        self._number = 0
        self.reused = 0  # texts whose vectors were kept

    def encode(self, texts: Sequence[str], **options: Any) -> NDArray[np.float32]:
        """Return the vectors (texts, dimension) of the next block, as `SentenceTransformer.encode` gives them.

        Raises:
            InputError: if what is kept under this number are the vectors of other texts.
        """
        digest = hashlib.sha256(json.dumps(list(texts)).encode()).hexdigest()[:32]
        part = self._folder / f"{self._number:08d}-{digest}.npy"
        if any(other != part for other in self._folder.glob(f"{self._number:08d}-*.npy")):
            found = "it was begun with other texts"
            raise InputError(f"{self._folder}: {found}: give the same inputs, or --restart to start anew")
        self._number += 1
        try:
            vectors: NDArray[np.float32] = np.load(part)
            if vectors.ndim == 2 and len(vectors) == len(texts):
                self.reused += len(texts)
                return vectors
        except (OSError, ValueError, EOFError):
            pass  # not there, or damaged
        vectors = np.asarray(self._encode(list(texts), **options), dtype=np.float32)
        with replace_file(part) as beside, open(beside, "wb") as file:
            np.save(file, vectors)
        return vectors


@contextmanager
def finished_blocks(output: str, model: SentenceTransformer, *, restart: bool) -> Iterator[FinishedBlocks]:
    """Give the finished blocks of ``output``, and remove them when the block ends well.

    Meanwhile ``model.encode`` goes through them, so that whatever encodes with the model goes on too. One run at a
    time has them.

    Raises:
        InputError: if they were begun with another model.
        TimeoutError: if another process is at work on the same output.
    """
    target = Path(os.path.realpath(output))
    folder = target.with_name(f".{target.name}.unfinished")
    manifest = folder / MANIFEST
    try:
        lock = only_writer(folder, wait=0)
        lock.__enter__()
    except TimeoutError:
        raise InputError(f"{output}: another process is at work on it: wait for its end, or stop it") from None
    except OSError as error:
        raise InputError(f"{output}: cannot be written ({error.strerror})") from None
    try:
        if restart or not manifest.is_file():  # without it: the remains of a run that had ended well
            shutil.rmtree(folder, ignore_errors=True)
        fingerprint = model_fingerprint(model)
        if not manifest.is_file():
            folder.mkdir(exist_ok=True)
            with replace_file(manifest) as beside:
                beside.write_text(json.dumps({"model_fingerprint": fingerprint}), encoding="utf-8")
        begun = json.loads(manifest.read_bytes())["model_fingerprint"]
        if begun != fingerprint:
            found = f"it was begun with another model (fingerprint {begun}, this one has {fingerprint})"
            raise InputError(f"{folder}: {found}: give that model, or --restart to start anew")
        blocks = FinishedBlocks(folder, model)
        model.encode = blocks.encode  # type: ignore[method-assign, assignment]
        try:
            yield blocks
        finally:
            del model.encode
        manifest.unlink()  # first: whatever is left without it is rubbish
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        if folder.is_dir() and not any(folder.glob("*.npy")):
            shutil.rmtree(folder, ignore_errors=True)
        lock.__exit__(None, None, None)
