"""Encode texts as a SentenceTransformer does, without torch."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from tqdm.auto import tqdm

from tiered_st.runtime.card import RuntimeCard
from tiered_st.runtime.chunks import ChunkVectors
from tiered_st.runtime.semantic import SemanticEncoder, of_equal_length
from tiered_st.runtime.sentence_pooling import SentencePooling, unit
from tiered_st.runtime.similarity import MEASURES, PRECISIONS, as_rows
from tiered_st.runtime.text_edges import exclude_text_edges
from tiered_st.saved_model import SavedModel
from tiered_st.text import TextReader, TextRows

logger = logging.getLogger(__name__)

_BLOCK_CHARS = 1 << 15  # characters of texts that are read at once
_OUTPUTS = ("sentence_embedding", "token_embeddings")


class RuntimeEncoder:
    """Run a saved model on numpy and ONNX Runtime: text → chunks → chunk vectors → E2 → pooling.

    ``encode`` and its kin take what those of ``SentenceTransformer`` take, and return numpy arrays. Any number of
    threads may call them at once. A text's vector does not depend on what it is encoded with, in float32 and in int8.

    Attributes:
        prompts, default_prompt_name: as in sentence-transformers: what may be put before texts, and by default.
        truncate_dim: dimensions that are kept of a vector; None for all.
        similarity_fn_name: "cosine", "dot", "euclidean" or "manhattan".
        precision: what E2 computes in, "int8" or "float32".
        saved: what the model's folder says of it.
        reader: what cuts texts into chunks.
        model_card_data: what the model is called.
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
    ) -> None:
        self.saved = saved
        self.reader = reader
        self.chunks = chunks
        self.semantic = semantic
        self.pooling = pooling
        self.precision = precision
        self._width = saved.width
        self.prompts = dict(saved.prompts)
        self.default_prompt_name = saved.default_prompt_name
        self.truncate_dim = saved.truncate_dim
        self.similarity_fn_name = saved.similarity_fn_name or "cosine"
        self.model_card_data = RuntimeCard(self, saved.name)
        self.again: Callable[[], RuntimeEncoder] | None = None  # what loads it, set by runtime.load

    def __reduce__(self) -> tuple[Any, ...]:
        # What ONNX Runtime holds cannot be written down: who unpickles or copies an encoder loads it from its folder.
        if self.again is None:
            raise TypeError(
                "A RuntimeEncoder is copied by loading it again, and this one was not made by runtime.load."
            )
        own = ("prompts", "default_prompt_name", "truncate_dim", "similarity_fn_name", "max_seq_length")
        state = {name: getattr(self, name) for name in own}
        return self.again, (), state | {"called": self.model_card_data.model_name}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.model_card_data.model_name = state.pop("called")
        for name, value in state.items():
            setattr(self, name, value)

    def __repr__(self) -> str:
        return f"RuntimeEncoder({str(self.saved.folder)!r}, precision={self.precision!r})"

    @property
    def max_seq_length(self) -> int:
        """Most chunks read of a text, BEGIN and FINISH included."""
        return self.reader.limit

    @max_seq_length.setter
    def max_seq_length(self, chunks: int | None) -> None:
        """Set it; None stands for all that the model can read."""
        self.reader.limit = chunks

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
            inputs: a text, or a sequence of texts; with ``segments``, of pairs of texts.
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
            truncate_dim: dimensions to keep, instead of ``self.truncate_dim``.
            pool: none: processes may load a model each, and threads share one.
            chunk_size: none, as it is of ``pool``.
            task: "query" or "document"; of no matter here.
            max_length: chunks read of a text, instead of ``max_seq_length``.

        Returns:
            (texts, dimension), float32 by default; of one text (dimension,); of "token_embeddings", a list of arrays
            (chunks, d_sem).

        Raises:
            ValueError: if an input is no text, or an option has no such value or is not for this encoder.
        """
        _check(batch_size, output_value, precision, device, pool, chunk_size)
        alone = isinstance(inputs, str) or (isinstance(inputs, tuple) and bool(self.reader.settings.segments))
        texts = [inputs] if alone else list(inputs)
        prompt = self._prompt(prompt, prompt_name)
        shown = logger.getEffectiveLevel() <= logging.INFO if show_progress_bar is None else show_progress_bar
        whole = output_value == "token_embeddings"
        states: list[Any] = [None] * (len(texts) if whole else 0)
        vectors = np.empty((0 if whole else len(texts), self._width), dtype=np.float32)
        with tqdm(total=len(texts), desc="Texts", disable=not shown) as bar:
            for at, rows, chunks in self._batches(texts, prompt or "", batch_size, max_length):
                found = self.semantic(chunks, rows.attention_mask.sum(axis=1), rows.token_type_ids)
                if whole:
                    for i, own in zip(at, self._token_embeddings(found, rows), strict=True):
                        states[i] = own
                else:
                    vectors[at] = self.pooling(found, rows)
                bar.update(len(at))
        if whole:
            return states[0] if alone else states
        vectors = vectors[:, : self.truncate_dim if truncate_dim is None else truncate_dim]
        if normalize_embeddings:
            vectors = unit(vectors)
        result: Any = PRECISIONS[precision](vectors) if len(texts) else vectors
        if alone:
            result = result[0]
        if convert_to_tensor:
            return _tensor(result)
        return result if convert_to_numpy or alone else list(result)

    def encode_query(
        self, inputs: Any, prompt_name: str | None = None, prompt: str | None = None, **options: Any
    ) -> Any:
        """Return the vectors of queries: as ``encode``, by the prompt called "query" where no other is given."""
        if prompt is None and prompt_name is None and "query" in self.prompts:
            prompt_name = "query"
        return self.encode(inputs, prompt_name, prompt, **options)

    def encode_document(
        self, inputs: Any, prompt_name: str | None = None, prompt: str | None = None, **options: Any
    ) -> Any:
        """Return the vectors of documents: as ``encode``, by the prompt "document", "passage" or "corpus"."""
        if prompt is None and prompt_name is None:
            prompt_name = next((name for name in ("document", "passage", "corpus") if name in self.prompts), None)
        return self.encode(inputs, prompt_name, prompt, **options)

    def similarity(self, embeddings1: ArrayLike, embeddings2: ArrayLike) -> NDArray[np.float32]:
        """Return how alike each of some vectors is to each of others: (n, dim) and (m, dim) to (n, m)."""
        return MEASURES[self.similarity_fn_name][0](as_rows(embeddings1), as_rows(embeddings2))

    def similarity_pairwise(self, embeddings1: ArrayLike, embeddings2: ArrayLike) -> NDArray[np.float32]:
        """Return how alike the vectors of each pair are: (n, dim) twice to (n,)."""
        return MEASURES[self.similarity_fn_name][1](as_rows(embeddings1), as_rows(embeddings2))

    def named_weights(self) -> Mapping[str, NDArray[Any]]:
        """Return the weights, by which an index knows the model (see tiered_st.fingerprint)."""
        return self.saved.named_weights()

    def module_settings(self) -> list[dict[str, Any]]:
        """Return the settings that move a vector, by module, by which an index knows the model."""
        first, *others = self.saved.module_settings()
        return [first | {"max_seq_length": self.max_seq_length}, *others]

    def _prompt(self, prompt: str | None, name: str | None) -> str | None:
        if prompt is not None:
            if name is not None:
                logger.warning("prompt=%r is taken, and prompt_name=%r is not: give one of them.", prompt, name)
            return prompt
        if name is None:
            return self.prompts.get(self.default_prompt_name) if self.default_prompt_name else None
        if name not in self.prompts:
            raise ValueError(f"prompt_name={name!r} is not one of this model's, {', '.join(map(repr, self.prompts))}.")
        return self.prompts[name]

    def _batches(
        self, texts: Sequence[Any], prompt: str, size: int, limit: int | None
    ) -> Iterator[tuple[list[int], TextRows, NDArray[np.float32]]]:
        """Yield places of texts of equally many chunks, their rows, and the vectors of their chunks."""
        lengths = [len(text) if isinstance(text, str) else sum(map(len, text)) for text in texts]
        order = sorted(range(len(texts)), key=lengths.__getitem__, reverse=True)
        reach = 4 * (limit or self.reader.limit)
        start = 0
        while start < len(order):
            stop, room = start, _BLOCK_CHARS
            while stop < len(order) and room > 0:
                room -= min(lengths[order[stop]], reach) + 16
                stop += 1
            block = order[start:stop]
            rows = self.reader.read([texts[i] for i in block], prompt, limit)
            vectors = self.chunks.fill(rows.input_ids)
            counts = rows.attention_mask.sum(axis=1)
            for at in of_equal_length(counts, size):
                width = int(counts[at[0]])
                yield [block[i] for i in at], rows.of(at, width), vectors[at, :width]
            start = stop

    def _token_embeddings(self, states: NDArray[np.float32], rows: TextRows) -> Iterator[NDArray[np.float32]]:
        if not self.pooling.pool_marks:
            states = exclude_text_edges(states, rows)
        return (own[:count] for own, count in zip(states, rows.attention_mask.sum(axis=1).tolist(), strict=True))


def _check(
    batch_size: int, output_value: str | None, precision: str, device: str | None, pool: object, chunk_size: object
) -> None:
    """Refuse what ``encode`` cannot do, by name."""
    if batch_size < 1:
        raise ValueError(f"batch_size={batch_size} must be at least 1.")
    if output_value not in _OUTPUTS:
        raise ValueError(f"output_value={output_value!r} is not one of {', '.join(_OUTPUTS)}, which the runtime gives.")
    if precision not in PRECISIONS:
        raise ValueError(f"precision={precision!r} is not one of {', '.join(PRECISIONS)}.")
    if device not in (None, "cpu"):
        raise ValueError(f"device={device!r}: ONNX Runtime runs where load(providers=…) says. Leave it out.")
    if pool is not None or chunk_size is not None:
        raise ValueError("pool and chunk_size are of torch's processes, and the runtime has threads. Leave them out.")


def _tensor(vectors: NDArray[Any]) -> Any:
    try:
        import torch
    except ImportError:
        raise ValueError(
            "convert_to_tensor=True makes tensors of torch, which is not installed: leave it out."
        ) from None
    return torch.from_numpy(np.ascontiguousarray(vectors))
