"""Recognise words that a trained model was taught afterwards: modules.learned_words in numpy, and as a graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiered_st.config import ProjectorConfig
from tiered_st.runtime.chunks.chunk_quantization import QUANTIZATIONS
from tiered_st.runtime.graph import Graph
from tiered_st.runtime.graph.layers import LEAST_NORM, normalized
from tiered_st.runtime.stored_weights import StoredWeights
from tiered_st.teaching.pupil import NEAR, SHARPNESS, Reading
from tiered_st.text.chunk_types import NOT_WORDS
from tiered_st.text.tokenizer import FIRST_BYTE


class LearnedWords:
    """Pull what may be a misspelling of a learned word to that word's chunk vector.

    The graph is apart from E1's, which stays as it is when words come or go.

    Args:
        config: the model's configuration.
        rows: (words, chars), ids of the words.
        keys: (words, width), how E1 reads them, of length 1.
        vectors: (words, d_sem), their chunk vectors.
        sharpness: what cosines are multiplied by before the softmax.
        near: the cosine at which a word counts half.
        threads: that a product of matrices may take; None for one per core.
    """

    def __init__(
        self,
        config: ProjectorConfig,
        rows: NDArray[np.int16],
        keys: NDArray[np.float32],
        vectors: NDArray[np.float32],
        *,
        sharpness: float = SHARPNESS,
        near: float = NEAR,
        threads: int | None = None,
    ) -> None:
        self.config, self.rows, self.keys, self.vectors = config, rows, keys, vectors
        self.sharpness, self.near, self.threads = sharpness, near, threads
        self.session = self._graph().session(threads)

    @classmethod
    def stored(
        cls, config: ProjectorConfig, weights: StoredWeights, settings: dict[str, Any], threads: int | None
    ) -> LearnedWords:
        """Return those that a model was saved with, whose ``settings`` are in its ``config.json``."""
        size = settings["size"]
        return cls(
            config, weights.stored("rows", (size, config.chunk_chars)),
            weights.floats("keys", size, config.memory_width), weights.floats("vectors", size, config.d_sem),
            sharpness=settings["sharpness"], near=settings["near"], threads=threads,
        )  # fmt: skip

    @classmethod
    def of(
        cls,
        config: ProjectorConfig,
        rows: NDArray[np.integer],
        reading: Reading,
        *,
        storage: str,
        threads: int | None = None,
    ) -> LearnedWords:
        """Learn chunks.

        Args:
            config: the model's configuration.
            rows: (words, chars), their ids.
            reading: what the model makes of them.
            storage: of the model that learns: what is learned is rounded to what that keeps.
            threads: see the class.
        """
        norms = np.linalg.norm(reading.queries, axis=1, keepdims=True)
        keys, round_to = reading.queries / np.maximum(norms, LEAST_NORM), _ROUNDED[storage]
        return cls(config, rows.astype(np.int16), round_to(keys), round_to(reading.vectors), threads=threads)

    def __len__(self) -> int:
        return len(self.rows)

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self.config, self.tensors(), self.sharpness, self.near, self.threads)

    def settings(self) -> dict[str, Any]:
        """Return what builds such words, but for what a model's configuration says; JSON-ready."""
        return {"size": len(self), "sharpness": self.sharpness, "near": self.near}

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return what is learned by the names that torch has for it."""
        return {"rows": self.rows, "keys": self.keys, "vectors": self.vectors}

    def at(self, places: NDArray[np.bool_]) -> LearnedWords:
        """Return the words at these places (words,)."""
        return self._with({name: value[places] for name, value in self.tensors().items()})

    def joined(self, others: LearnedWords) -> LearnedWords:
        """Return these words and others behind them."""
        theirs = others.tensors()
        return self._with({name: np.concatenate([value, theirs[name]]) for name, value in self.tensors().items()})

    def __call__(self, reading: Reading, types: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the vectors of chunks of these types (chunks,), as they leave the projector: (chunks, d_sem)."""
        feeds = {**reading._asdict(), "types": np.ascontiguousarray(types)}
        return self.session.run(None, feeds)[0]

    def _with(self, tensors: dict[str, NDArray[Any]]) -> LearnedWords:
        return _again(self.config, tensors, self.sharpness, self.near, self.threads)

    def _graph(self) -> Graph:
        graph, config = Graph(), self.config
        queries = graph.input("queries", np.float32, ("chunks", config.memory_width))
        unknown = graph.input("unknown", np.float32, ("chunks",))
        vectors = graph.input("vectors", np.float32, ("chunks", config.d_sem))
        types = graph.input("types", np.int64, ("chunks",))
        keys = graph.constant(self.sharpness * self.keys.T)
        closeness = graph.op("MatMul", normalized(graph, queries), keys)  # (chunks, words)
        summed = graph.op("ReduceLogSumExp", closeness, graph.ints(1), keepdims=1)
        is_near = graph.op("Sigmoid", graph.op("Sub", summed, graph.constant(self.sharpness * self.near)))
        word = np.ones((FIRST_BYTE, 1), dtype=np.float32)
        word[list(NOT_WORDS)] = 0.0
        is_word = graph.op("Gather", graph.constant(word), types)
        unknown = graph.op("Unsqueeze", unknown, graph.ints(1))
        pull = graph.op("Mul", graph.op("Mul", unknown, is_near), is_word)  # (chunks, 1)
        meant = graph.op("MatMul", graph.op("Softmax", closeness, axis=1), graph.constant(self.vectors))
        out = graph.op("Add", vectors, graph.op("Mul", pull, graph.op("Sub", meant, vectors)))
        out = QUANTIZATIONS[config.chunk_quantization](graph, out)
        graph.output(out, "pulled", np.float32, ("chunks", config.d_sem))
        return graph


def _again(
    config: ProjectorConfig, tensors: dict[str, NDArray[Any]], sharpness: float, near: float, threads: int | None
) -> LearnedWords:
    return LearnedWords(config, **tensors, sharpness=sharpness, near=near, threads=threads)


def _as_int8(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Round to 8-bit integers with a scale per row, as modules.weights stores them."""
    scale = np.maximum(np.abs(values).max(axis=1, keepdims=True), np.float32(1e-12)) / np.float32(127)
    return np.clip(np.rint(values / scale), -127, 127) * scale


_ROUNDED: dict[str, Callable[[NDArray[np.float32]], NDArray[np.float32]]] = {
    "float32": np.copy,
    "float16": lambda values: values.astype(np.float16).astype(np.float32),
    "int8": _as_int8,
}
