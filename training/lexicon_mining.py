"""Mine what words mean from texts that say the same in two languages."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tiered_st.config import ChunkConfig
from training.words import READING, chunks_of

logger = logging.getLogger(__name__)


class Translation(NamedTuple):
    """What a word is translated by.

    Attributes:
        word: the foreign word.
        translation: a word of the other language.
        weight: how sure, of all translations of the word that are kept; they sum to 1.
        texts: how many have the word.
    """

    word: str
    translation: str
    weight: float
    texts: int


class _Side(NamedTuple):
    """The distinct words of each text of one language.

    Attributes:
        words: the distinct words.
        ids: the number of each text's words, (words of all texts,).
        texts: the text that each is of, ascending, (words of all texts,).
        counts: texts with each word, (words,).
    """

    words: list[str]
    ids: NDArray[np.int64]
    texts: NDArray[np.int64]
    counts: NDArray[np.int64]


def mine_translations(
    pairs: Sequence[tuple[str, str]],
    *,
    rounds: int = 6,
    top: int = 3,
    least: int = 3,
    share: float = 0.1,
    longest: int = 30,
    reading: ChunkConfig = READING,
) -> list[Translation]:
    """Return what foreign words are translated by, from (foreign text, text) pairs, the words in order.

    IBM's first model (Brown et al. 1993), fitted in both directions by expectation maximisation on the distinct words
    of each text, with an empty word on the side that generates; a translation's weight is the geometric mean of both
    probabilities, so that neither a rare word, which would explain all that it meets, nor a frequent one, which is met
    everywhere, wins by itself.

    Args:
        pairs: the texts.
        rounds: of expectation maximisation.
        top: most translations of a word.
        least: texts that a word, and it with its translation, must be in.
        share: of the best translation's weight that another needs.
        longest: most distinct words of a text; pairs with more are left out.
        reading: how texts are cut into words (``training.words``), so that the model finds its own.

    Raises:
        ValueError: if a number cannot be.
    """
    for name, value, low in (("rounds", rounds, 1), ("top", top, 1), ("least", least, 1), ("longest", longest, 1)):
        if value < low:
            raise ValueError(f"{name}={value} must be at least {low}.")
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"share={share} is a share of the best weight: give 0 to 1.")
    foreign, own = (_side([pair[side] for pair in pairs], reading) for side in (0, 1))
    kept = _short(foreign, len(pairs), longest) & _short(own, len(pairs), longest)
    foreign, own = _of_texts(foreign, kept, least), _of_texts(own, kept, least)
    left, right, texts = _meetings(foreign, own, len(pairs))
    if not left.size:
        return []
    links, link = np.unique(left * len(own.words) + right, return_inverse=True)  # each two words that ever meet
    one, two = links // len(own.words), links % len(own.words)
    met = np.bincount(link)
    forth = _fit(link, _places(texts, right, len(own.words)), one, rounds)  # of a word, given the foreign one
    back = _fit(link, _places(texts, left, len(foreign.words)), two, rounds)
    weights = np.where(met >= least, np.sqrt(forth * back), 0.0)
    logger.info("%d pairs of texts, %d pairs of words", int(kept.sum()), len(links))
    return _best(foreign, own, one, two, weights, top, share)


def _side(texts: Iterable[str], reading: ChunkConfig) -> _Side:
    number: dict[str, int] = {}
    seen: dict[tuple[int, int], None] = {}
    for chunk, text in chunks_of(texts, reading):
        if any(map(str.isalpha, chunk)):
            seen[text, number.setdefault(chunk, len(number))] = None
    both = np.array(list(seen), dtype=np.int64).reshape(-1, 2)
    return _Side(list(number), both[:, 1], both[:, 0], np.bincount(both[:, 1], minlength=len(number)))


def _short(side: _Side, texts: int, longest: int) -> NDArray[np.bool_]:
    """Say which texts have at least one word and no more than ``longest``, (texts,)."""
    counts = np.bincount(side.texts, minlength=texts)
    return (counts > 0) & (counts <= longest)


def _of_texts(side: _Side, kept: NDArray[np.bool_], least: int) -> _Side:
    """Leave out texts, and words of fewer than ``least`` of those kept: one met once would explain all around it."""
    rows = kept[side.texts]
    counts = np.bincount(side.ids[rows], minlength=len(side.words))
    rows &= counts[side.ids] >= least
    return side._replace(ids=side.ids[rows], texts=side.texts[rows], counts=counts)


def _meetings(one: _Side, two: _Side, texts: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return each word with each of the same pair's other text, and the number of the pair, (meetings,) each."""
    lengths = np.bincount(two.texts, minlength=texts)  # (texts,)
    starts = np.cumsum(lengths) - lengths
    repeats = lengths[one.texts]  # (words of one,)
    within = np.arange(repeats.sum()) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    return (
        np.repeat(one.ids, repeats),
        two.ids[np.repeat(starts[one.texts], repeats) + within],
        np.repeat(one.texts, repeats),
    )


def _places(texts: NDArray[np.int64], words: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Number the places where a word stands in a text, (meetings,)."""
    return np.unique(texts * count + words, return_inverse=True)[1]


def _fit(
    link: NDArray[np.int64], place: NDArray[np.int64], given: NDArray[np.int64], rounds: int
) -> NDArray[np.float64]:
    """Return the probability of each link's word given the other one, (links,).

    Args:
        link: of each meeting, (meetings,).
        place: where the word stands that is generated, (meetings,).
        given: the word of each link that generates, (links,).
        rounds: of expectation maximisation.
    """
    chance = 1.0 / np.bincount(given)[given]  # (links,): at first, all that a word meets alike
    nothing = 1.0 / (1 + place.max())  # the empty word generates every word alike
    for _ in range(rounds):
        share = chance[link]  # (meetings,)
        share = share / (np.bincount(place, share) + nothing)[place]
        counts = np.bincount(link, share, minlength=len(given))
        chance = counts / np.maximum(np.bincount(given, counts)[given], np.finfo(np.float64).tiny)
    return chance


def _best(
    foreign: _Side, own: _Side, one: NDArray[np.int64], two: NDArray[np.int64], weights: NDArray[np.float64],
    top: int, share: float,
) -> list[Translation]:  # fmt: skip
    found: dict[str, list[tuple[float, str]]] = {}
    counts: dict[str, int] = {}
    for place in np.flatnonzero(weights > 0).tolist():
        word = foreign.words[one[place]]
        found.setdefault(word, []).append((float(weights[place]), own.words[two[place]]))
        counts[word] = int(foreign.counts[one[place]])
    rows: list[Translation] = []
    for word in sorted(found):
        ranked = sorted(found[word], key=lambda row: (-row[0], row[1]))[:top]
        kept = [row for row in ranked if row[0] >= share * ranked[0][0]]
        total = sum(weight for weight, _ in kept)
        rows += [Translation(word, translation, weight / total, counts[word]) for weight, translation in kept]
    return rows
