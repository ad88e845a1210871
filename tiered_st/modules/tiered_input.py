"""The first module of every model: text in, one vector per chunk out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from sentence_transformers.base.modules import InputModule
from torch import Tensor
from typing_extensions import Self

from tiered_st import __version__
from tiered_st.config import TieredConfig
from tiered_st.modules.adapters import refuse_adapters
from tiered_st.modules.boundary_predictor import BoundaryPredictor
from tiered_st.modules.char_encoder import CharEncoder
from tiered_st.modules.chunk_cache import ChunkCache
from tiered_st.modules.chunk_projector import ChunkProjector
from tiered_st.modules.chunk_source import ChunkSource, cut
from tiered_st.modules.chunk_table import ChunkTable
from tiered_st.modules.chunk_tokenizer import ChunkTokenizer
from tiered_st.modules.encoder_forms import ENCODER_FORMS
from tiered_st.modules.engine import Engine, EngineOptions
from tiered_st.modules.kept_lexicon import KeptLexicon
from tiered_st.modules.learned_words import LearnedWords
from tiered_st.modules.spelling_context import SpellingContext
from tiered_st.modules.stored import StoredModule
from tiered_st.text import Chunker, Lexicon, TextReader, make_chunker
from tiered_st.text.spelling import WITHOUT_LEXICON, ContextConfig, SpellingConfig, SpellingList
from tiered_st.text.tokenizer import CharTokenizer


class TieredInput(StoredModule, InputModule):
    """Read characters: tokenizer, chunker, CharEncoder (E1) and ChunkProjector.

    Writes ``token_embeddings`` and ``chunk_embeddings``, both (batch, chunks, d_sem). Where E1 sees no further than a
    chunk, each distinct chunk of a batch is encoded once, and in inference the vectors of frequent chunks are kept
    between calls (see ChunkSource, which says what threads and exported graphs may expect).
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
        learned_words: dict[str, Any] | None = None,
        lexicon: dict[str, Any] | None = None,
        spelling: dict[str, Any] | None = None,
        spelling_context: dict[str, Any] | None = None,
        max_seq_length: int | None = None,
    ) -> None:
        super().__init__(config, storage=storage)
        self.characters = CharTokenizer.of(self.settings)
        self.boundary_predictor = BoundaryPredictor(self.settings) if self.settings.chunker == "learned" else None
        scores = None if self.boundary_predictor is None else self.boundary_predictor.read
        chunker = make_chunker(self.settings, self.characters, scores)
        self.reader = TextReader(self.settings, self.characters, chunker, limit=max_seq_length)
        self.tokenizer = ChunkTokenizer(self.reader)
        self.trains_chunker = False  # set by the loss that does; train mode comes too late for the first batch
        self.char_encoder = CharEncoder(self.settings)
        self.chunk_projector = ChunkProjector(self.settings)
        self.table: ChunkTable | None = None
        self.source = ChunkSource(self)
        self.source.set_cache(self.settings.cache_size)
        if learned_words is not None:
            c = self.settings
            self.set_learned_words(
                LearnedWords(**learned_words, chars=c.chunk_chars, width=c.memory_width, d_sem=c.d_sem)
            )
        self.lexicon: KeptLexicon | None = None if lexicon is None else KeptLexicon(**lexicon)
        self.spelling = None if spelling is None else SpellingConfig(**spelling)
        if self.spelling is not None:
            if lexicon is None:
                raise ValueError(WITHOUT_LEXICON)
            self.spelling.check(self.settings)
        self.spelling_context: SpellingContext | None = None
        if spelling_context is not None:
            sizes = ContextConfig(**spelling_context)
            self.set_spelling_context(SpellingContext(sizes, self.settings.d_sem, self.settings.d_char))
        self.register_load_state_dict_post_hook(_read_by_what_was_loaded)
        self.set_encoder(encoder)
        if table is not None:
            self.set_table(ChunkTable(**table))

    # text → characters → chunks

    @property
    def max_seq_length(self) -> int:
        """Most chunks read of a text, BEGIN and FINISH included; saved with the model."""
        return self.reader.limit

    @max_seq_length.setter
    def max_seq_length(self, chunks: int | None) -> None:
        """Set it; None stands for ``max_chunks``."""
        self.reader.limit = chunks

    @property
    def chunker(self) -> Chunker:
        """What cuts texts into chunks."""
        return self.reader.chunker

    def set_lexicon(self, words: Lexicon | None, spelling: SpellingConfig | None = None) -> None:
        """Read dropped and stray spaces by these words from now on; None reads spaces as they stand.

        With ``spelling``, what is in no list is read again too, as the words that it may be a misspelling of.

        Raises:
            ValueError: if the chunker is another than "words", which alone has words to cut or to join; with
                ``spelling``, if the model has no memory or no E1 that reads each word by itself.
        """
        if words is not None and self.settings.chunker != "words":
            raise ValueError(
                f"A list of words says where words were run together, but chunker={self.settings.chunker!r} does not "
                "cut by words."
            )
        if spelling is not None:
            spelling.check(self.settings)
        self.lexicon = None if words is None else KeptLexicon.of(words)
        self.spelling = None if words is None else spelling
        self.spelling_context = None  # it knows other words
        self._read_by_list()

    def set_spelling_context(self, context: SpellingContext | None) -> None:
        """Let the chunks around what is in no list say which word is meant from now on; None asks its letters alone.

        Raises:
            ValueError: if the model does not read what is in no list again, or coarsens its chunk vectors.
        """
        if context is not None:
            if (width := context.narrow.in_features) != self.settings.d_sem:
                raise ValueError(
                    f"A context of vectors of {width} dimensions: this model's have {self.settings.d_sem}."
                )
            if context.reader is not None and (width := context.reader.linear.in_features) != self.settings.d_char:
                raise ValueError(
                    f"A context that reads characters of {width} dimensions: this model's have {self.settings.d_char}."
                )
            problems = {
                "no list of words that may be meant (see set_lexicon, spelling=…)": self.spelling is None,
                f"chunk_quantization={self.settings.chunk_quantization!r}": bool(self.settings.chunk_quantization),
            }
            for problem, there in problems.items():
                if there:
                    raise ValueError(f"This model cannot read misspellings by their context, it has {problem}.")
        self.spelling_context = None if context is None else context.requires_grad_(False)
        self.source.read_anew()
        self._renew_engine()

    def _read_by_list(self) -> None:
        """Read spaces, and what is in no list, by the words that are kept, or as they stand."""
        words = None if self.lexicon is None else self.lexicon.words
        self.reader = self.reader.spaced_by(words)
        again = None
        if self.spelling is not None and words is not None:
            again = SpellingList(self.spelling, words, self.characters, self.settings.chunk_chars)
        self.source.set_spelling(again)
        self.tokenizer = ChunkTokenizer(self.reader)
        self._keep_whole()
        self._renew_engine()

    def _keep_whole(self) -> None:
        """Leave the words that the model was taught as they are written."""
        learned = self.learned_words
        self.reader.keep_whole([] if learned is None else learned.rows.cpu().numpy())

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
            kwargs: what sentence-transformers hands to any module; of no matter here.

        Returns:
            ``TextRows.features`` as tensors: ``input_ids`` (batch, chunks, chunk_chars) and ``attention_mask`` (batch,
            chunks); with ``segments`` also ``token_type_ids``, with a prompt ``prompt_length``, with
            ``trains_chunker`` what the chunker learns from.

        Raises:
            ValueError: if an input is no text, or has more parts than ``segments``.
        """
        rows = self.reader.read(inputs, prompt or "", max_length, lessons=self.trains_chunker)
        features = rows.features().items()
        return {name: value if isinstance(value, int) else torch.from_numpy(value) for name, value in features}

    # chunks → chunk vectors

    def forward(self, features: dict[str, Tensor | Any], **kwargs: Any) -> dict[str, Tensor | Any]:
        """Add ``token_embeddings`` and ``chunk_embeddings`` (batch, chunks, d_sem), zero where there is no chunk.

        With ``peek`` also add ``char_features`` (batch, chunks, d_char), the mean of a chunk's raw character features.
        """
        ids = features["input_ids"]
        out = self.source.fill(ids) if self.engine is None else self._fill(self.engine, ids)
        if self.settings.peek:
            out, features["char_features"] = out.split([self.settings.d_sem, self.settings.d_char], dim=-1)
        features["token_embeddings"] = features["chunk_embeddings"] = out
        return features

    def _fill(self, engine: Engine, ids: Tensor) -> Tensor:
        """Return the vectors of a batch as ``ChunkSource.fill`` does, by ONNX Runtime."""
        vectors = engine.ready().fill(ids.cpu().numpy())
        return torch.from_numpy(vectors).to(ids.device, engine.dtype)

    def make_engine(self, weights: dict[str, NDArray[Any]], options: EngineOptions) -> Any:
        """Return what gives chunks their vectors without torch, with a cache of its own."""
        from tiered_st.runtime.chunks import ChunkVectors

        table = None if self.table is None else self.table.settings()
        learned = None if self.learned_words is None else self.learned_words.settings()
        lexicon = None if self.lexicon is None else self.lexicon.settings()
        spelling = None if self.spelling is None else self.spelling.settings()
        context = None if self.spelling_context is None else self.spelling_context.config.settings()
        return ChunkVectors(
            self.settings, weights, encoder=self.encoder, table=table, learned_words=learned, lexicon=lexicon,
            spelling=spelling, spelling_context=context, threads=options.threads,
            precision=options.precision or "float32",
        )  # fmt: skip

    @property
    def frozen(self) -> bool:
        """Whether no weight of E1 or the projector learns, so that chunk vectors stay what they are."""
        return not any(weight.requires_grad for weight in self.parameters())

    @property
    def cache(self) -> ChunkCache | None:
        """The vectors of frequent chunks that are kept between calls."""
        return self.source.cache

    def encode_chunks(self, rows: Tensor) -> Tensor:
        """Encode chunks by E1 and the projector, each on its own.

        Args:
            rows: (chunks, chars) int64: chunk type, characters, PAD.

        Returns:
            Chunk vectors (chunks, d_sem); with ``peek``, d_char columns of raw character features behind them.
        """
        return self.source.encode(rows)

    def read_chunks(self, rows: Tensor) -> Tensor:
        """Return how E1 reads chunks, what prototypes are compared with: (chunks, chars) int64 to (chunks, width)."""
        assert self.chunk_projector.memory is not None, "memory_slots=0"
        return self.chunk_projector.memory.read(self.pool_chunks(rows))

    def read_spellings(self, rows: Tensor) -> Tensor:
        """Return how chunks (chunks, chars) read where they are compared with the words of a list, (chunks, width)."""
        return self.spelt_as(self.pool_chunks(rows))

    def spelt_as(self, pooled: Tensor) -> Tensor:
        """Return the same of chunks whose characters are pooled, (chunks, d_char) to (chunks, width)."""
        assert self.chunk_projector.memory is not None, "memory_slots=0"
        reader = None if self.spelling_context is None else self.spelling_context.reader
        return self.chunk_projector.memory.read(pooled) if reader is None else reader(pooled)

    def pool_chunks(self, rows: Tensor) -> Tensor:
        """Return the characters of chunks (chunks, chars) as E1 pools them, (chunks, d_char)."""
        states, mask = self.char_encoder(cut(rows))
        return self.chunk_projector.weigh(states, mask)

    def recognize(self, rows: Tensor) -> Tensor:
        """Score what chunks may stand for: (chunks, chars) int64 to (chunks, 1 + memory_slots) logits, 0 for others."""
        assert self.chunk_projector.memory is not None, "memory_slots=0"
        return self.chunk_projector.memory.prototypes(self.read_chunks(rows))

    def prepare_graph(self) -> None:
        """Make what a graph of this model has to hold beside weights: call it before the model is exported."""
        self.source.prepare_graph()

    def set_cache(self, size: int) -> None:
        """Keep the vectors of up to ``size`` frequent chunks between calls from now on; 0 keeps none."""
        self.settings = self.settings.replace(cache_size=size)
        self.source.set_cache(size)
        self._renew_engine()

    def _renew_engine(self) -> None:
        if self.engine is not None:
            self.engine.forget()

    # deployment: E1 in another form, or a table before or instead of it (see tiered_st.compression)

    def set_encoder(self, form: str) -> None:
        """Give E1 and the projector another form for good: "float", "int8" or "none" (see modules.encoder_forms)."""
        if form not in ENCODER_FORMS:
            raise ValueError(f"encoder={form!r} is not one of {', '.join(ENCODER_FORMS)}.")
        ENCODER_FORMS[form](self)
        self.encoder = form
        self.source.forget()
        self._renew_engine()

    def set_table(self, table: ChunkTable | None) -> None:
        """Look chunks up in ``table`` before E1 is asked; E1 freezes, since a table would not follow it."""
        self.table = table
        if table is not None:
            self.requires_grad_(False)
        self._renew_engine()

    @property
    def learned_words(self) -> LearnedWords | None:
        """The words that the model was taught after its training (see tiered_st.learn_words)."""
        return getattr(self.chunk_projector, "learned_words", None)  # not there where E1 was dropped

    def set_learned_words(self, words: LearnedWords | None) -> None:
        """Know these words beside the memory's from now on, instead of those that were learned before."""
        self.chunk_projector.learned_words = words
        self._keep_whole()
        self.source.unprepare_graph()
        self.source.forget()
        self._renew_engine()

    # saving and loading

    def get_config_dict(self) -> dict[str, Any]:
        """Return what ``config.json`` holds."""
        content = super().get_config_dict()
        if self.encoder != "float":
            content["encoder"] = self.encoder
        if self.table is not None:
            content["table"] = self.table.settings()
        if self.learned_words is not None:
            content["learned_words"] = self.learned_words.settings()
        if self.lexicon is not None:
            content["lexicon"] = self.lexicon.settings()
        if self.spelling is not None:
            content["spelling"] = self.spelling.settings()
        if self.spelling_context is not None:
            content["spelling_context"] = self.spelling_context.config.settings()
        if self.max_seq_length != self.settings.max_chunks:
            content["max_seq_length"] = self.max_seq_length
        return content

    def vector_settings(self) -> dict[str, Any]:
        """Return the settings that move a vector, for the model's fingerprint."""
        learned = {} if self.learned_words is None else {"learned_words": self.learned_words.settings()}
        spelling = {} if self.spelling is None else {"spelling": self.spelling.settings()}
        context = {} if self.spelling_context is None else {"spelling_context": self.spelling_context.config.settings()}
        own = {"encoder": self.encoder, "max_seq_length": self.max_seq_length}
        return super().vector_settings() | own | learned | spelling | context

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
        if mode and not self.frozen:
            self.source.forget()
        super().train(mode)
        return self

    def _apply(self, *args: Any, **kwargs: Any) -> TieredInput:
        module = super()._apply(*args, **kwargs)
        if self.cache is not None:
            self.cache.drop_stale()
        return module

    def save(self, output_path: str, *args: Any, safe_serialization: bool = True, **kwargs: Any) -> None:
        """Write ``config.json`` and ``model.safetensors`` into ``output_path`` (always safetensors).

        Of a whole model this is the first module to be saved, and ``modules.json`` is written last: an old one goes
        first, so that a save that fails or is killed leaves a folder that is refused, not half of each of two models.
        The model's own settings, which lie there already when a whole model is saved, get the requirement that makes
        sentence-transformers print the pip line where this package is not installed.
        """
        refuse_adapters(self)
        Path(output_path, "modules.json").unlink(missing_ok=True)
        super().save(output_path)
        settings = Path(output_path, "config_sentence_transformers.json")
        if settings.is_file():
            content = json.loads(settings.read_text(encoding="utf-8"))
            content["requirements"] = {"tiered-st": f">={__version__}"}
            settings.write_text(json.dumps(content, indent=2, sort_keys=True), encoding="utf-8")


def _read_by_what_was_loaded(tiers: TieredInput, keys: Any) -> None:
    """Cut texts by the list of words that was loaded, and leave the words whole that the model had been taught."""
    if tiers.lexicon is not None:
        tiers._read_by_list()
