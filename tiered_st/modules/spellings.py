"""Read a chunk that is in no list of words again, as the words of the list that it may be a misspelling of."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from tiered_st.forks import renew_after_fork
from tiered_st.modules.hashing import hash_rows
from tiered_st.modules.learned_words import LearnedWords
from tiered_st.modules.spelling_context import SpellingContext
from tiered_st.modules.tracing import is_traced
from tiered_st.modules.weight_watch import WeightWatch
from tiered_st.suspects import NEVER, NOBODY, SuspectCache, Suspects
from tiered_st.text.spelling import LEAST, UNABLE, ContextConfig, SpellingList
from tiered_st.text.tokenizer import FIRST_CODE_POINT, PAD

_BLOCK = 1_024  # words read at once, and chunks that are compared with all words at once
_STEPS = 50  # of training through which keys are kept: E1 learns slowly, and reading all words takes a second


class Reader(Protocol):
    """What reads chunks: TieredInput."""

    @property
    def frozen(self) -> bool:
        """Whether no weight of E1 or the projector learns."""
        ...

    @property
    def spelling_context(self) -> SpellingContext | None:
        """What says by the text which word a misspelling means."""
        ...

    @property
    def learned_words(self) -> LearnedWords | None:
        """Words learned after training."""
        ...

    def read_spellings(self, rows: Tensor) -> Tensor:
        """Return how chunks (chunks, chars) read where they are compared with the words, (chunks, width)."""
        ...

    def spelt_as(self, pooled: Tensor) -> Tensor:
        """Return the same of chunks whose characters are pooled, (chunks, d_char) to (chunks, width)."""
        ...


class _Constants(NamedTuple):
    """What a graph holds.

    Attributes:
        keys: (words, width), how the words that may be meant read, of length 1.
        taught: (words, width), how those read that the model was taught; None without any.
        expected: (words,), what speaks for each before a chunk is read.
        vectors: (words, d_sem), theirs.
        known: (all words,) int64, the hashes of the list, in order.
    """

    keys: Tensor
    taught: Tensor | None
    expected: Tensor
    vectors: Tensor
    known: Tensor


class _Compared(NamedTuple):
    """How chunks compare with the words of the list.

    Attributes:
        scores: (chunks, candidates), what speaks for the words that may be meant, the likeliest first.
        words: (chunks, candidates) int64, their places.
        cosine: (chunks, 1), how near the nearest word is.
        taught: (chunks, 1), how near the nearest is of those that the model was taught.
    """

    scores: Tensor
    words: Tensor
    cosine: Tensor
    taught: Tensor


class Spellings:
    """Pull chunks that are in no list to what the words mean that they may be misspellings of.

    A memory has a prototype for each of its words, learned from misspellings; of any other word, and beside it, E1's
    own reading of the right spelling is one that nobody had to train. A chunk that is no word of the list is compared
    with the readings of its first words, by cosine; of the vector it has, ``share`` is then taken by the vectors of
    the nearest words, each as far as a softmax gives it, if one of them is near. Known words keep their vectors.

    So much follows from the chunk alone. Where the model has a SpellingContext, :meth:`in_context` then weighs more of
    the nearest words by the text.

    Readings are E1's, or those that the SpellingContext has learned; they follow from weights, and nothing is saved.
    They are made when they are first asked for and when weights have changed; in training, every 50th step. Threads
    share them.

    Args:
        words: the list.
        tiers: what reads chunks.
    """

    def __init__(self, words: SpellingList, tiers: Reader) -> None:
        self.words = words
        self._tiers = tiers
        self._watch = WeightWatch(cast(nn.Module, tiers))
        self._forget()
        renew_after_fork(self)

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._suspects = SuspectCache()
        self._keys: Tensor | None = None
        # How words read that the model was taught, with these and with the keys that were read by the same weights.
        self._taught: tuple[LearnedWords, Tensor, Tensor] | None = None
        self._graph: _Constants | None = None  # as long as the keys are what it was made of
        self._steps = 0
        self._watch.forget()

    def after_fork(self) -> None:
        """Start anew in a forked process, where a thread that is not in it may have been reading."""
        if self._lock.locked():
            self._forget()

    def __call__(self, vectors: Tensor, pooled: Tensor, rows: Tensor, vectors_of: Callable[[Tensor], Tensor]) -> Tensor:
        """Return chunk vectors (chunks, d_sem), those of chunks that may be misspelt pulled to what is meant.

        Args:
            vectors: (chunks, d_sem), as they are without.
            pooled: (chunks, d_char), their characters, as E1 pools them.
            rows: (chunks, chars) int64, the chunks.
            vectors_of: gives rows of words (words, chars) their vectors, (words, d_sem).
        """
        if is_traced():
            return self._traced(vectors, self._tiers.spelt_as(pooled), rows)
        numbers = rows.cpu().numpy()
        at = torch.from_numpy(self.words.doubtful(numbers)).to(rows.device)
        if not len(at):
            if self._tiers.spelling_context is not None:
                self._suspects.tell(numbers, NOBODY)
            return vectors
        keys, suspects = self._read_now(pooled)
        found = self._compared(self._tiers.spelt_as(pooled[at]), keys, self._wanted, self._taught_keys(keys))
        exact, told = not self._learns() and not torch.is_autocast_enabled(rows.device.type), NOBODY
        if self._tiers.spelling_context is not None and exact:
            told = self._told(found, at)
            suspects.tell(numbers, told)
        weights, pull = self._pull(found)
        nearest = found.words[:, : weights.shape[1]]
        some = pull[:, 0] > 0  # for others no word need be read
        at, weights, pull, nearest = at[some], weights[some], pull[some], nearest[some]
        if not len(at):
            return vectors
        nearest = torch.where(weights > 0, nearest, nearest[:, :1])  # words of no weight need not be read
        # With those that the text will ask about: reading a few words more is nothing beside reading twice.
        ahead = torch.from_numpy(told.words).to(rows.device)
        meant = torch.cat([nearest.flatten(), ahead.flatten()]).unique()
        with torch.no_grad():  # a misspelling learns to be read as the word, not the word as its misspelling
            words = vectors_of(torch.from_numpy(self.words.rows[meant.cpu().numpy()]).to(rows.device))
        means = words[torch.searchsorted(meant, nearest)]
        return vectors.index_copy(0, at, _pulled(vectors[at], pull, weights, means))

    def in_context(
        self, vectors: Tensor, ids: Tensor, context: SpellingContext, vectors_of: Callable[[Tensor], Tensor]
    ) -> Tensor:
        """Return the chunk vectors of texts, those of chunks that may be misspelt pulled to what is meant there.

        Args:
            vectors: (batch, chunks, d_sem), as chunks have them by themselves, zero where there is none.
            ids: (batch, chunks, chars) int64.
            context: what weighs the words.
            vectors_of: gives rows of words (words, chars) their vectors, (words, d_sem).
        """
        present = ids[:, :, 0] != PAD  # (batch, chunks)
        if is_traced():
            return self._traced_in_context(vectors, ids, context, present)
        rows = ids[present].cpu().numpy()
        keys, suspects = self._read_now(vectors)

        def read(new: NDArray[np.int64]) -> Suspects:
            at = torch.from_numpy(self.words.doubtful(new))
            parts = torch.from_numpy(new)[at].to(ids.device).split(_BLOCK)
            with torch.no_grad(), torch.autocast(ids.device.type, enabled=False):
                queries = [self._tiers.read_spellings(part) for part in parts if len(part)]
            if not queries:
                return NOBODY
            return self._told(self._compared(torch.cat(queries), keys, context.config, self._taught_keys(keys)), at)

        found = read(rows) if self._learns() else suspects.find(rows, read)
        if not len(found.at):
            return vectors
        text, place = present.nonzero()[torch.from_numpy(found.at).to(ids.device)].T
        scores, near = (torch.from_numpy(value).to(ids.device) for value in (found.scores, found.words))
        meant, which = near.unique(return_inverse=True)
        with torch.no_grad():
            words = vectors_of(torch.from_numpy(self.words.rows[meant.cpu().numpy()]).to(ids.device))
            around = neighbours(vectors, present, text, place, context.config.reach)
        pulled = context(around, vectors[text, place], scores, words[which])
        return vectors.index_put((text, place), pulled)

    def candidates(self, queries: Tensor, config: ContextConfig) -> tuple[Tensor, Tensor]:
        """Return what speaks for words that chunks may mean, by how these read (chunks, width), and the words."""
        scores, words, _ = _in_reach(self._compared(queries, self.keys(queries), config, None), config)
        return scores, words

    def forget(self) -> None:
        """Forget which chunks may be misspelt, and of which words."""
        self._suspects = SuspectCache()

    def unprepare(self) -> None:
        """Forget what a graph was to hold, which is no longer so."""
        self._graph = None

    def keys(self, like: Tensor) -> Tensor:
        """Return how the words read, of length 1, (words, width), on the device of ``like``."""
        return self._read_now(like)[0]

    def _read_now(self, like: Tensor) -> tuple[Tensor, SuspectCache]:
        """Return how the words read as E1's weights are now, and what was found out by that."""
        learning = self._learns()
        with self._lock:
            keys, self._steps = self._keys, self._steps + learning
            stale = keys is None or keys.device != like.device
            if stale or (self._steps >= _STEPS if learning else self._watch.changed()):
                with torch.inference_mode(False):  # so that training may use them too
                    keys = self._read(like.device)
                self._watch.changed()
                self._keys, self._graph, self._steps = keys, None, 0
                self._suspects = SuspectCache()
            assert keys is not None
            return keys, self._suspects

    def prepare(self, like: Tensor, vectors_of: Callable[[Tensor], Tensor]) -> None:
        """Make what a graph has to hold, on the device of ``like``: nothing can be read while one is written down."""
        with torch.inference_mode(False), torch.no_grad():
            rows, expected, every = (
                torch.from_numpy(value).to(like.device)
                for value in (self.words.rows, self.words.expected, self.words.spelt())
            )
            vectors = torch.cat([vectors_of(part) for part in rows.split(_BLOCK)])
            keys = self.keys(like)
            known = hash_rows(every[:, 1:]).sort()[0]
            self._graph = _Constants(keys, self._taught_keys(keys), expected, vectors, known)

    @property
    def _wanted(self) -> ContextConfig | None:
        context = self._tiers.spelling_context
        return None if context is None else context.config

    def _learns(self) -> bool:
        """Say whether the next step may change how E1 reads."""
        return torch.is_grad_enabled() and not self._tiers.frozen

    @torch.no_grad()
    def _read(self, device: torch.device) -> Tensor:
        return self._read_words(torch.from_numpy(self.words.rows).to(device))

    def _read_words(self, rows: Tensor) -> Tensor:
        with torch.autocast(rows.device.type, enabled=False):
            read = [self._tiers.read_spellings(part) for part in rows.split(_BLOCK)]
        return F.normalize(torch.cat(read).float(), dim=1)

    @torch.no_grad()
    def _taught_keys(self, keys: Tensor) -> Tensor | None:
        """Return how words read that the model was taught, as ``keys`` are read, (words, width); None without any."""
        words, context, known = self._tiers.learned_words, self._tiers.spelling_context, self._taught
        if words is None or context is None:
            return None
        if context.reader is None:
            return words.keys.float()
        if known is None or known[0] is not words or known[1] is not keys:
            with torch.inference_mode(False):
                known = self._taught = words, keys, self._read_words(words.rows.to(keys.device, torch.int64))
        return known[2]

    def _compared(
        self,
        queries: Tensor,
        keys: Tensor,
        wanted: ContextConfig | None,
        taught: Tensor | None,
        expected: Tensor | None = None,
    ) -> _Compared:
        """Compare readings of chunks (chunks, width) with those of the words."""
        config = self.words.config
        count = config.candidates if wanted is None else max(config.candidates, wanted.candidates)
        if expected is None:
            expected = torch.from_numpy(self.words.expected).to(queries.device)
        parts = []
        with torch.autocast(queries.device.type, enabled=False):
            for part in [queries] if is_traced() else queries.split(_BLOCK):
                part = F.normalize(part.float(), dim=1)
                cosines = part @ keys.T  # (chunks, words)
                scores, words = (config.sharpness * (cosines - config.near) + expected).topk(
                    min(count, keys.shape[0]), dim=1
                )
                other = torch.full_like(cosines[:, :1], -1.0) if taught is None else (part @ taught.T).amax(1, True)
                parts.append(_Compared(scores, words, cosines.amax(dim=1, keepdim=True), other))
        return _Compared(*(torch.cat(values) for values in zip(*parts, strict=True)))

    def _pull(self, found: _Compared) -> tuple[Tensor, Tensor]:
        """Return the weights of the nearest words (chunks, candidates), and how far they pull (chunks, 1)."""
        config = self.words.config
        pull = torch.sigmoid(config.sharpness * (found.cosine - config.near))
        shares = F.relu(torch.softmax(found.scores[:, : config.candidates], dim=1) - config.floor)
        return shares / shares.sum(dim=1, keepdim=True), config.share * pull * (pull > LEAST)

    def _told(self, found: _Compared, at: Tensor) -> Suspects:
        """Return what is told of chunks at places (chunks,) but for those that are left to taught words."""
        context = self._tiers.spelling_context
        assert context is not None
        scores, words, near = _in_reach(found, context.config)
        told = (at.to(scores.device)[near], scores[near], words[near])
        return Suspects(*(value.detach().cpu().numpy() for value in told))

    def _traced(self, vectors: Tensor, queries: Tensor, rows: Tensor) -> Tensor:
        """Do the same without a branch or a shape that depends on values."""
        keys, taught, expected, words, known = self._constants()
        found = self._compared(queries, keys, self._wanted, taught, expected)
        weights, pull = self._pull(found)
        nearest = words[found.words[:, : weights.shape[1]]]
        return _pulled(vectors, pull * ~self._unable(rows, known)[:, None], weights, nearest)

    def _traced_in_context(self, vectors: Tensor, ids: Tensor, context: SpellingContext, present: Tensor) -> Tensor:
        keys, taught, expected, words, known = self._constants()
        rows, own = ids.flatten(0, 1), vectors.flatten(0, 1)
        found = self._compared(self._tiers.read_spellings(rows), keys, context.config, taught, expected)
        scores, places, near = _in_reach(found, context.config)
        texts, chunks = present.shape
        text, place = (torch.arange(count, device=ids.device) for count in (texts, chunks))
        text, place = text.repeat_interleave(chunks), place.repeat(texts)
        around = neighbours(vectors, present, text, place, context.config.reach)
        may = present.flatten() & near & ~self._unable(rows, known)
        pulled = torch.where(may[:, None], context(around, own, scores, words[places]), own)
        return pulled.unflatten(0, present.shape)

    def _constants(self) -> _Constants:
        if self._graph is None:
            raise ValueError(
                "A graph of this model has to hold how its E1 reads the words of its list: call "
                "model[0].prepare_graph() before it is exported, traced or compiled, and after it has learned."
            )
        return self._graph

    def _unable(self, rows: Tensor, known: Tensor) -> Tensor:
        """Return which chunks (chunks, chars) are no misspelling of a word, (chunks,); ``known`` is what is in it."""
        hashes = hash_rows(rows[:, 1:])
        in_list = known[torch.searchsorted(known, hashes).clamp_max(known.shape[0] - 1)] == hashes
        unable = torch.isin(rows[:, 0], rows.new_tensor(UNABLE)) | in_list
        if not self.words.of_bytes:
            unable = unable | ~(rows[:, 1:] >= FIRST_CODE_POINT).any(dim=1)
        return unable


def _in_reach(found: _Compared, config: ContextConfig) -> tuple[Tensor, Tensor, Tensor]:
    """Return scores and words (chunks, candidates) within the margin, and which chunks are near enough to one."""
    scores, words = found.scores[:, : config.candidates], found.words[:, : config.candidates]
    far = scores < scores[:, :1] - config.margin
    words = torch.where(far, words[:, :1], words)  # what is not meant need not be read
    return scores.masked_fill(far, NEVER), words, (found.cosine >= found.taught.clamp_min(config.least))[:, 0]


def neighbours(vectors: Tensor, present: Tensor, text: Tensor, place: Tensor, reach: int) -> Tensor:
    """Return what is around some chunks, (some, 2 · reach + 1, d_sem).

    Args:
        vectors: (batch, chunks, d_sem), zero where there is no chunk.
        present: (batch, chunks), where there is one.
        text: (some,), which texts they are of.
        place: (some,), and which of their chunks they are.
        reach: chunks on either side; behind them comes the mean of all of the text but the chunk itself.
    """
    beside = torch.tensor([k for k in range(2 * reach + 1) if k != reach], device=place.device)
    sides = F.pad(vectors, (0, 0, reach, reach))[text[:, None], place[:, None] + beside]
    others = present.sum(dim=1).sub(1).clamp_min(1)[text, None].to(vectors)
    mean = (vectors.sum(dim=1)[text] - vectors[text, place]) / others
    return torch.cat([sides, mean[:, None]], dim=1)


def _pulled(vectors: Tensor, pull: Tensor, weights: Tensor, words: Tensor) -> Tensor:
    """Return vectors (chunks, d_sem), each pulled (chunks, 1) to the mean of its words (chunks, candidates, d_sem)."""
    means, own = (weights[:, :, None] * words.float()).sum(dim=1), vectors.float()
    return (own + pull * (means - own)).to(vectors.dtype)
