"""Collect the words of a corpus, as the model's own chunker sees them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tiered_st.config import TieredConfig
from tiered_st.text import WordChunker
from tiered_st.text.tokenizer import CharTokenizer, to_text
from training.sources import Source

_BATCH = 4096  # texts read together


def chunks_of(texts: Iterable[str], chunk_chars: int = TieredConfig.chunk_chars) -> Iterator[tuple[str, int]]:
    """Yield the lower-cased chunks of texts, as a model of ``chunk_chars`` ids per chunk cuts them, and their text."""
    tokenizer, chunker = CharTokenizer("NFKC"), WordChunker(chunk_chars - 1)
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


def count_chunks(texts: Iterable[str], chunk_chars: int = TieredConfig.chunk_chars) -> Counter[str]:
    """Count the chunks of texts."""
    return Counter(chunk for chunk, _ in chunks_of(texts, chunk_chars))


def lexicon(
    texts: Iterable[str],
    tables: Iterable[Source],
    data: Path | None,
    chunk_chars: int = TieredConfig.chunk_chars,
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
    return lexicon_of(count_chunks(texts, chunk_chars), tables, data, chunk_chars, power, listed, frequencies)


def lexicon_of(
    counted: Mapping[str, int],
    tables: Iterable[Source],
    data: Path | None,
    chunk_chars: int = TieredConfig.chunk_chars,
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
        for chunk, place in chunks_of((word for word, _ in rows), chunk_chars):
            counts[chunk] += scale * rows[place][1]
    for table in tables:
        for word in count_chunks(set(table.texts(data)), chunk_chars):
            counts[word] += listed
    words = sorted(word for word in counts if len(word) <= 24)
    weights = np.array([counts[word] for word in words], dtype=np.float64) ** power
    return words, weights / weights.sum()
