"""Keep the vectors of finished blocks beside the output, so that a killed command goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiered_st.file_lock import only_writer
from tiered_st.files import replace_file
from tiered_st.fingerprint import model_fingerprint, module_settings
from tiered_st.indexes.encoder import prompts_of
from tiered_st.records.rows import InputError

MANIFEST = "manifest.json"
_KEPT = ("encode", "encode_document")  # of a model's methods


class FinishedBlocks:
    """A model that takes the vectors of the blocks that an output needs, in order, from where they are kept.

    What is not kept yet is computed and kept, under its number and the hash of its texts. So inputs are known by what
    is read of them, standard input too, and no setting of the reader has to be compared. In all else it is the model.
    """

    def __init__(self, folder: Path, model: Any) -> None:
        self._folder = folder
        self._model = model
        self._number = 0
        self._words: list[str] = []
        self.reused = 0  # texts whose vectors were kept

    def taught(self, model: Any, words: Sequence[str]) -> FinishedBlocks:
        """Be a copy of the model that was taught words from now on; blocks are known by them too."""
        self._model, self._words = model, list(words)
        return self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # of copying and pickling, before there is a model
            raise AttributeError(name)
        value = getattr(self._model, name)
        return partial(self._through, value) if name in _KEPT else value

    def module_settings(self) -> list[dict[str, Any]]:
        """Return those of the model, which its fingerprint counts."""
        return module_settings(self._model)

    def _through(self, encode: Callable[..., Any], texts: Sequence[str], **options: Any) -> NDArray[np.float32]:
        """Return the vectors (texts, dimension) of the next block, as ``encode`` gives them.

        Raises:
            InputError: if what is kept under this number are the vectors of other texts, or by a model that was taught
                other words.
        """
        known_by = [list(texts), self._words] if self._words else list(texts)
        digest = hashlib.sha256(json.dumps(known_by).encode()).hexdigest()[:32]
        part = self._folder / f"{self._number:08d}-{digest}.npy"
        if any(other != part for other in self._folder.glob(f"{self._number:08d}-*.npy")):
            found = "it was begun with other texts, or by a model that was taught other words"
            raise InputError(f"{self._folder}: {found}: give the same inputs, or --restart to start anew")
        self._number += 1
        try:
            vectors: NDArray[np.float32] = np.load(part)
            if vectors.ndim == 2 and len(vectors) == len(texts):
                self.reused += len(texts)
                return vectors
        except (OSError, ValueError, EOFError):
            pass  # not there, or damaged
        vectors = np.asarray(encode(list(texts), **options), dtype=np.float32)
        with replace_file(part) as beside, open(beside, "wb") as file:
            np.save(file, vectors)
        return vectors


@contextmanager
def finished_blocks(output: str, model: Any, args: Namespace) -> Iterator[FinishedBlocks]:
    """Give the model by way of the finished blocks of ``output``, and remove them when the block ends well.

    One run at a time has them.

    Args:
        output: what is to be written.
        model: what encodes.
        args: of the command, whose ``backend`` computes and whose ``restart`` begins anew.

    Raises:
        InputError: if they were begun with another model, or in another way.
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
        if args.restart or not manifest.is_file():  # without it: the remains of a run that had ended well
            shutil.rmtree(folder, ignore_errors=True)
        way = {"model_fingerprint": model_fingerprint(model), "backend": args.backend}
        way |= {"prompts": prompts_of(model)} if args.command == "index" else {}
        if not manifest.is_file():
            folder.mkdir(exist_ok=True)
            with replace_file(manifest) as beside:
                beside.write_text(json.dumps(way), encoding="utf-8")
        _refuse_other(folder, json.loads(manifest.read_bytes()), way)
        yield FinishedBlocks(folder, model)
        manifest.unlink()  # first: whatever is left without it is rubbish
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        if folder.is_dir() and not any(folder.glob("*.npy")):
            shutil.rmtree(folder, ignore_errors=True)
        lock.__exit__(None, None, None)


def _refuse_other(folder: Path, begun: dict[str, Any], way: dict[str, Any]) -> None:
    """Refuse to go on with another model, or in another way, than ``begun`` says."""
    begun = {"backend": "torch", "prompts": {}} | begun  # older versions knew no others
    own = {"prompts": {}} | way
    if begun["model_fingerprint"] != own["model_fingerprint"]:
        known = f"fingerprint {begun['model_fingerprint']}, this one has {own['model_fingerprint']}"
        found = f"with another model ({known}): give that model, or"
    elif begun["backend"] != own["backend"]:
        found = f"with --backend {begun['backend']}, not {own['backend']}: give that one, or"
    elif begun["prompts"] != own["prompts"]:
        found = f"with the prompts {begun['prompts']} where the model has {own['prompts']}: give"
    else:
        return
    raise InputError(f"{folder}: it was begun {found} --restart to start anew")
