"""Encode texts as a SentenceTransformer does, without torch."""

from __future__ import annotations

import copy
import inspect
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tiered_st.runtime.card import RuntimeCard
from tiered_st.runtime.chunks import ChunkVectors
from tiered_st.runtime.chunks.learned_words import LearnedWords
from tiered_st.runtime.inputs import as_texts, batches
from tiered_st.runtime.options import as_tensor, at_least_one, check_options, checked_prompts, resolve_prompt
from tiered_st.runtime.progress import progress
from tiered_st.runtime.semantic import SemanticEncoder
from tiered_st.runtime.sentence_pooling import SentencePooling, unit
from tiered_st.runtime.similarity import PRECISIONS, checked_measure, quantize_each, similarity, similarity_pairwise
from tiered_st.runtime.text_edges import exclude_text_edges
from tiered_st.runtime.weight_files import WeightFiles
from tiered_st.saved.saved_model import SavedModel
from tiered_st.text import TextReader, TextRows

logger = logging.getLogger(__name__)

_SETTINGS = ("prompts", "default_prompt_name", "truncate_dim", "similarity_fn_name", "max_seq_length")


class RuntimeEncoder:
    """Run a saved model on numpy and ONNX Runtime: text → chunks → chunk vectors → E2 → pooling.

    ``encode`` and its kin take what those of ``SentenceTransformer`` take, and return numpy arrays. Any number of
    threads may call them at once. A text's vector does not depend on what it is encoded with, in float32 and in int8.

    Attributes:
        prompts, default_prompt_name: as in sentence-transformers: what may be put before texts, and by default.
        precision: what E2 computes in, "int8" or "float32".
        saved: what the model's folder says of it.
        reader: what cuts texts into chunks.
        model_card_data: what the model is called.

    A copy, and what another process is sent, loads the same folder again, and has this one's settings and words.
    """

    def __init__(
        self,
        saved: SavedModel,
        reader: TextReader,
        chunks: ChunkVectors,
        semantic: SemanticEncoder,
        pooling: SentencePooling,
        *,
        precision: str,
        again: Callable[[], RuntimeEncoder],
    ) -> None:
        self.saved, self.reader = saved, reader
        self.chunks = chunks
        self.semantic = semantic
        self.pooling = pooling
        self.precision = precision
        self.storage = saved.content_of(saved.rows[0]).get("storage", "float32")  # of what E1 is taught
        self._again = again
        self._files = WeightFiles(saved, chunks.words)
        self._width = saved.width
        self.prompts = checked_prompts(saved)
        self.default_prompt_name = saved.default_prompt_name
        self.truncate_dim = saved.truncate_dim
        self.similarity_fn_name = saved.similarity_fn_name
        self.model_card_data = RuntimeCard(self, saved.name)

    def __setstate__(self, settings: dict[str, Any]) -> None:
        self.model_card_data.model_name = settings.pop("model_name")
        if "words" in settings:
            self.know(settings.pop("words"))
        for name, value in settings.items():
            setattr(self, name, value)

    def __repr__(self) -> str:
        return f"RuntimeEncoder({str(self.saved.folder)!r}, precision={self.precision!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        own = {name: getattr(self, name) for name in _SETTINGS}
        taught = {} if self._files.holds(self.chunks.words) else {"words": self.chunks.words}
        return self._again, (), own | taught | {"model_name": self.model_card_data.model_name}

    def know(self, words: LearnedWords | None) -> None:
        """Know these words, which it was taught, instead of those before."""
        self.chunks = self.chunks.taught(words)
        self.reader.keep_whole([] if words is None else words.rows)

    def twin(self) -> RuntimeEncoder:
        """Return a model that shares graphs and files with this one, and is set and taught apart from it."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__, prompts=dict(self.prompts), reader=copy.copy(self.reader))
        other.chunks = self.chunks.taught(self.chunks.words)  # with a cache of its own
        other.model_card_data = RuntimeCard(other, self.model_card_data.model_name)
        return other

    @property
    def max_seq_length(self) -> int:
        """Most chunks read of a text, BEGIN and FINISH included."""
        return self.reader.limit

    @max_seq_length.setter
    def max_seq_length(self, chunks: int | None) -> None:
        """Set it; None stands for all that the model can read."""
        self.reader.limit = chunks

    @property
    def truncate_dim(self) -> int | None:
        """Dimensions that are kept of a vector; None for all."""
        return self._truncate_dim

    @truncate_dim.setter
    def truncate_dim(self, dimensions: int | None) -> None:
        self._truncate_dim = None if dimensions is None else at_least_one("truncate_dim", dimensions)

    @property
    def similarity_fn_name(self) -> str:
        """Return "cosine", "dot", "euclidean" or "manhattan"."""
        return self._similarity_fn_name

    @similarity_fn_name.setter
    def similarity_fn_name(self, name: str | None) -> None:
        self._similarity_fn_name = checked_measure(name or "cosine")

    def get_embedding_dimension(self) -> int:
        """Return how many dimensions a vector has."""
        return self._width if self.truncate_dim is None else min(self._width, self.truncate_dim)

    get_sentence_embedding_dimension = get_embedding_dimension  # its name before sentence-transformers 5.4

    def encode(
        self,
        inputs: Any,
        prompt_name: str | None = None,
        prompt: str | None = None,
        batch_size: int = 32,
        show_progress_bar: bool | None = None,
        output_value: str | None = "sentence_embedding",
        precision: str = "float32",
        convert_to_numpy: bool = True,
        convert_to_tensor: bool = False,
        device: str | None = None,
        normalize_embeddings: bool = False,
        truncate_dim: int | None = None,
        pool: None = None,
        chunk_size: None = None,
        task: str | None = None,
        max_length: int | None = None,
    ) -> Any:
        """Return the vectors of texts.

        Args:
            inputs: a text, or any number of them; each may be a pair of texts, with ``segments`` of more.
            prompt_name: the key in ``prompts`` of what is put before each text.
            prompt: what is put before each text, instead.
            batch_size: most texts that E2 reads at once.
            show_progress_bar: whether to show one; by default where this library logs what it does.
            output_value: "sentence_embedding", or "token_embeddings", the states of each text's chunks.
            precision: of the vectors: "float32", or "int8", "uint8", "binary", "ubinary", by the ranges of all.
            convert_to_numpy: return one array, rather than a list with an array for each text.
            convert_to_tensor: return a tensor of torch, where torch is installed.
            device: "cpu", where ONNX Runtime runs; ``load(providers=…)`` chooses another.
            normalize_embeddings: whether vectors get length 1, of a model that does not end so.
            truncate_dim: dimensions to keep, at least 1, instead of ``self.truncate_dim``.
            pool: none: processes may load a model each, and threads share one.
            chunk_size: none, as it is of ``pool``.
            task: "query" or "document"; of no matter here.
            max_length: chunks read of a text, instead of ``max_seq_length``.

        Returns:
            (texts, dimension), float32 by default; of one text (dimension,), of none (0, dimension); of
            "token_embeddings", which nothing truncates or normalizes, a list of arrays (chunks, d_sem).

        Raises:
            ValueError: if an input is no text, or an option has no such value or is not for this encoder.
        """
        precision = precision or "float32"
        check_options(batch_size, output_value, precision, convert_to_tensor, device, pool, chunk_size)
        truncate_dim = self.truncate_dim if truncate_dim is None else at_least_one("truncate_dim", truncate_dim)
        prompt = resolve_prompt(self.prompts, self.default_prompt_name, prompt, prompt_name)
        texts, alone = as_texts(inputs)
        shown = logger.getEffectiveLevel() <= logging.INFO if show_progress_bar is None else show_progress_bar
        whole = output_value == "token_embeddings"
        states: list[Any] = [None] * (len(texts) if whole else 0)
        vectors = np.empty((0 if whole else len(texts), self._width), dtype=np.float32)
        with progress(len(texts), shown=shown) as advance:
            for at, rows, chunks in batches(self.reader, self.chunks, texts, prompt, batch_size, max_length):
                found = self.semantic(chunks, rows.attention_mask.sum(axis=1), rows.token_type_ids)
                if whole:
                    for i, own in zip(at, self._token_embeddings(found, rows), strict=True):
                        states[i] = own
                else:
                    vectors[at] = self.pooling(found, rows)
                advance(len(at))
        result: Any
        if whole:
            result = quantize_each(states, precision)
        else:
            vectors = vectors[:, :truncate_dim]
            result = PRECISIONS[precision](unit(vectors) if normalize_embeddings else vectors)
        if alone:
            return as_tensor(result[0]) if convert_to_tensor else result[0]
        if convert_to_tensor:
            return [as_tensor(own) for own in result] if whole else as_tensor(result)
        return result if convert_to_numpy else list(result)

    def encode_query(
        self, inputs: Any, prompt_name: str | None = None, prompt: str | None = None, *more: Any, **options: Any
    ) -> Any:
        """Return the vectors of queries: as ``encode``, by the prompt called "query" where no other is given."""
        if prompt is None and prompt_name is None and "query" in self.prompts:
            prompt_name = "query"
        return self.encode(inputs, prompt_name, prompt, *more, **options)

    def encode_document(
        self, inputs: Any, prompt_name: str | None = None, prompt: str | None = None, *more: Any, **options: Any
    ) -> Any:
        """Return the vectors of documents: as ``encode``, by the prompt "document", "passage" or "corpus"."""
        if prompt is None and prompt_name is None:
            prompt_name = next((name for name in ("document", "passage", "corpus") if name in self.prompts), None)
        return self.encode(inputs, prompt_name, prompt, *more, **options)

    # They take what encode takes, and say so.
    encode_query.__signature__ = encode_document.__signature__ = inspect.signature(encode)  # type: ignore[attr-defined]

    def similarity(self, embeddings1: ArrayLike, embeddings2: ArrayLike) -> NDArray[np.float32]:
        """Return how alike each of some vectors is to each of others: (n, dim) and (m, dim) to (n, m)."""
        return similarity(self.similarity_fn_name, embeddings1, embeddings2)

    def similarity_pairwise(self, embeddings1: ArrayLike, embeddings2: ArrayLike) -> NDArray[np.float32]:
        """Return how alike the vectors of each pair are: (n, dim) twice to (n,)."""
        return similarity_pairwise(self.similarity_fn_name, embeddings1, embeddings2)

    def named_weights(self) -> Mapping[str, NDArray[Any]]:
        """Return the weights, by which an index knows the model (see tiered_st.fingerprint).

        Raises:
            ValueError: if their files are gone, or are others than those that were loaded.
        """
        return self._files.named_weights(self.chunks.words)

    def module_settings(self) -> list[dict[str, Any]]:
        """Return the settings that move a vector, by module, by which an index knows the model."""
        first, *others = self._files.module_settings(self.chunks.words)
        return [first | {"max_seq_length": self.max_seq_length}, *others]

    def _token_embeddings(self, states: NDArray[np.float32], rows: TextRows) -> Iterator[NDArray[np.float32]]:
        if not self.pooling.pool_marks:
            states = exclude_text_edges(states, rows)
        return (own[:count] for own, count in zip(states, rows.attention_mask.sum(axis=1).tolist(), strict=True))
