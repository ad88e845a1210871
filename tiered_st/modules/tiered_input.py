"""The first module of every model: text in, one vector per chunk out."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from sentence_transformers.base.modules import InputModule
from torch import Tensor

from tiered_st import __version__
from tiered_st.chunk_tokenizer import ChunkTokenizer
from tiered_st.chunking import make_chunker
from tiered_st.config import TieredConfig
from tiered_st.modules.adapters import refuse_adapters
from tiered_st.modules.boundary_predictor import BoundaryPredictor
from tiered_st.modules.char_encoder import CharEncoder, mix, powers
from tiered_st.modules.char_pooling import mean_over
from tiered_st.modules.char_span import SPANS
from tiered_st.modules.chunk_cache import ChunkCache
from tiered_st.modules.chunk_projector import ChunkProjector
from tiered_st.modules.chunk_table import ChunkTable
from tiered_st.modules.encoder_forms import ENCODER_FORMS
from tiered_st.modules.stored import StoredModule
from tiered_st.modules.text_reader import TextReader
from tiered_st.tokenizer import PAD, CharTokenizer

logger = logging.getLogger(__name__)

_GROUP = 9  # chunks of at most this many ids (most words) are encoded apart from the longer ones


class TieredInput(StoredModule, InputModule):
    """Read characters: tokenizer, chunker, CharEncoder (E1) and ChunkProjector.

    Writes ``token_embeddings`` and ``chunk_embeddings``, both (batch, chunks, d_sem). Where E1 sees no further than a
    chunk, each distinct chunk of a batch is encoded once, and in inference the vectors of frequent chunks are kept
    between calls.
    """

    save_in_root = True
    tokenizer: ChunkTokenizer  # type: ignore[assignment]

    def __init__(
        self,
        config: TieredConfig | dict[str, Any],
        *,
        storage: str = "float32",
        encoder: str = "float",
        table: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(config, storage=storage)
        self.max_seq_length = self.settings.max_chunks
        self.characters = CharTokenizer(self.settings.normalization, lowercase=self.settings.lowercase)
        self.boundary_predictor = BoundaryPredictor(self.settings) if self.settings.chunker == "learned" else None
        self.chunker = make_chunker(self.settings, self.characters, self.boundary_predictor)
        self.reader = TextReader(self.settings, self.characters, self.chunker)
        self.tokenizer = ChunkTokenizer(self)
        self.trains_chunker = False  # set by the loss that does; train mode comes too late for the first batch
        self.char_encoder = CharEncoder(self.settings)
        self.chunk_projector = ChunkProjector(self.settings)
        self.cache = ChunkCache(self.settings.cache_size, self) if self.settings.cache_size else None
        self.set_encoder(encoder)
        self.table: ChunkTable | None = None
        if table is not None:
            self.set_table(ChunkTable(**table))

    # text → characters → chunks

    def preprocess(  # type: ignore[override]
        self,
        inputs: Sequence[str | Sequence[str]],
        prompt: str | None = None,
        max_length: int | None = None,
        **kwargs: Any,
    ) -> dict[str, Tensor]:
        """Turn texts into character ids by chunk.

        Args:
            inputs: texts; with ``segments``, also pairs or tuples of up to as many texts (see ``TextReader``).
            prompt: put before every text, of a tuple before the first.
            max_length: chunks kept per text, instead of ``max_seq_length``.

        Returns:
            ``input_ids`` (batch, chunks, chunk_chars) int64, PAD = 0, and ``attention_mask`` (batch, chunks) int64;
            with ``segments`` also ``token_type_ids`` (batch, chunks) int64, and with ``trains_chunker`` what the
            chunker learns from (see ``LearnedChunker.training_features``).

        Raises:
            ValueError: if an input is no text, or has more parts than ``segments``.
        """
        limit = max_length or self.max_seq_length or self.settings.max_chunks
        return self.reader.read(inputs, prompt or "", limit, lessons=self.trains_chunker)

    # chunks → chunk vectors

    def forward(self, features: dict[str, Tensor | Any], **kwargs: Any) -> dict[str, Tensor | Any]:
        """Add ``token_embeddings`` and ``chunk_embeddings`` (batch, chunks, d_sem), zero where there is no chunk.

        With ``peek`` also add ``char_features`` (batch, chunks, d_char), the mean of a chunk's raw character features.
        """
        ids = features["input_ids"]
        present = ids[:, :, 0] != PAD  # (batch, chunks)
        rows = ids[present]  # (present, chars)
        if SPANS[self.settings.char_span].chunk_local:
            vectors = self._encode_shared(rows)
        else:
            vectors = self._encode_group(rows, present.nonzero()[:, 0])
        out = vectors.new_zeros(*present.shape, vectors.shape[-1])
        out[present] = vectors
        if self.settings.peek:
            out, features["char_features"] = out.split([self.settings.d_sem, self.settings.d_char], dim=-1)
        features["token_embeddings"] = features["chunk_embeddings"] = out
        return features

    def _encode_shared(self, rows: Tensor) -> Tensor:
        """Encode each distinct chunk once, or never where its vector is known: (chunks, chars) to (chunks, columns)."""
        hashes, inverse = torch.unique(self._hash(rows), return_inverse=True)
        first = torch.empty_like(hashes).scatter_(0, inverse, torch.arange(len(rows), device=rows.device))
        distinct = rows[first]
        if not torch.equal(distinct[inverse], rows):  # two chunks of one hash: give up sharing, not correctness
            hashes, distinct, inverse = hashes.new_zeros(0), rows, torch.arange(len(rows), device=rows.device)
        return self._vectors(hashes, distinct)[inverse]

    @staticmethod
    def _hash(rows: Tensor) -> Tensor:
        """Return a 64-bit hash per row, (rows,) int64."""
        return mix((mix(rows + 1) * powers(rows.shape[1], rows.device)).sum(dim=1))

    @property
    def frozen(self) -> bool:
        """Whether no weight of E1 or the projector learns, so that chunk vectors stay what they are."""
        return not any(weight.requires_grad for weight in self.parameters())

    def _may_cache(self, hashes: Tensor) -> bool:
        return (
            self.cache is not None
            and len(hashes) > 0
            and not torch.is_grad_enabled()
            and (not self.training or self.frozen)
        )

    def _encode_cached(self, hashes: Tensor, rows: Tensor) -> Tensor:
        assert self.cache is not None
        keys = hashes.tolist()
        found, known = self.cache.find(keys, rows)
        if len(found) == 0:
            vectors = self.encode_chunks(rows)
            self.cache.store(keys, rows, vectors)
            return vectors
        missing = torch.ones(len(rows), dtype=torch.bool, device=rows.device)
        missing[found] = False
        vectors = known.new_empty(len(rows), known.shape[1])
        vectors[found] = known
        if missing.any():
            at = missing.nonzero().squeeze(1)
            vectors[at] = new = self.encode_chunks(rows[at])
            self.cache.store([keys[i] for i in at.tolist()], rows[at], new)
        return vectors

    def encode_chunks(self, rows: Tensor) -> Tensor:
        """Encode chunks by E1 and the projector, each on its own.

        Args:
            rows: (chunks, chars) int64: chunk type, characters, PAD.

        Returns:
            Chunk vectors (chunks, d_sem); with ``peek``, d_char columns of raw character features behind them.
        """
        lengths = (rows != PAD).sum(dim=1)
        short = lengths <= _GROUP
        if not rows.is_cuda and 0 < int(short.sum()) < len(rows):
            # Most words are short: padding them to the longest would more than double E1's work.
            at = torch.cat([short.nonzero(), (~short).nonzero()]).squeeze(1)
            vectors = torch.cat([self._encode_group(rows[short]), self._encode_group(rows[~short])])
            return torch.empty_like(vectors).index_copy(0, at, vectors)
        return self._encode_group(rows)

    def recognize(self, rows: Tensor) -> Tensor:
        """Score what chunks may stand for: (chunks, chars) int64 to (chunks, 1 + memory_slots) logits, 0 for others."""
        assert self.chunk_projector.memory is not None, "memory_slots=0"
        states, mask = self.char_encoder(_cut(rows))
        return self.chunk_projector.memory.scores(self.chunk_projector.weigh(states, mask))

    def _encode_group(self, rows: Tensor, texts: Tensor | None = None) -> Tensor:
        """Encode chunks cut to the longest, those of one text (``texts``: (chunks,) int64) in sight of one another."""
        rows = _cut(rows)
        features, mask = self.char_encoder.embed(rows)
        states = self.char_encoder.contextualize(features, mask, texts)
        vectors = self.chunk_projector(states, mask, rows[:, 0])
        return torch.cat([vectors, mean_over(features, mask)], dim=1) if self.settings.peek else vectors

    # deployment: E1 in another form, or a table before or instead of it (see tiered_st.deployment)

    def set_encoder(self, form: str) -> None:
        """Give E1 and the projector another form for good: "float", "int8" or "none" (see modules.encoder_forms)."""
        if form not in ENCODER_FORMS:
            raise ValueError(f"encoder={form!r} is not one of {', '.join(ENCODER_FORMS)}.")
        ENCODER_FORMS[form](self)
        self.encoder = form
        if self.cache is not None:
            self.cache.clear()

    def set_table(self, table: ChunkTable | None) -> None:
        """Look chunks up in ``table`` before E1 is asked; E1 freezes, since a table would not follow it."""
        self.table = table
        if table is not None:
            self.requires_grad_(False)

    def _vectors(self, hashes: Tensor, rows: Tensor) -> Tensor:
        """Return the vectors of distinct chunks (chunks, chars): from the table, the cache, or E1, in this order."""
        if self.training and torch.is_grad_enabled():
            self._refuse_training()
        if self.table is None:
            return self._encode(hashes, rows)
        if self.encoder == "none":
            return self.table(rows, None)
        return self.table(rows, lambda at: self._encode(hashes[at] if len(hashes) else hashes, rows[at]))

    def _encode(self, hashes: Tensor, rows: Tensor) -> Tensor:
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):  # frozen, E2 may yet learn
            return self._encode_cached(hashes, rows) if self._may_cache(hashes) else self.encode_chunks(rows)

    def _refuse_training(self) -> None:
        """Refuse to train an E1 that cannot learn; frozen, it may stand before an E2 in training.

        Raises:
            ValueError: if a weight of a tabulated or int8 E1 asks for a gradient.
        """
        if (self.table is None and self.encoder != "int8") or not any(p.requires_grad for p in self.parameters()):
            return
        reason = "computes in int8, which no gradient passes" if self.table is None else "is read from a table"
        raise ValueError(
            f"This model's E1 {reason}, so it cannot be trained. Freeze it to train E2 alone "
            "(model[0].requires_grad_(False)), or train the model it was made from."
        )

    # saving and loading

    def get_config_dict(self) -> dict[str, Any]:
        """Return what ``config.json`` holds."""
        content = super().get_config_dict()
        if self.encoder != "float":
            content["encoder"] = self.encoder
        if self.table is not None:
            content["table"] = self.table.settings()
        return content

    def train(self, mode: bool = True) -> TieredInput:
        """Switch between training and inference; training empties the cache, but for that of a frozen E1."""
        if mode and self.cache is not None and not self.frozen:
            self.cache.clear()
        super().train(mode)
        return self

    def _apply(self, *args: Any, **kwargs: Any) -> TieredInput:
        module = super()._apply(*args, **kwargs)
        if self.cache is not None:
            self.cache = ChunkCache(self.settings.cache_size, self)
        return module

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        state["cache"] = None  # a copy or another process fills its own
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.cache = ChunkCache(self.settings.cache_size, self) if self.settings.cache_size else None

    def save(self, output_path: str, *args: Any, safe_serialization: bool = True, **kwargs: Any) -> None:
        """Write ``config.json`` and ``model.safetensors`` into ``output_path`` (always safetensors).

        The model's own settings, which lie there already when a whole model is saved, get the requirement that makes
        sentence-transformers print the pip line where this package is not installed.
        """
        refuse_adapters(self)
        super().save(output_path)
        settings = Path(output_path, "config_sentence_transformers.json")
        if settings.is_file():
            content = json.loads(settings.read_text(encoding="utf-8"))
            content["requirements"] = {"tiered-st": f">={__version__}"}
            settings.write_text(json.dumps(content, indent=2, sort_keys=True), encoding="utf-8")


def _cut(rows: Tensor) -> Tensor:
    """Cut rows of ids (chunks, chars) to the longest chunk."""
    return rows[:, : int((rows != PAD).sum(dim=1).max()) if len(rows) else 1]
