"""What words of another language mean: their translations, mined from parallel texts, and those of their lemmas."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tiered_st.config import ChunkConfig
from training.lexicon_mining import mine_translations
from training.words import READING, chunks_of, count_chunks

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TranslatedWords:
    """Know what words of another language are translated by.

    Attributes:
        translations: the translations of each word, and their weights, which sum to 1.
        shares: how often a word, where it is met, is one of the other language, from 0 to 1; "no" is of both.
    """

    translations: dict[str, tuple[tuple[str, float], ...]]
    shares: dict[str, float]

    def meant(self, words: Sequence[str], vectors: Tensor) -> Tensor:
        """Return what words mean, as far as they are of the other language what their translations do.

        Args:
            words: any words; those without a translation keep their own vector.
            vectors: their own vectors, (words, d).
        """
        place = {word: i for i, word in enumerate(words)}
        out = vectors.clone()
        for i, word in enumerate(words):
            known = [(place[other], weight) for other, weight in self.translations.get(word, ()) if other in place]
            if known:
                places, weights = (torch.tensor(column) for column in zip(*known, strict=True))
                meaning = (weights / weights.sum()).to(vectors.dtype) @ vectors[places]
                out[i] = torch.lerp(vectors[i], meaning, self.shares[word])
        return out


def translated_words(
    pairs: Sequence[tuple[str, str]], forms: Iterable[tuple[str, str]] = (), reading: ChunkConfig = READING
) -> TranslatedWords:
    """Mine what words of another language mean.

    A form that is too rare in the texts to have a translation takes its lemma's; where that has none either, what its
    lemma's other forms share out among them.

    Args:
        pairs: (text of the other language, text).
        forms: (lemma, form) of the other language.
        reading: how texts are cut into words.
    """
    found: dict[str, dict[str, float]] = {}
    for row in mine_translations(pairs, reading=reading):
        found.setdefault(row.word, {})[row.translation] = row.weight
    mined = len(found)
    families: dict[str, dict[str, None]] = {}
    read = ((_single(lemma, reading), _single(form, reading)) for lemma, form in forms)
    for lemma, form in read:
        if lemma and form:
            families.setdefault(lemma, {lemma: None})[form] = None
    own = dict(found)
    for lemma, family in families.items():
        known = [own[lemma]] if lemma in own else [own[form] for form in family if form in own]
        if known:
            weights: dict[str, float] = {}
            for meaning in known:
                for word, weight in meaning.items():
                    weights[word] = weights.get(word, 0.0) + weight / len(known)
            for form in family:
                found.setdefault(form, weights)
    logger.info("%d words with translations, %d of them by their lemma", len(found), len(found) - mined)
    foreign, here = (count_chunks((pair[side] for pair in pairs), reading) for side in (0, 1))
    shares = {word: foreign[word] / total if (total := foreign[word] + here[word]) else 1.0 for word in found}
    return TranslatedWords({word: tuple(meaning.items()) for word, meaning in found.items()}, shares)


def _single(word: str, reading: ChunkConfig) -> str:
    """Return a word as it is read, "" where it is not read as one chunk."""
    chunks = [chunk for chunk, _ in chunks_of([word], reading)]
    return chunks[0] if len(chunks) == 1 else ""
