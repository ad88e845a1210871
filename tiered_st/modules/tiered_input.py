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
from typing_extensions import Self

from tiered_st import __version__
from tiered_st.config import TieredConfig
from tiered_st.modules.adapters import refuse_adapters
from tiered_st.modules.boundary_predictor import BoundaryPredictor
from tiered_st.modules.char_encoder import CharEncoder
from tiered_st.modules.char_pooling import mean_over
from tiered_st.modules.char_span import SPANS
from tiered_st.modules.chunk_cache import ChunkCache
from tiered_st.modules.chunk_projector import ChunkProjector
from tiered_st.modules.chunk_table import ChunkTable
from tiered_st.modules.chunk_tokenizer import ChunkTokenizer
from tiered_st.modules.encoder_forms import ENCODER_FORMS
from tiered_st.modules.hashing import hash_rows
from tiered_st.modules.stored import StoredModule
from tiered_st.modules.tracing import is_traced
from tiered_st.text import TextReader, make_chunker
from tiered_st.text.tokenizer import PAD, CharTokenizer

logger = logging.getLogger(__name__)

_GROUP = 9  # chunks of at most this many ids (most words) are encoded apart from the longer ones


class TieredInput(StoredModule, InputModule):
    """Read characters: tokenizer, chunker, CharEncoder (E1) and ChunkProjector.

    Writes ``token_embeddings`` and ``chunk_embeddings``, both (batch, chunks, d_sem). Where E1 sees no further than a
    chunk, each distinct chunk of a batch is encoded once, and in inference the vectors of frequent chunks are kept
    between calls.

    Any number of threads may preprocess and run one model at once, with autocast or without: they share the kept
    vectors under a lock and encode outside of it. What changes a model (``train``, ``to``, ``half``, ``set_encoder``,
    ``set_table``, ``set_cache``, loading or training weights) may come between calls of any threads, but a call that
    it meets may mix old weights with new ones; no such vector is kept. On a GPU, vectors are kept between calls on its
    default stream alone.

    ``torch.export`` and ``torch.jit.trace`` write forward down without sharing and cache, and so does ``torch.compile``
    after ``set_cache(0)``, in inference; with a cache it breaks the graph there.
    """

    save_in_root = True
    # What ``encode`` may be given and hands on to ``preprocess``.
    forward_kwargs = frozenset({"max_length"})  # type: ignore[assignment]
    tokenizer: ChunkTokenizer  # type: ignore[assignment]

    def __init__(
        self,
        config: TieredConfig | dict[str, Any],
        *,
        storage: str = "float32",
        encoder: str = "float",
        table: dict[str, Any] | None = None,
        max_seq_length: int | None = None,
    ) -> None:
        super().__init__(config, storage=storage)
        self.max_seq_length = max_seq_length
        self.characters = CharTokenizer(self.settings.normalization, lowercase=self.settings.lowercase)
        self.boundary_predictor = BoundaryPredictor(self.settings) if self.settings.chunker == "learned" else None
        scores = None if self.boundary_predictor is None else self.boundary_predictor.read
        self.chunker = make_chunker(self.settings, self.characters, scores)
        self.reader = TextReader(self.settings, self.characters, self.chunker)
        self.tokenizer = ChunkTokenizer(self)
        self.trains_chunker = False  # set by the loss that does; train mode comes too late for the first batch
        self.char_encoder = CharEncoder(self.settings)
        self.chunk_projector = ChunkProjector(self.settings)
        self.set_cache(self.settings.cache_size)
        self.set_encoder(encoder)
        self.table: ChunkTable | None = None
        if table is not None:
            self.set_table(ChunkTable(**table))

    # text → characters → chunks

    @property
    def max_seq_length(self) -> int:
        """Most chunks read of a text, the two marks included; saved with the model."""
        return self._max_seq_length

    @max_seq_length.setter
    def max_seq_length(self, chunks: int | None) -> None:
        """Set it; None stands for ``max_chunks``.

        Raises:
            ValueError: if it leaves no room between the marks, or is more than the model can read.
        """
        most = self.settings.max_chunks
        chunks = most if chunks is None else chunks
        if isinstance(chunks, bool) or not isinstance(chunks, int) or not 3 <= chunks <= most:
            raise ValueError(
                f"max_seq_length={chunks!r} must be a whole number from 3 to {most}, this model's max_chunks. For "
                "longer texts there is tiered_st.encode_long."
            )
        self._max_seq_length = chunks

    def preprocess(  # type: ignore[override]
        self,
        inputs: Sequence[str | Sequence[str]],
        prompt: str | None = None,
        max_length: int | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Turn texts into character ids by chunk.

        Args:
            inputs: texts; with ``segments``, also pairs or tuples of up to as many texts (see ``TextReader``).
            prompt: put before every text, of a tuple before the first.
            max_length: chunks kept per text, instead of ``max_seq_length``.

        Returns:
            ``input_ids`` (batch, chunks, chunk_chars) int64, PAD = 0, and ``attention_mask`` (batch, chunks) int64;
            with ``segments`` also ``token_type_ids`` (batch, chunks) int64, with a prompt ``prompt_length``, the number
            of positions that it takes, and with ``trains_chunker`` what the chunker learns from (see
            ``LearnedChunker.training_features``).

        Raises:
            ValueError: if an input is no text, or has more parts than ``segments``.
        """
        limit = self.max_seq_length if max_length is None else max_length
        rows = self.reader.read(inputs, prompt or "", limit, lessons=self.trains_chunker)
        features = rows.features().items()
        return {name: value if isinstance(value, int) else torch.from_numpy(value) for name, value in features}

    # chunks → chunk vectors

    def forward(self, features: dict[str, Tensor | Any], **kwargs: Any) -> dict[str, Tensor | Any]:
        """Add ``token_embeddings`` and ``chunk_embeddings`` (batch, chunks, d_sem), zero where there is no chunk.

        With ``peek`` also add ``char_features`` (batch, chunks, d_char), the mean of a chunk's raw character features.
        """
        ids = features["input_ids"]
        present = ids[:, :, 0] != PAD  # (batch, chunks)
        out = self._encode_all(ids, present) if self._is_exported() else self._encode_present(ids, present)
        if self.settings.peek:
            out, features["char_features"] = out.split([self.settings.d_sem, self.settings.d_char], dim=-1)
        features["token_embeddings"] = features["chunk_embeddings"] = out
        return features

    def _encode_present(self, ids: Tensor, present: Tensor) -> Tensor:
        """Encode the chunks that are there: (batch, chunks, chars) to (batch, chunks, columns), elsewhere zero."""
        rows = ids[present]  # (present, chars)
        if SPANS[self.settings.char_span].chunk_local:
            vectors = self._encode_shared(rows)
        else:
            vectors = self._encode_group(rows, present.nonzero()[:, 0])
        out = vectors.new_zeros(*present.shape, vectors.shape[-1])
        out[present] = vectors
        return out

    def _encode_all(self, ids: Tensor, present: Tensor) -> Tensor:
        """Do the same without a shape that depends on values, so without sharing or cache: padding is encoded too."""
        vectors = self._encode_group(ids.flatten(0, 1))  # (batch * chunks, columns)
        return vectors.unflatten(0, present.shape).masked_fill(~present[:, :, None], 0.0)

    def _is_exported(self) -> bool:
        """Say whether forward has to become one graph; torch.compile may break it where there is a cache to ask.

        Raises:
            ValueError: if it has to, but what the model is needs values to know its shapes.
        """
        if not is_traced() or (torch.compiler.is_dynamo_compiling() and (self.training or self.cache is not None)):
            return False
        problems = {
            f"char_span={self.settings.char_span!r}": not SPANS[self.settings.char_span].chunk_local,
            f"encoder={self.encoder!r}": self.encoder != "float",
            "a table of chunk vectors": self.table is not None,
        }
        for name, there in problems.items():
            if there:
                raise ValueError(
                    f"A model with {name} cannot become one graph: its shapes depend on the text. Export one with "
                    "char_span='chunk' before it is quantised or tabulated."
                )
        return True

    def _encode_shared(self, rows: Tensor) -> Tensor:
        """Encode each distinct chunk once, or never where its vector is known: (chunks, chars) to (chunks, columns)."""
        hashes, inverse = torch.unique(hash_rows(rows), return_inverse=True)
        first = torch.empty_like(hashes).scatter_(0, inverse, torch.arange(len(rows), device=rows.device))
        distinct = rows[first]
        if not torch.equal(distinct[inverse], rows):  # two chunks of one hash: give up sharing, not correctness
            hashes, distinct, inverse = hashes.new_zeros(0), rows, torch.arange(len(rows), device=rows.device)
        return self._vectors(hashes, distinct)[inverse]

    @property
    def frozen(self) -> bool:
        """Whether no weight of E1 or the projector learns, so that chunk vectors stay what they are."""
        return not any(weight.requires_grad for weight in self.parameters())

    def _may_cache(self, hashes: Tensor) -> bool:
        if len(hashes) == 0 or torch.is_grad_enabled() or (self.training and not self.frozen):
            return False
        # Of two streams of a GPU one might read what the other has not written yet.
        return not hashes.is_cuda or torch.cuda.current_stream(hashes.device) == torch.cuda.default_stream(
            hashes.device
        )

    def _encode_cached(self, cache: ChunkCache, hashes: Tensor, rows: Tensor) -> Tensor:
        keys = hashes.tolist()
        found, known, form = cache.find(keys, rows)
        if len(found) == 0:
            vectors = self.encode_chunks(rows)
            cache.store(keys, rows, vectors, form)
            return vectors
        missing = torch.ones(len(rows), dtype=torch.bool, device=rows.device)
        missing[found] = False
        vectors = known.new_empty(len(rows), known.shape[1])
        vectors[found] = known
        if missing.any():
            at = missing.nonzero().squeeze(1)
            vectors[at] = new = self.encode_chunks(rows[at])
            cache.store([keys[i] for i in at.tolist()], rows[at], new, form)
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

    def set_cache(self, size: int) -> None:
        """Keep the vectors of up to ``size`` frequent chunks between calls from now on; 0 keeps none."""
        self.settings = self.settings.replace(cache_size=size)
        self.cache = ChunkCache(size, self) if size else None

    # deployment: E1 in another form, or a table before or instead of it (see tiered_st.compression)

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
        table = self.table
        if table is None:
            return self._encode(hashes, rows)
        if self.encoder == "none":
            return table(rows, None)
        return table(rows, lambda at: self._encode(hashes[at] if len(hashes) else hashes, rows[at]))

    def _encode(self, hashes: Tensor, rows: Tensor) -> Tensor:
        cache = self.cache
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):  # frozen, E2 may yet learn
            if cache is None or not self._may_cache(hashes):
                return self.encode_chunks(rows)
            return self._encode_cached(cache, hashes, rows)

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
        if self.max_seq_length != self.settings.max_chunks:
            content["max_seq_length"] = self.max_seq_length
        return content

    def vector_settings(self) -> dict[str, Any]:
        """Return the settings that move a vector, for the model's fingerprint."""
        return super().vector_settings() | {"encoder": self.encoder, "max_seq_length": self.max_seq_length}

    @classmethod
    def load(cls, model_name_or_path: str, subfolder: str = "", **kwargs: Any) -> Self:  # type: ignore[override]
        """Load from a folder or the hub; ``processor_kwargs["model_max_length"]`` is a ``max_seq_length`` to use."""
        module = super().load(model_name_or_path, subfolder, **kwargs)
        length = (kwargs.get("processor_kwargs") or {}).get("model_max_length")
        if length is not None:
            module.max_seq_length = length
        return module

    def train(self, mode: bool = True) -> TieredInput:
        """Switch between training and inference; training empties the cache, but for that of a frozen E1."""
        if mode and self.cache is not None and not self.frozen:
            self.cache.clear()
        super().train(mode)
        return self

    def _apply(self, *args: Any, **kwargs: Any) -> TieredInput:
        module = super()._apply(*args, **kwargs)
        if self.cache is not None:
            self.cache.clear()
        return module

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        state["cache"] = None  # a copy or another process fills its own
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.set_cache(self.settings.cache_size)

    def save(self, output_path: str, *args: Any, safe_serialization: bool = True, **kwargs: Any) -> None:
        """Write ``config.json`` and ``model.safetensors`` into ``output_path`` (always safetensors).

        Of a whole model this is the first module to be saved, and ``modules.json`` is written last: an old one goes
        first, so that a save that fails or is killed leaves a folder that is refused, not half of each of two models.
        The model's own settings, which lie there already when a whole model is saved, get the requirement that makes
        sentence-transformers print the pip line where this package is not installed.
        """
        Path(output_path, "modules.json").unlink(missing_ok=True)
        refuse_adapters(self)
        super().save(output_path)
        settings = Path(output_path, "config_sentence_transformers.json")
        if settings.is_file():
            content = json.loads(settings.read_text(encoding="utf-8"))
            content["requirements"] = {"tiered-st": f">={__version__}"}
            settings.write_text(json.dumps(content, indent=2, sort_keys=True), encoding="utf-8")


def _cut(rows: Tensor) -> Tensor:
    """Cut rows of ids (chunks, chars) to the longest chunk."""
    return rows if is_traced() else rows[:, : int((rows != PAD).sum(dim=1).max()) if len(rows) else 1]
