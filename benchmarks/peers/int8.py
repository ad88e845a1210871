"""MiniLM in int8 for ONNX Runtime and OpenVINO, made here from the torch weights, without optimum and the hub.

Each is what its runtime runs fastest, so that a model of ours is compared with what one would deploy. For ONNX Runtime
that is its own optimizer (Attention, SkipLayerNorm, BiasGelu, EmbedLayerNorm fused; in a graph by the older exporter,
for it finds no attention in one by the newer), then `quantize_dynamic` by channel. One thread of a CPU with AVX2,
interleaved, as multiples of the newer exporter's graph quantized by tensor: 1.0 at 16 words, 1.4 at 128 words; of the
same unfused 1.0 and 1.2; with MultiHeadAttention in place of Attention 1.0 and 1.1. Cosine to torch: .992 (median) by
channel, .961 by tensor.
"""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn

from benchmarks.graph_encoder import GRAPHS, TOKENIZER, GraphEncoder, load_graph
from benchmarks.peers.minilm import minilm
from benchmarks.peers.optional import need
from tiered_st.demo.docstrings import stdlib_docstrings
from tiered_st.files import replace_folder
from tiered_st.fingerprint import weights_fingerprint
from training.teacher import encoder_of

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
CALIBRATION = 300  # texts that the ranges of OpenVINO's activations are taken from; ONNX Runtime finds them as it runs
MAX_TOKENS = 512
BUILT = Path("runs") / "int8"  # made once; from the folder that the command is given in


class _States(nn.Module):
    """An encoder from tensors to one tensor, as an exporter wants it."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor | None = None) -> Tensor:
        return self.body(input_ids=ids, attention_mask=mask, token_type_ids=types).last_hidden_state


def int8(form: str, model: SentenceTransformer | None = None, folder: Path = BUILT) -> GraphEncoder:
    """Load a model, by default MiniLM, in a form of `GRAPHS`; it is made and kept in ``folder`` where it is not yet."""
    model = minilm() if model is None else model
    weights = weights_fingerprint(model)
    place = place_of(form, weights, folder)
    if not place.is_dir():
        make = {"onnx": _write_onnx, "openvino": _write_openvino}[form]
        with replace_folder(place) as beside:
            model.tokenizer.backend_tokenizer.save(str(beside / TOKENIZER))
            make(model, beside / GRAPHS[form])
    found = load_graph(place, form, threads=torch.get_num_threads())
    found.revision = hashlib.sha256(f"{weights} {form}-int8".encode()).hexdigest()[:16]
    found.parameter_count = sum(weight.numel() for weight in model.parameters())
    return found


def place_of(form: str, weights: str, folder: Path = BUILT) -> Path:
    """Return where a form of a model is kept, ``weights`` being its fingerprint."""
    return folder / f"{form}-{weights}"


def export_onnx(model: SentenceTransformer, path: Path) -> None:
    """Write the encoder of a model as fp32 ONNX, (batch, tokens) to states, both sizes free."""
    need("onnx", of="the export to ONNX")
    body, features = encoder_of(model).eval().cpu(), _features(model, ["a river", "the cat sits on the mat"], "pt")
    before = body.config._attn_implementation
    body.set_attn_implementation("eager")  # the pattern that the optimizer looks for
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                _States(body), tuple(features.values()), str(path), input_names=list(INPUTS), output_names=["states"],
                dynamic_axes={name: {0: "batch", 1: "tokens"} for name in (*INPUTS, "states")}, opset_version=17,
                dynamo=False,
            )  # fmt: skip
    finally:
        body.set_attn_implementation(before)


def _write_onnx(model: SentenceTransformer, path: Path) -> None:
    """Fuse, then quantize: weights in int8 once, activations as they come."""
    quantization, optimizer = (
        need(f"onnxruntime.{part}", of="minilm+onnx-int8") for part in ("quantization", "transformers.optimizer")
    )
    whole, config = path.with_name("fp32.onnx"), encoder_of(model).config
    export_onnx(model, whole)
    fused = optimizer.optimize_model(
        str(whole), model_type="bert", num_heads=config.num_attention_heads, hidden_size=config.hidden_size, opt_level=1
    )
    fused.save_model_to_file(str(whole))
    quantization.quantize_dynamic(
        whole, path, weight_type=quantization.QuantType.QInt8, per_channel=True,
        extra_options={"DefaultTensorType": need("onnx", of="minilm+onnx-int8").TensorProto.FLOAT},
    )  # fmt: skip
    whole.unlink()


def _write_openvino(model: SentenceTransformer, path: Path, texts: Sequence[str] = ()) -> None:
    """Quantize weights and activations in int8 once, by their ranges on ``texts`` (nncf)."""
    openvino, nncf = (need(module, of="minilm+openvino-int8") for module in ("openvino", "nncf"))
    texts = list(texts) or [text for _, text in islice(stdlib_docstrings(), CALIBRATION)]
    graph = openvino.convert_model(
        _States(encoder_of(model).eval().cpu()), example_input=tuple(_features(model, texts[:2], "pt").values())[:2]
    )
    for given, name in zip(graph.inputs, INPUTS, strict=False):
        given.get_tensor().set_names({name})
    ranges = nncf.Dataset(
        texts, lambda text: {n: v for n, v in _features(model, [text], "np").items() if n in INPUTS[:2]}
    )
    graph = nncf.quantize(graph, ranges, model_type=nncf.ModelType.TRANSFORMER, subset_size=len(texts))
    openvino.save_model(graph, path)


def _features(model: SentenceTransformer, texts: Sequence[str], kind: str) -> dict[str, Any]:
    """Return the inputs of the encoder in the order of `INPUTS`."""
    found = model.tokenizer(
        list(texts),
        padding=True,
        truncation=True,
        max_length=MAX_TOKENS,
        return_tensors=kind,
        return_token_type_ids=True,
    )
    return {name: found[name] for name in INPUTS}
