"""Give chunks their vectors: each distinct one once, from a table, from a cache, or by E1 and the projector."""

from __future__ import annotations

from functools import partial
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from tiered_st.config import TieredConfig
from tiered_st.modules.char_encoder import CharEncoder
from tiered_st.modules.char_pooling import mean_over
from tiered_st.modules.char_span import SPANS
from tiered_st.modules.chunk_cache import ChunkCache
from tiered_st.modules.chunk_projector import ChunkProjector
from tiered_st.modules.chunk_table import ChunkTable
from tiered_st.modules.hashing import hash_rows
from tiered_st.modules.learned_words import LearnedWords
from tiered_st.modules.spelling_context import SpellingContext
from tiered_st.modules.spellings import Spellings
from tiered_st.modules.tracing import is_traced
from tiered_st.text.spelling import SpellingList
from tiered_st.text.tokenizer import PAD

_SHORT = 9  # chunks of at most this many ids (most words) are encoded apart from the longer ones,
_MANY = 64  # if there are so many of either: a second run costs more than the padding of a few


class Tiers(Protocol):
    """What a model's first module has for its source: TieredInput."""

    settings: TieredConfig
    training: bool
    encoder: str  # the form of E1, see encoder_forms
    table: ChunkTable | None
    char_encoder: CharEncoder
    chunk_projector: ChunkProjector

    @property
    def learned_words(self) -> LearnedWords | None:
        """Words learned after training."""
        ...

    @property
    def spelling_context(self) -> SpellingContext | None:
        """What says by the text which word a misspelling means."""
        ...

    @property
    def frozen(self) -> bool:
        """Whether no weight of E1 or the projector learns."""
        ...


class ChunkSource:
    """Where a model's chunk vectors come from, step by step.

    :meth:`fill` takes a batch apart into chunks, :meth:`share` finds the distinct ones, :meth:`look_up` asks the table
    for them, :meth:`recall` the cache, :meth:`encode` gives E1 and the projector the rest, which :meth:`run` runs. All
    columns are d_sem wide; with ``peek``, d_char columns of raw character features are behind them.

    Table and weights are the model's: this is no module and has no part in what is saved. A copy, in another process
    say, fills a cache of its own.

    Any number of threads may preprocess and run one model at once, with autocast or without: they share the kept
    vectors under a lock and encode outside of it. What changes a model (``train``, ``to``, ``half``, ``set_encoder``,
    ``set_table``, ``set_cache``, loading or training weights) may come between calls of any threads, but a call that
    it meets may mix old weights with new ones; no such vector is kept. On a GPU, vectors are kept between calls on its
    default stream alone.

    ``torch.export`` and ``torch.jit.trace`` write forward down without sharing and cache, and so does ``torch.compile``
    after ``set_cache(0)``, in inference; with a cache it breaks the graph there.

    Args:
        tiers: the model's first module.
    """

    def __init__(self, tiers: Tiers) -> None:
        self.tiers = tiers
        self.cache: ChunkCache | None = None
        self.spellings: Spellings | None = None

    def set_cache(self, size: int) -> None:
        """Keep the vectors of up to ``size`` frequent chunks from now on; 0 keeps none."""
        owner = cast(nn.Module, self.tiers)  # which a Protocol cannot say
        self.cache = ChunkCache(size, owner) if size else None

    def set_spelling(self, words: SpellingList | None) -> None:
        """Read what is in no list again, as words of this one, from now on; None reads it as it is spelt."""
        self.spellings = None if words is None else Spellings(words, cast(Any, self.tiers))
        self.forget()

    def prepare_graph(self) -> None:
        """Make what a graph of the model has to hold, where it holds anything but weights."""
        if self.spellings is not None:
            weight = next(cast(nn.Module, self.tiers).parameters())
            self.spellings.prepare(weight, self._vectors)

    def read_anew(self) -> None:
        """Forget how the words of the list read, and all that was found out by it."""
        self.set_spelling(None if self.spellings is None else self.spellings.words)

    def unprepare_graph(self) -> None:
        """Forget what a graph was to hold."""
        if self.spellings is not None:
            self.spellings.unprepare()

    def forget(self) -> None:
        """Empty the cache, and forget which chunks may be misspelt."""
        if self.cache is not None:
            self.cache.clear()
        if self.spellings is not None:
            self.spellings.forget()

    def fill(self, ids: Tensor) -> Tensor:
        """Return the vectors of a batch, (batch, chunks, chars) to (batch, chunks, columns), zero without a chunk."""
        present = ids[:, :, 0] != PAD  # (batch, chunks)
        if self._is_one_graph():  # no shape may depend on values: nothing is shared, and padding encoded too
            vectors = self.run(ids.flatten(0, 1))  # (batch * chunks, columns)
            return self._in_context(vectors.unflatten(0, present.shape).masked_fill(~present[:, :, None], 0.0), ids)
        rows = ids[present]  # (present, chars)
        local = SPANS[self.tiers.settings.char_span].chunk_local
        vectors = self.share(rows) if local else self.run(rows, present.nonzero()[:, 0])
        out = vectors.new_zeros(*present.shape, vectors.shape[-1])
        out[present] = vectors
        return self._in_context(out, ids)

    def _in_context(self, vectors: Tensor, ids: Tensor) -> Tensor:
        """Pull chunks (batch, chunks, columns) that may be misspelt to what is meant in their text, if it is read."""
        context = self.tiers.spelling_context
        if self.spellings is None or context is None or self.tiers.encoder == "none":  # nothing reads spellings then
            return vectors
        own = self.tiers.settings.d_sem
        pulled = self.spellings.in_context(vectors[:, :, :own], ids, context, self._vectors)
        return torch.cat([pulled, vectors[:, :, own:]], dim=2) if self.tiers.settings.peek else pulled

    def share(self, rows: Tensor) -> Tensor:
        """Return the vectors of chunks (chunks, chars), equal ones encoded once: (chunks, columns)."""
        hashes, inverse = torch.unique(hash_rows(rows), return_inverse=True)
        first = torch.empty_like(hashes).scatter_(0, inverse, torch.arange(len(rows), device=rows.device))
        distinct = rows[first]
        if not torch.equal(distinct[inverse], rows):  # two chunks of one hash: give up sharing, not correctness
            return self.look_up(hashes.new_zeros(0), rows)
        return self.look_up(hashes, distinct)[inverse]

    def look_up(self, hashes: Tensor, rows: Tensor) -> Tensor:
        """Return the vectors of distinct chunks: from the table, as far as there is one and it has them."""
        if self.tiers.training and torch.is_grad_enabled():
            self._refuse_training()
        table = self.tiers.table
        if table is None:
            return self.recall(hashes, rows)
        if self.tiers.encoder == "none":
            return table(rows, None)
        return table(rows, lambda at: self.recall(hashes[at] if len(hashes) else hashes, rows[at]))

    def recall(self, hashes: Tensor, rows: Tensor) -> Tensor:
        """Return the vectors of distinct chunks: from the cache, where it may be asked and has them."""
        cache = self.cache  # read once: another thread may switch it off meanwhile
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.tiers.frozen):  # frozen, E2 may yet learn
            if torch.is_grad_enabled():  # the step that may follow can change few weights, which no watch would notice
                self.forget()
            if cache is None or not self._may_keep(hashes):
                return self.encode(rows)
            keys = hashes.tolist()
            found, known, form = cache.find(keys, rows)
            if len(found) == len(rows):
                return known
            missing = torch.ones(len(rows), dtype=torch.bool, device=rows.device)
            missing[found] = False
            others = missing.nonzero().squeeze(1)
            new = self.encode(rows[others])
            cache.store([keys[i] for i in others.tolist()], rows[others], new, form)
            if len(found) == 0:
                return new
            vectors = known.new_empty(len(rows), known.shape[1])
            vectors[found], vectors[others] = known, new
            return vectors

    def encode(self, rows: Tensor) -> Tensor:
        """Return the vectors of chunks (chunks, chars) by E1 and the projector, each on its own: (chunks, columns)."""
        if rows.is_cuda or len(rows) < 2 * _MANY:
            return self.run(rows)
        short = (rows != PAD).sum(dim=1) <= _SHORT
        if _MANY <= int(short.sum()) <= len(rows) - _MANY:
            # Most words are short: padding them to the longest would more than double E1's work.
            at = torch.cat([short.nonzero(), (~short).nonzero()]).squeeze(1)
            vectors = torch.cat([self.run(rows[short]), self.run(rows[~short])])
            return torch.empty_like(vectors).index_copy(0, at, vectors)
        return self.run(rows)

    def run(self, rows: Tensor, texts: Tensor | None = None) -> Tensor:
        """Run E1 and the projector, chunks of one text (``texts``: (chunks,) int64) in sight of one another."""
        rows = cut(rows)
        encoder = self.tiers.char_encoder
        features, mask = encoder.embed(rows)
        states = encoder.contextualize(features, mask, texts)
        correct = None if self.spellings is None else partial(self.spellings, rows=rows, vectors_of=self._vectors)
        vectors = self.tiers.chunk_projector(states, mask, rows[:, 0], correct)
        return torch.cat([vectors, mean_over(features, mask)], dim=1) if self.tiers.settings.peek else vectors

    def _vectors(self, rows: Tensor) -> Tensor:
        """Return the vectors of words of the list (words, chars), (words, d_sem), kept ones where there are any."""
        return self.share(rows)[:, : self.tiers.settings.d_sem]

    def _is_one_graph(self) -> bool:
        """Say whether a forward pass has to become one graph; torch.compile may break it where there is a cache to ask.

        Raises:
            ValueError: if it has to, but what the model is needs values to know its shapes.
        """
        if not is_traced() or (
            torch.compiler.is_dynamo_compiling() and (self.tiers.training or self.cache is not None)
        ):
            return False
        problems = {
            f"char_span={self.tiers.settings.char_span!r}": not SPANS[self.tiers.settings.char_span].chunk_local,
            f"encoder={self.tiers.encoder!r}": self.tiers.encoder != "float",
            "a table of chunk vectors": self.tiers.table is not None,
        }
        for name, there in problems.items():
            if there:
                raise ValueError(
                    f"A model with {name} cannot become one graph: its shapes depend on the text. Export one with "
                    "char_span='chunk' before it is quantised or tabulated."
                )
        return True

    def _may_keep(self, hashes: Tensor) -> bool:
        """Say whether vectors are what the next call would get too, and known by their hashes."""
        if len(hashes) == 0 or torch.is_grad_enabled() or (self.tiers.training and not self.tiers.frozen):
            return False
        if not hashes.is_cuda:
            return True
        # Of two streams of a GPU one might read what the other has not written yet.
        return torch.cuda.current_stream(hashes.device) == torch.cuda.default_stream(hashes.device)

    def _refuse_training(self) -> None:
        """Refuse to train an E1 that cannot learn; frozen, it may stand before an E2 in training.

        Raises:
            ValueError: if a weight of a tabulated or int8 E1, or one that has learned words, asks for a gradient.
        """
        tabulated, int8 = self.tiers.table is not None, self.tiers.encoder == "int8"
        if self.tiers.frozen or not (tabulated or int8 or self.tiers.learned_words is not None):
            return
        if not tabulated and not int8:
            raise ValueError(
                "This model has learned words, by how its E1 reads them, and would not know them if E1 learned to read "
                "otherwise. Train before you teach it words (tiered_st.forget_words(model) unlearns them), or freeze "
                "E1 to train E2 alone (model[0].requires_grad_(False))."
            )
        reason = "is read from a table" if tabulated else "computes in int8, which no gradient passes"
        raise ValueError(
            f"This model's E1 {reason}, so it cannot be trained. Freeze it to train E2 alone "
            "(model[0].requires_grad_(False)), or train the model it was made from."
        )

    def __getstate__(self) -> dict[str, Any]:
        words = None if self.spellings is None else self.spellings.words
        return {"tiers": self.tiers, "size": 0 if self.cache is None else self.cache.capacity, "words": words}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.tiers = state["tiers"]
        self.set_cache(state["size"])
        self.set_spelling(state["words"])


def cut(rows: Tensor) -> Tensor:
    """Cut rows of ids (chunks, chars) to the longest chunk."""
    return rows if is_traced() else rows[:, : int((rows != PAD).sum(dim=1).max()) if len(rows) else 1]
