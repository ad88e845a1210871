"""Baseline `hashed-ngrams`: what spelling alone is worth. Nothing is trained.

A text is the weighted sum of its words' character n-grams (n = 3…6 with word-edge marks, and the whole word), cut as
fastText cuts them, each sent to a few signed places of a vector by its hash: a sparse random projection of the bag of
n-grams, which keeps its cosines. Rare n-grams weigh more; how often one occurs comes from the word frequencies that
symspellpy ships.

References: Bojanowski et al. 2017 (fastText); Kane & Nelson 2014 (sparse Johnson–Lindenstrauss); Arora et al. 2017
(smooth inverse frequency).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from benchmarks.peers.optional import need
from benchmarks.peers.spell_checked import WORDS

DIMENSION = 2048
PLACES = 4  # of each n-gram
SIZES = range(3, 7)
BUCKETS = 1 << 20  # of the frequencies; n-grams that share one share a weight
SMOOTH = 1e-3  # a frequency at which an n-gram has half its weight


def ngrams(word: str) -> Iterator[str]:
    """Yield a word's n-grams and the word itself, in lower case, edges marked by < and >."""
    marked = f"<{word.lower()}>"
    yield marked
    for size in SIZES:
        for start in range(len(marked) - size + 1):
            if size < len(marked):  # the whole word has come already
                yield marked[start : start + size]


class HashedNgrams:
    """Embed texts by hashed character n-grams.

    Args:
        frequencies: (word, count) of a large collection; by default those that symspellpy ships.
    """

    def __init__(self, frequencies: Iterable[tuple[str, int]] | None = None) -> None:
        counts = np.zeros(BUCKETS)
        total = 0
        for word, count in _shipped_frequencies() if frequencies is None else frequencies:
            total += count
            counts[[_hash(ngram) % BUCKETS for ngram in ngrams(word)]] += count
        share = counts / max(1, total)
        self._weights = (SMOOTH / (SMOOTH + share)).astype(np.float32)  # (BUCKETS,)
        self._word = lru_cache(maxsize=50_000)(self._places)
        self.revision = hashlib.sha256(self._weights.tobytes()).hexdigest()[:16]

    def encode(self, texts: Sequence[str], **options: Any) -> np.ndarray:
        """Return (texts, DIMENSION) float32 of unit length, zero for a text without words; no option changes it."""
        vectors = np.zeros((len(texts), DIMENSION), dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            if found := [self._word(word) for word in text.split()]:
                places, values = (np.concatenate(parts) for parts in zip(*found, strict=True))
                row[:] = np.bincount(places, weights=values, minlength=DIMENSION)
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)

    def _places(self, word: str) -> tuple[np.ndarray, np.ndarray]:
        """Return where a word's n-grams go and what they add there, both (n-grams × PLACES,)."""
        hashes = np.fromiter((_hash(ngram) for ngram in ngrams(word)), dtype=np.uint64)  # (n-grams,)
        weights = self._weights[hashes % np.uint64(BUCKETS)] / np.sqrt(len(hashes))
        mixed = _mix(hashes[:, None] * np.uint64(PLACES) + np.arange(PLACES, dtype=np.uint64))  # (n-grams, PLACES)
        signs = np.where(mixed >> np.uint64(63), 1, -1)
        return (mixed % np.uint64(DIMENSION)).astype(np.int64).ravel(), (signs * weights[:, None]).ravel()


def _hash(ngram: str) -> int:
    return crc32(ngram.encode("utf-8", "surrogatepass"))


def _mix(values: np.ndarray) -> np.ndarray:
    """Spread the bits of 64-bit numbers (splitmix64's finaliser)."""
    values = (values + np.uint64(0x9E3779B97F4A7C15)).astype(np.uint64)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _shipped_frequencies() -> Iterator[tuple[str, int]]:
    path = Path(str(need("symspellpy", of="hashed-ngrams").__file__)).parent / WORDS
    for line in path.read_text(encoding="utf-8-sig").splitlines():
        word, count = line.split()
        yield word, int(count)
