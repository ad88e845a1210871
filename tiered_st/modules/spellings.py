"""Read a chunk that is in no list of words again, as the words of the list that it may be a misspelling of."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple, Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiered_st.forks import renew_after_fork
from tiered_st.modules.hashing import hash_rows
from tiered_st.modules.tracing import is_traced
from tiered_st.modules.weight_watch import WeightWatch
from tiered_st.text.spelling import LEAST, UNABLE, SpellingList
from tiered_st.text.tokenizer import FIRST_CODE_POINT

_BLOCK = 1_024  # words read at once, and chunks that are compared with all words at once
_STEPS = 50  # of training through which keys are kept: E1 learns slowly, and reading all words takes a second


class Reader(Protocol):
    """What reads chunks: TieredInput."""

    @property
    def frozen(self) -> bool:
        """Whether no weight of E1 or the projector learns."""
        ...

    def read_chunks(self, rows: Tensor) -> Tensor:
        """Return how E1 reads chunks (chunks, chars), (chunks, width)."""
        ...


class _Constants(NamedTuple):
    """What a graph holds.

    Attributes:
        keys: (words, width), how E1 reads the words that may be meant, of length 1.
        expected: (words,), what speaks for each before a chunk is read.
        vectors: (words, d_sem), theirs.
        known: (all words,) int64, the hashes of the list, in order.
    """

    keys: Tensor
    expected: Tensor
    vectors: Tensor
    known: Tensor


class Spellings:
    """Pull chunks that are in no list to what the words mean that they may be misspellings of.

    A memory has a prototype for each of its words, learned from misspellings; of any other word, and beside it, E1's
    own reading of the right spelling is one that nobody had to train. A chunk that is no word of the list is compared
    with E1's readings of its first words, by cosine; of the vector it has, ``share`` is then taken by the vectors of
    the nearest words, each as far as a softmax gives it, if one of them is near. Known words keep their vectors.

    Readings follow from E1's weights: nothing is saved. They are made when they are first asked for and when weights
    have changed; in training, every 50th step. Threads share them.

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
        self._keys: Tensor | None = None
        self._graph: _Constants | None = None  # as long as the keys are what it was made of
        self._steps = 0
        self._watch.forget()

    def after_fork(self) -> None:
        """Start anew in a forked process, where a thread that is not in it may have been reading."""
        if self._lock.locked():
            self._forget()

    def __call__(
        self, vectors: Tensor, queries: Tensor, rows: Tensor, vectors_of: Callable[[Tensor], Tensor]
    ) -> Tensor:
        """Return chunk vectors (chunks, d_sem), those of chunks that may be misspelt pulled to what is meant.

        Args:
            vectors: (chunks, d_sem), as they are without.
            queries: (chunks, width), how E1 reads the chunks.
            rows: (chunks, chars) int64, the chunks.
            vectors_of: gives rows of words (words, chars) their vectors, (words, d_sem).
        """
        if is_traced():
            return self._traced(vectors, queries, rows)
        at = torch.from_numpy(self.words.doubtful(rows.cpu().numpy())).to(rows.device)
        if not len(at):
            return vectors
        keys, expected = self.keys(queries), torch.from_numpy(self.words.expected).to(queries.device)
        parts = [self._nearest(part, keys, expected) for part in queries[at].split(_BLOCK)]
        weights, pull, nearest = (torch.cat(values) for values in zip(*parts, strict=True))
        some = pull[:, 0] > 0  # for others no word need be read
        at, weights, pull, nearest = at[some], weights[some], pull[some], nearest[some]
        if not len(at):
            return vectors
        nearest = torch.where(weights > 0, nearest, nearest[:, :1])  # words of no weight need not be read
        meant, which = nearest.unique(return_inverse=True)
        with torch.no_grad():  # a misspelling learns to be read as the word, not the word as its misspelling
            words = vectors_of(torch.from_numpy(self.words.rows[meant.cpu().numpy()]).to(rows.device))
        return vectors.index_copy(0, at, _pulled(vectors[at], pull, weights, words[which]))

    def keys(self, like: Tensor) -> Tensor:
        """Return how E1 reads the words, of length 1, (words, width), on the device of ``like``."""
        learning = torch.is_grad_enabled() and not self._tiers.frozen
        with self._lock:
            keys, self._steps = self._keys, self._steps + learning
            stale = keys is None or keys.device != like.device
            if stale or (self._steps >= _STEPS if learning else self._watch.changed()):
                with torch.inference_mode(False):  # so that training may use them too
                    keys = self._read(like.device)
                self._watch.changed()
                self._keys, self._graph, self._steps = keys, None, 0
            assert keys is not None
            return keys

    def prepare(self, like: Tensor, vectors_of: Callable[[Tensor], Tensor]) -> None:
        """Make what a graph has to hold, on the device of ``like``: nothing can be read while one is written down."""
        with torch.inference_mode(False), torch.no_grad():
            rows, expected, every = (
                torch.from_numpy(value).to(like.device)
                for value in (self.words.rows, self.words.expected, self.words.spelt())
            )
            vectors = torch.cat([vectors_of(part) for part in rows.split(_BLOCK)])
            self._graph = _Constants(self.keys(like), expected, vectors, hash_rows(every[:, 1:]).sort()[0])

    @torch.no_grad()
    def _read(self, device: torch.device) -> Tensor:
        rows = torch.from_numpy(self.words.rows).to(device)
        with torch.autocast(device.type, enabled=False):
            read = [self._tiers.read_chunks(part) for part in rows.split(_BLOCK)]
        return F.normalize(torch.cat(read).float(), dim=1)

    def _nearest(self, queries: Tensor, keys: Tensor, expected: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the weights of the nearest words (chunks, candidates), the pull (chunks, 1), and the words' places."""
        config = self.words.config
        with torch.autocast(queries.device.type, enabled=False):
            closeness = config.sharpness * (F.normalize(queries.float(), dim=1) @ keys.T)  # (chunks, words)
            near = closeness.amax(dim=1, keepdim=True) - config.sharpness * config.near
            best, nearest = (closeness + expected).topk(min(config.candidates, keys.shape[0]), dim=1)
            pull, shares = torch.sigmoid(near), F.relu(torch.softmax(best, dim=1) - config.floor)
            weights = shares / shares.sum(dim=1, keepdim=True)
            return weights, config.share * pull * (pull > LEAST), nearest

    def _traced(self, vectors: Tensor, queries: Tensor, rows: Tensor) -> Tensor:
        """Do the same without a branch or a shape that depends on values."""
        if self._graph is None:
            raise ValueError(
                "A graph of this model has to hold how its E1 reads the words of its list: call "
                "model[0].prepare_graph() before it is exported, traced or compiled, and after it has learned."
            )
        keys, expected, words, known = self._graph
        weights, pull, nearest = self._nearest(queries, keys, expected)
        hashes = hash_rows(rows[:, 1:])
        in_list = known[torch.searchsorted(known, hashes).clamp_max(known.shape[0] - 1)] == hashes
        unable = torch.isin(rows[:, 0], rows.new_tensor(UNABLE)) | in_list
        if not self.words.of_bytes:
            unable = unable | ~(rows[:, 1:] >= FIRST_CODE_POINT).any(dim=1)
        return _pulled(vectors, pull * ~unable[:, None], weights, words[nearest])


def _pulled(vectors: Tensor, pull: Tensor, weights: Tensor, words: Tensor) -> Tensor:
    """Return vectors (chunks, d_sem), each pulled (chunks, 1) to the mean of its words (chunks, candidates, d_sem)."""
    means, own = (weights[:, :, None] * words.float()).sum(dim=1), vectors.float()
    return (own + pull * (means - own)).to(vectors.dtype)
