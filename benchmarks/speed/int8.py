"""MiniLM in int8 for ONNX Runtime and OpenVINO, made here from the torch weights, without optimum and the hub."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn

from benchmarks.peers.minilm import minilm
from benchmarks.peers.optional import need
from benchmarks.speed.pooled_encoder import PooledEncoder
from tiered_st.demo.docstrings import stdlib_docstrings
from tiered_st.fingerprint import weights_fingerprint
from training.teacher import encoder_of

INPUTS = ("input_ids", "attention_mask")
CALIBRATION = 300  # texts that the ranges of OpenVINO's activations are taken from; ONNX Runtime finds them as it runs
MAX_TOKENS = 512


class _States(nn.Module):
    """An encoder from two tensors to one, as an exporter wants it."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return self.body(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state


def export_onnx(model: SentenceTransformer, path: Path) -> None:
    """Write the encoder of a model as fp32 ONNX, (batch, tokens) to states, both sizes free."""
    for module in ("onnx", "onnxscript"):
        need(module, of="the export to ONNX")
    features = model.tokenizer(["a river", "the cat sits on the mat"], padding=True, return_tensors="pt")
    free = {0: torch.export.Dim("batch"), 1: torch.export.Dim("tokens")}
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    torch.onnx.export(
        _States(encoder_of(model)).eval().cpu(), tuple(features[name] for name in INPUTS), str(path),
        input_names=list(INPUTS), output_names=["states"], dynamic_shapes=(free, free), dynamo=True, verbose=False,
    )  # fmt: skip


def onnx_int8(model: SentenceTransformer | None = None) -> PooledEncoder:
    """Quantize for ONNX Runtime: weights in int8 once, activations as they come (`quantize_dynamic`)."""
    runtime = need("onnxruntime", of="minilm-onnx-int8")
    quantization = need("onnxruntime.quantization", of="minilm-onnx-int8")
    model = model or minilm()
    with TemporaryDirectory() as folder:
        whole, small = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        export_onnx(model, whole)
        quantization.quantize_dynamic(whole, small, weight_type=quantization.QuantType.QInt8)
        content = small.read_bytes()
    session: list[Any] = []

    def set_threads(count: int) -> None:
        options = runtime.SessionOptions()
        options.intra_op_num_threads = count
        session[:] = [runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])]

    set_threads(torch.get_num_threads())
    return _pooled(model, "onnx-int8", lambda inputs: session[0].run(None, inputs)[0], set_threads)


def openvino_int8(model: SentenceTransformer | None = None, texts: Sequence[str] = ()) -> PooledEncoder:
    """Quantize for OpenVINO: weights and activations in int8 once, by their ranges on ``texts`` (nncf)."""
    openvino, nncf = (need(module, of="minilm-openvino-int8") for module in ("openvino", "nncf"))
    model = model or minilm()
    texts = list(texts) or [text for _, text in islice(stdlib_docstrings(), CALIBRATION)]
    core = openvino.Core()
    with TemporaryDirectory() as folder:
        export_onnx(model, Path(folder) / "fp32.onnx")
        graph = core.read_model(Path(folder) / "fp32.onnx")
        ranges = nncf.Dataset(texts, lambda text: _arrays(model.tokenizer([text], return_tensors="np")))
        graph = nncf.quantize(graph, ranges, model_type=nncf.ModelType.TRANSFORMER, subset_size=len(texts))
    compiled: list[Any] = []

    def set_threads(count: int) -> None:
        compiled[:] = [core.compile_model(graph, "CPU", {"INFERENCE_NUM_THREADS": count})]

    set_threads(torch.get_num_threads())
    return _pooled(model, "openvino-int8", lambda inputs: compiled[0](inputs)[0], set_threads)


def _pooled(
    model: SentenceTransformer,
    form: str,
    states: Callable[[dict[str, np.ndarray]], np.ndarray],
    set_threads: Callable[[int], None],
) -> PooledEncoder:
    def run(ids: Tensor, mask: Tensor) -> Tensor:
        return torch.from_numpy(states({"input_ids": ids.numpy(), "attention_mask": mask.numpy()}))

    revision = hashlib.sha256(f"{weights_fingerprint(model)} {form}".encode()).hexdigest()[:16]
    return PooledEncoder(
        model.tokenizer, run, revision=revision, max_tokens=MAX_TOKENS, body=encoder_of(model),
        set_threads=set_threads,
    )  # fmt: skip


def _arrays(features: Any) -> dict[str, np.ndarray]:
    return {name: features[name] for name in INPUTS}
