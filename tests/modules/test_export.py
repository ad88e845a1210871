"""Inference as one graph: exported, traced and compiled models give the vectors of eager ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from conftest import BERT_BODY, TOY, make_model
from sentence_transformers import SentenceTransformer
from torch import Tensor

from tiered_st.compression import quantize_char_encoder, tabulate
from tiered_st.model import load

TEXTS = ["the cat sat on the mat", "a dog", " hello wrld, how are you?", "", "漢字 😂 definately"]
OTHERS = ["one more", "x", "and a text of other length"] * 5
CONFIGS = {
    "own": TOY,
    "bert": TOY.replace(body=BERT_BODY, pool_marks=False, memory_slots=5, memory_values=8),
    "others": TOY.replace(
        char_mixer="convolution", projector_pooling="max", peek=True, chunk_quantization="int8", sem_positions="learned"
    ),
}


def features_of(model: SentenceTransformer, texts: list[str]) -> dict[str, Tensor]:
    features = model.preprocess(texts)
    return {key: features[key] for key in ("input_ids", "attention_mask")}


def export(model: SentenceTransformer) -> Callable[..., Any]:
    batch = torch.export.Dim("batch", min=1, max=4096)
    chunks = torch.export.Dim("chunks", min=2, max=model[0].settings.max_chunks)
    shapes = {key: {0: batch, 1: chunks} for key in ("input_ids", "attention_mask")}
    return torch.export.export(model, (features_of(model, TEXTS),), dynamic_shapes=(shapes,)).module()


def trace(model: SentenceTransformer) -> Callable[..., Any]:
    return torch.jit.trace(model, (features_of(model, TEXTS),), strict=False, check_trace=False)


def compile_whole(model: SentenceTransformer) -> Callable[..., Any]:
    model[0].set_cache(0)
    torch._dynamo.reset()
    return torch.compile(model, fullgraph=True, dynamic=True, backend="eager")


OLD_DYNAMO = pytest.mark.skipif(
    tuple(map(int, torch.__version__.split(".")[:2])) < (2, 13), reason="torch.compile breaks the graph before 2.13"
)


def check(write: Callable[[SentenceTransformer], Callable[..., Any]], model: SentenceTransformer) -> None:
    with torch.no_grad():
        expected = [model(features_of(model, texts))["sentence_embedding"].clone() for texts in (TEXTS, OTHERS)]
        written = write(model)
        for texts, wanted in zip((TEXTS, OTHERS), expected, strict=True):
            torch.testing.assert_close(
                written(features_of(model, texts))["sentence_embedding"], wanted, atol=1e-5, rtol=0
            )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("write", [export, trace, pytest.param(compile_whole, marks=OLD_DYNAMO)])
@pytest.mark.parametrize("config", CONFIGS)
def test_one_graph_serves_batches_of_any_shape(config: str, write: Callable[..., Any]) -> None:
    check(write, make_model(CONFIGS[config]))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("write", [export, trace, pytest.param(compile_whole, marks=OLD_DYNAMO)])
def test_a_shipped_model_whose_words_are_prepared_becomes_one_graph(write: Callable[..., Any]) -> None:
    model = load("en-nano", device="cpu").eval()
    model[0].prepare_graph()
    check(write, model)


@pytest.mark.filterwarnings("ignore")
def test_a_frozen_model_whose_layers_are_the_identity_exports() -> None:
    check(export, make_model().requires_grad_(False))


def test_one_graph_neither_reads_nor_fills_the_cache(model: SentenceTransformer) -> None:
    with torch.no_grad():
        trace(model)
    assert len(model[0].cache) == 0


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("change", "name"),
    [
        (quantize_char_encoder, "encoder='int8'"),
        (lambda model: tabulate(model, TEXTS), "a table of chunk vectors"),
        (lambda model: make_model(TOY.replace(char_span="text")), "char_span='text'"),
    ],
)
def test_what_cannot_be_one_graph_is_refused(
    change: Callable[[SentenceTransformer], SentenceTransformer], name: str, model: SentenceTransformer
) -> None:
    with torch.no_grad(), pytest.raises(ValueError, match=name):
        trace(change(model))


def test_the_cache_can_be_switched_off_and_on(model: SentenceTransformer) -> None:
    expected = model.encode(TEXTS, convert_to_tensor=True)
    model[0].set_cache(0)
    assert model[0].cache is None and model[0].get_config_dict()["config"]["cache_size"] == 0
    torch.testing.assert_close(model.encode(TEXTS, convert_to_tensor=True), expected, atol=1e-6, rtol=0)
    model[0].set_cache(3)
    model.encode(TEXTS)
    assert len(model[0].cache) == 3
