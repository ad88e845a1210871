"""Collect the words of a corpus, as the model's own chunker sees them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tiered_st.config import ChunkConfig
from tiered_st.text import word_chunker
from tiered_st.text.tokenizer import CharTokenizer, to_text
from training.sources import Source

_BATCH = 4096  # texts read together


READING = ChunkConfig()
# What of a configuration says what its words are; they are lower-cased words of NFKC whatever else it says.
_WORDS = ("chunk_chars", "fold_accents", "own_letters", "ordinals", "decimal_commas", "split_hashtags")


def words_of(config: ChunkConfig) -> ChunkConfig:
    """Return how the words that a model practises are read: as it cuts words, or would."""
    return ChunkConfig(**{name: getattr(config, name) for name in _WORDS})


def chunks_of(texts: Iterable[str], reading: ChunkConfig = READING) -> Iterator[tuple[str, int]]:
    """Yield the lower-cased chunks of texts, cut into words as ``reading`` says, and the number of their text."""
    tokenizer, chunker = CharTokenizer.of(reading), word_chunker(reading)
    texts, first = iter(texts), 0
    while batch := list(islice(texts, _BATCH)):
        points, closes = tokenizer.normalize_all(batch)
        folded = tokenizer.fold(points)
        chunks = chunker(points, tokenizer.widths(folded))
        whole = to_text(folded)
        places = first + np.searchsorted(closes, chunks.starts)
        for start, end, place in zip(chunks.starts.tolist(), chunks.ends.tolist(), places.tolist(), strict=True):
            yield whole[start:end], place
        first += len(batch)


def count_chunks(texts: Iterable[str], reading: ChunkConfig = READING) -> Counter[str]:
    """Count the chunks of texts."""
    return Counter(chunk for chunk, _ in chunks_of(texts, reading))


def lexicon(
    texts: Iterable[str],
    tables: Iterable[Source],
    data: Path | None,
    reading: ChunkConfig = READING,
    power: float = 1 / 3,
    listed: float = 1.0,
    frequencies: Iterable[Source] = (),
) -> tuple[list[str], NDArray[np.float64]]:
    """Return words and the probability of practising each, (words,).

    Probability goes with a word's count in ``texts`` to a ``power`` below 1: frequent words come more often, but the
    tail, which a model cannot guess, still comes. Each of the ``tables`` that has a word counts for ``listed``
    occurrences. Each table of ``frequencies``, words labelled with how often they are met in general, counts for as
    many occurrences as all the texts: what texts at hand are about is not what texts to come are about.
    """
    return lexicon_of(count_chunks(texts, reading), tables, data, reading, power, listed, frequencies)


def lexicon_of(
    counted: Mapping[str, int],
    tables: Iterable[Source],
    data: Path | None,
    reading: ChunkConfig = READING,
    power: float = 1 / 3,
    listed: float = 1.0,
    frequencies: Iterable[Source] = (),
) -> tuple[list[str], NDArray[np.float64]]:
    """Return :func:`lexicon` of texts whose chunks were counted before."""
    counts: dict[str, float] = defaultdict(float, counted)
    total = sum(counts.values())
    for table in frequencies:
        rows = [(word, float(count)) for (word,), count in table.labelled(data)]
        scale = total / max(1.0, sum(count for _, count in rows))
        for chunk, place in chunks_of((word for word, _ in rows), reading):
            counts[chunk] += scale * rows[place][1]
    for table in tables:
        for word in count_chunks(set(table.texts(data)), reading):
            counts[word] += listed
    words = sorted(word for word in counts if len(word) <= 24)
    weights = np.array([counts[word] for word in words], dtype=np.float64) ** power
    return words, weights / weights.sum()


def frequent_words(frequencies: Iterable[Source], data: Path | None, count: int) -> list[str]:
    """Return the ``count`` words that are most frequent by tables of words and counts, in order.

    Tables count alike, whatever their size: of two languages, each has its half.
    """
    shares: dict[str, float] = defaultdict(float)
    for table in frequencies:
        rows = [(word, float(label)) for (word,), label in table.labelled(data)]
        total = sum(often for _, often in rows) or 1.0
        for word, often in rows:
            shares[word] += often / total
    return sorted((word for word in shares if word.isalpha()), key=lambda word: (-shares[word], word))[:count]
