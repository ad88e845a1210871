"""A wordpiece model whose states a graph computes, without torch: what one would deploy of a peer.

Nothing here imports torch, transformers or sentence_transformers, so that what a process pays for it can be measured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

States = Callable[[np.ndarray, np.ndarray], np.ndarray]  # (ids, mask), both (batch, tokens), to (batch, tokens, width)
GRAPHS = {"onnx": "int8.onnx", "openvino": "int8.xml"}
TOKENIZER = "tokenizer.json"


class GraphEncoder:
    """Embed texts by the mean of a graph's states: fast tokenizer, batches sorted by length, the rest in numpy.

    Args:
        tokenizer: A `tokenizers.Tokenizer`, which is told to pad and to cut.
        start: A number of threads to the graph that runs on them; each number is started once.
        threads: Threads to start with.
        max_seq_length: Longest text in tokens; the rest is cut.

    Attributes:
        revision: What results are kept under.
        parameter_count: Number of weights.
    """

    revision, parameter_count = "", 0

    def __init__(
        self, tokenizer: Any, start: Callable[[int], States], *, threads: int = 1, max_seq_length: int = 512
    ) -> None:
        self.graph_tokenizer = tokenizer
        tokenizer.enable_padding()
        self.max_seq_length = max_seq_length
        self._start, self._started = start, dict[int, States]()
        self.set_threads(threads)

    @property
    def max_seq_length(self) -> int:
        """The longest text in tokens, marks included."""
        return self._length

    @max_seq_length.setter
    def max_seq_length(self, length: int) -> None:
        self._length = length
        self.graph_tokenizer.enable_truncation(length)

    def set_threads(self, count: int) -> None:
        """Run the graph on so many threads from now on."""
        if count not in self._started:
            self._started[count] = self._start(count)
        self._states = self._started[count]

    def units(self, texts: Sequence[str]) -> list[int]:
        """Return how many tokens each text has, marks included, cut by nothing."""
        self.graph_tokenizer.no_truncation()
        try:
            return [len(self.graph_tokenizer.encode(text).ids) for text in texts]
        finally:
            self.graph_tokenizer.enable_truncation(self._length)

    def encode(self, texts: Sequence[str], *, batch_size: int = 32, **options: Any) -> np.ndarray:
        """Return (texts, width) float32 of unit length."""
        order = sorted(range(len(texts)), key=lambda row: -len(texts[row]))
        found: np.ndarray | None = None
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            read = self.graph_tokenizer.encode_batch_fast([texts[row] for row in rows])
            mask = np.array([each.attention_mask for each in read], dtype=np.int64)  # (batch, tokens)
            states = self._states(np.array([each.ids for each in read], dtype=np.int64), mask)
            # One product per text instead of a copy of all states: (batch, 1, tokens) @ (batch, tokens, width).
            sums = np.matmul(mask[:, None].astype(np.float32), states)[:, 0]
            if found is None:
                found = np.empty((len(texts), sums.shape[1]), dtype=np.float32)
            found[rows] = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
        return np.empty((0, 0), dtype=np.float32) if found is None else found


def load_graph(folder: str | Path, form: str, *, threads: int = 1) -> GraphEncoder:
    """Load what `benchmarks.peers.int8` has written: ``form`` is one of `GRAPHS`."""
    from tokenizers import Tokenizer

    place = Path(folder)
    tokenizer = Tokenizer.from_file(str(place / TOKENIZER))
    starts = {"onnx": _onnx, "openvino": _openvino}
    return GraphEncoder(tokenizer, lambda count: starts[form](place / GRAPHS[form], count), threads=threads)


def _onnx(path: Path, threads: int) -> States:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    types = {each.name: np.int32 if each.type == "tensor(int32)" else np.int64 for each in session.get_inputs()}

    def states(ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        whole = {"input_ids": ids, "attention_mask": mask}
        fed = {name: whole[name] if name in whole else np.zeros_like(ids) for name in types}
        return session.run(None, {name: fed[name].astype(kind, copy=False) for name, kind in types.items()})[0]

    return states


def _openvino(path: Path, threads: int) -> States:
    import openvino

    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    request = openvino.Core().compile_model(path, "CPU", settings).create_infer_request()
    return lambda ids, mask: request.infer({"input_ids": ids, "attention_mask": mask}, share_inputs=True)[0]
