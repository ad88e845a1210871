"""Give chunks their vectors: each distinct one once, from a cache, from a table, or by E1 and the projector."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiered_st.config import TieredConfig
from tiered_st.runtime.chunks.boundary_predictor import BoundaryPredictor
from tiered_st.runtime.chunks.chunk_cache import ChunkCache
from tiered_st.runtime.chunks.chunk_encoder import ChunkEncoder
from tiered_st.runtime.chunks.chunk_table import ChunkTable
from tiered_st.runtime.chunks.learned_words import LearnedWords
from tiered_st.runtime.chunks.spelling_context import SpellingContext, SpellingReader
from tiered_st.runtime.chunks.spellings import Spellings
from tiered_st.runtime.stored_weights import StoredWeights
from tiered_st.suspects import keys_of
from tiered_st.text import Lexicon
from tiered_st.text.spelling import ContextConfig, SpellingList
from tiered_st.text.tokenizer import PAD, CharTokenizer

_BLOCK = 2_048  # chunks of which all that E1 makes is in memory at once

_Encoder = ChunkEncoder | None
_MakeEncoder = Callable[
    [TieredConfig, StoredWeights, int | None, dict[str, Any] | None, bool, SpellingReader | None, str], _Encoder
]
ENCODER_FORMS: dict[str, _MakeEncoder] = {
    "float": ChunkEncoder,
    "int8": ChunkEncoder,  # its weights come in another form, and are computed with as if they had not
    "none": lambda *settings: None,
}


class ChunkVectors:
    """Give rows of chunk ids their vectors, without torch: what modules.chunk_source does for a module.

    Any number of threads may ask it at once.

    Args:
        settings: the model's configuration.
        weights: the tensors of the model's first ``model.safetensors``, by name, as they are stored.
        encoder: the form of E1, "float", "int8" or "none", as ``config.json`` names it.
        table: the settings of the model's table of chunk vectors, where it has one.
        learned_words: those of the words it was taught after its training, where there are any.
        lexicon: those of the list of words by which it reads dropped and stray spaces, where it has one.
        spelling: those by which what is in no list is read again, where it has any.
        spelling_context: those of what says by the text which word is meant, where it has it.
        cache_size: chunks whose vectors are kept between calls; None for what the configuration says, 0 for none.
        threads: that a product of matrices may take; None for one per core.
        precision: what E1 computes in, see runtime.load.

    Raises:
        ValueError: if the weights are not those of the configuration.
    """

    def __init__(
        self,
        settings: TieredConfig,
        weights: Mapping[str, NDArray],
        *,
        encoder: str = "float",
        table: dict[str, Any] | None = None,
        learned_words: dict[str, Any] | None = None,
        lexicon: dict[str, Any] | None = None,
        spelling: dict[str, Any] | None = None,
        spelling_context: dict[str, Any] | None = None,
        cache_size: int | None = None,
        threads: int | None = None,
        precision: str = "float32",
    ) -> None:
        if encoder not in ENCODER_FORMS:
            raise ValueError(f"encoder={encoder!r} is not one of {', '.join(ENCODER_FORMS)}.")
        if encoder == "none" and table is None:
            raise ValueError("encoder='none' leaves nothing to give chunks their vectors: there is no table either.")
        stored = StoredWeights(weights)
        self.settings, self.threads = settings, threads
        self.columns = settings.d_sem + (settings.d_char if settings.peek else 0)
        self.table = ChunkTable.of(stored, table)
        context = None
        if spelling_context is not None:
            if spelling is None:
                raise ValueError("spelling_context without spelling, whose words it would weigh.")
            own, sizes = stored.part("spelling_context"), ContextConfig(**spelling_context)
            context = SpellingContext(sizes, own, settings.d_sem, settings.d_char, threads)
        reader = None if context is None else context.reader
        self.encoder = ENCODER_FORMS[encoder](
            settings, stored, threads, learned_words, spelling is not None, reader, precision
        )  # fmt: skip
        # What says where chunks start, for make_chunker: its weights lie in the same file.
        learned = settings.chunker == "learned"
        self.boundaries = BoundaryPredictor(settings, stored.part("boundary_predictor"), threads) if learned else None
        # What reads spaces, for the reader.
        self.lexicon: Lexicon | None = None
        if lexicon is not None:
            self.lexicon = Lexicon.unpacked(stored.stored("lexicon._extra_state", (lexicon["bytes"],)))
        stored.refuse_unknown()
        words = SpellingList.of(spelling, self.lexicon, CharTokenizer.of(settings), settings.chunk_chars)
        if words is not None:
            words.config.check(settings)
        self.spellings: Spellings | None = None
        if words is not None and self.encoder is not None:
            self.spellings = Spellings(words, self.encoder.spelt, settings.d_sem, threads, context, self.words)
        size = settings.cache_size if cache_size is None else cache_size
        self.cache = ChunkCache(size, self.columns) if size else None

    @property
    def words(self) -> LearnedWords | None:
        """The words that the model was taught after its training."""
        return None if self.encoder is None else self.encoder.words

    def taught(self, words: LearnedWords | None) -> ChunkVectors:
        """Return what knows these words instead, and shares all but the cache with this one."""
        other = copy.copy(self)
        other.encoder = None if self.encoder is None else self.encoder.taught(words)
        other.spellings = None if self.spellings is None else self.spellings.taught(words)
        other.cache = None if self.cache is None else ChunkCache(self.cache.capacity, self.columns)
        return other

    def fill(self, ids: NDArray[np.integer]) -> NDArray[np.float32]:
        """Return the vectors of a batch, (batch, chunks, chars) to (batch, chunks, columns), zero without a chunk.

        Columns are d_sem wide; with ``peek``, d_char columns of raw character features are behind them.
        """
        vectors = self._fill(ids)
        if self.spellings is None or self.spellings.context is None:
            return vectors
        own = self.settings.d_sem
        pulled = self.spellings.in_context(vectors[:, :, :own], ids, self._words)
        return pulled if self.columns == own else np.concatenate([pulled, vectors[:, :, own:]], axis=2)

    def _fill(self, ids: NDArray[np.integer]) -> NDArray[np.float32]:
        """Return the vectors of a batch as they are without their text."""
        batch, chunks, chars = ids.shape
        rows = ids.reshape(-1, chars)
        present = np.flatnonzero(rows[:, 0])
        if self.encoder is not None and not self.encoder.chunk_local:
            out = np.zeros((len(rows), self.columns), dtype=np.float32)
            out[present] = self.encoder(rows[present], present // chunks)
            return out.reshape(batch, chunks, self.columns)
        if len(present) == len(rows):
            return self.share(rows).reshape(batch, chunks, self.columns)
        out = np.zeros((len(rows), self.columns), dtype=np.float32)
        out[present] = self.share(rows[present])
        return out.reshape(batch, chunks, self.columns)

    def share(self, rows: NDArray[np.integer]) -> NDArray[np.float32]:
        """Return the vectors of chunks (chunks, chars), equal ones encoded once: (chunks, columns)."""
        keys = keys_of(rows)
        if self.cache is None:
            return self._encode_distinct(rows, keys)[0]
        found = self.cache.find(keys)
        if not found.missing:
            return found.vectors
        unknown = [keys[i] for i in found.missing]
        new, first = self._encode_distinct(rows[found.missing], unknown)
        self.cache.store([unknown[i] for i in first], new[first])
        out = np.empty((len(rows), self.columns), dtype=np.float32)
        out[found.at], out[found.missing] = found.vectors, new
        return out

    def encode(self, rows: NDArray[np.integer]) -> NDArray[np.float32]:
        """Return the vectors of chunks (chunks, chars) from the table, as far as it has them, or by E1."""
        if self.table is None:
            return self._read(rows)
        at, known = self.table.find(rows)
        if len(at) == len(rows):
            return known
        others = np.delete(np.arange(len(rows)), at)
        out = np.empty((len(rows), self.columns), dtype=np.float32)
        out[at] = known
        out[others] = self.table.default(rows[others]) if self.encoder is None else self._read(rows[others])
        return out

    def _read(self, rows: NDArray[np.integer]) -> NDArray[np.float32]:
        """Return the vectors of chunks (chunks, chars) by E1, which is there."""
        if len(rows) <= _BLOCK:
            return self._read_block(rows)
        return np.concatenate([self._read_block(rows[i : i + _BLOCK]) for i in range(0, len(rows), _BLOCK)])

    def _read_block(self, rows: NDArray[np.integer]) -> NDArray[np.float32]:
        assert self.encoder is not None
        spellings = self.spellings
        misspelt = None if spellings is None else spellings.misspelt(rows)
        if spellings is None or misspelt is None:
            return self.encoder(rows)
        words = spellings.missing(misspelt.asked)
        if self.table is not None:
            at, known = self.table.find(spellings.words.rows[words])
            spellings.keep(words[at], known)
            words = np.delete(words, at)
        # What a misspelling may mean is read with it: each pass over the memory reads megabytes of slots.
        count, every = len(rows), _stacked(rows, spellings.words.rows[words])
        encoded = self.encoder.encoded(every)
        spellings.keep(words, self.encoder.finished(encoded.at(slice(count, None)), every[count:]))
        encoded = encoded.at(slice(count))
        pulled = spellings.pulled(encoded.plain, misspelt)
        return self.encoder.finished(encoded._replace(plain=pulled), rows)

    def _words(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the vectors of words of the list (words, chars), (words, d_sem)."""
        return self.encode(rows)[:, : self.settings.d_sem]

    def _encode_distinct(self, rows: NDArray[np.integer], keys: list[bytes]) -> tuple[NDArray[np.float32], list[int]]:
        """Return the vectors of chunks, each distinct one encoded once, and the places where these are met first."""
        seen: dict[bytes, int] = {}
        numbers = [seen.setdefault(key, len(seen)) for key in keys]
        if len(seen) == len(keys):
            return self.encode(rows), numbers
        first = np.unique(numbers, return_index=True)[1]
        return self.encode(rows[first])[numbers], first.tolist()


def _stacked(chunks: NDArray[np.integer], others: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return rows of chunks and others behind them, (chunks + others, chars)."""
    rows = np.full((len(chunks) + len(others), max(chunks.shape[1], others.shape[1])), PAD, dtype=np.int64)
    rows[: len(chunks), : chunks.shape[1]] = chunks
    rows[len(chunks) :, : others.shape[1]] = others
    return rows
