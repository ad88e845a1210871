"""A model that ONNX Runtime runs is the same model, with everything that torch is not needed for."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import BERT_BODY, TOY, make_model
from safetensors.numpy import load_file
from sentence_transformers import SentenceTransformer
from test_variants import SETTINGS

import tiered_st
from tiered_st import runtime
from tiered_st.config import TieredConfig
from tiered_st.fingerprint import model_fingerprint
from tiered_st.modules import SemanticEncoder

TEXTS = [
    "The cat sat on the mat.", "", "a", "hel lo wolrd, don't", "漢字かな กขค 😂👍🏽 \ud83d", "x" * 90,
    "MiXeD 12 ab12 — é", "a text of more words than all of the others have, and then a few more of them",
]  # fmt: skip
CONFIGS = {
    "own": TOY,
    "bert": TOY.replace(body=BERT_BODY, pool_marks=False),
    "peek": TOY.replace(peek=True, char_span="text"),
    "pairs": TOY.replace(segments=2, pool_marks=False),
    "learned": TOY.replace(chunker="learned"),
    **{name: TOY.replace(**settings) for name, settings in SETTINGS.items()},
}
LOADERS: dict[str, Callable[..., SentenceTransformer]] = {
    "load": lambda folder, **options: tiered_st.load(folder, backend="onnx", **options),
    "SentenceTransformer": lambda folder, **options: SentenceTransformer(
        str(folder), trust_remote_code=True, backend="onnx", **({"device": "cpu"} | options)
    ),
}


def saved(folder: Path, config: TieredConfig = TOY, storage: str = "float32") -> Path:
    model = make_model(config)
    model.prompts = {"query": "query: ", "document": ""}
    tiered_st.set_storage(model, storage)
    model.save(str(folder), create_model_card=False)
    return folder


@pytest.fixture
def onnx(tmp_path: Path) -> SentenceTransformer:
    """A toy model that ONNX Runtime runs, of one's own."""
    return tiered_st.load(saved(tmp_path / "m"), backend="onnx")


def count_calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """List whose forward passes torch computes."""
    calls: list[str] = []
    monkeypatch.setattr("tiered_st.modules.chunk_source.ChunkSource.run", lambda *_: calls.append("E1"))
    monkeypatch.setattr(SemanticEncoder, "_run", lambda *_: calls.append("E2"))
    return calls


# what it gives


@pytest.mark.parametrize("name", CONFIGS)
def test_vectors_are_those_of_torch(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = saved(tmp_path, CONFIGS[name])
    texts: list[Any] = [*TEXTS, ("a pair", "of texts"), ("", "b")] if name == "pairs" else TEXTS
    plain = tiered_st.load(folder, device="cpu")
    expected = plain.encode(texts), plain.encode_query(texts), plain.encode(TEXTS, output_value="token_embeddings")
    calls = count_calls(monkeypatch)
    model = tiered_st.load(folder, backend="onnx")
    np.testing.assert_allclose(model.encode(texts), expected[0], rtol=0, atol=1e-5)
    np.testing.assert_allclose(model.encode_query(texts), expected[1], rtol=0, atol=1e-5)
    for found, states in zip(model.encode(TEXTS, output_value="token_embeddings"), expected[2], strict=True):
        torch.testing.assert_close(found, states, rtol=0, atol=1e-5)
    assert not calls


@pytest.mark.parametrize("way", LOADERS)
def test_int8_is_what_a_model_is_stored_as(way: str, tmp_path: Path) -> None:
    folder = saved(tmp_path, CONFIGS["bert"], "int8")
    own = runtime.load(folder)
    model = LOADERS[way](folder)
    assert own.precision == "int8"
    np.testing.assert_allclose(model.encode(TEXTS), own.encode(TEXTS), rtol=0, atol=1e-6)
    exact = LOADERS[way](folder, model_kwargs={"precision": "float32", "threads": 1})
    np.testing.assert_allclose(exact.encode(TEXTS), tiered_st.load(folder).encode(TEXTS), rtol=0, atol=1e-5)
    assert np.abs(exact.encode(TEXTS) - model.encode(TEXTS)).max() > 1e-4


@pytest.mark.parametrize("way", LOADERS)
def test_it_says_so(way: str, tmp_path: Path) -> None:
    model = LOADERS[way](saved(tmp_path, storage="int8"), model_kwargs={"provider": "CPUExecutionProvider"})
    assert model.backend == model.get_backend() == "onnx"
    assert "TieredInput(\n    backend='onnx'\n" in repr(model)
    assert "SemanticEncoder(\n    backend='onnx', precision='int8'\n" in repr(model)
    assert "backend" not in repr(tiered_st.load(tmp_path))
    assert tiered_st.load(tmp_path).get_backend() == "torch"


# that it is the same model


@pytest.mark.parametrize("storage", ["float32", "float16", "int8"])
def test_it_saves_what_it_was_loaded_from(storage: str, tmp_path: Path) -> None:
    folder = saved(tmp_path / "m", CONFIGS["bert"], storage)
    model = tiered_st.load(folder, backend="onnx")
    model.encode(TEXTS)
    assert model_fingerprint(model) == model_fingerprint(tiered_st.load(folder))
    model.save(str(tmp_path / "again"), create_model_card=False)
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert files == sorted(p.relative_to(tmp_path / "again") for p in (tmp_path / "again").rglob("*") if p.is_file())
    for file in files:
        old, new = folder / file, tmp_path / "again" / file
        if file.suffix == ".json":
            assert json.loads(new.read_text()) == json.loads(old.read_text())
        else:
            was, now = load_file(old), load_file(new)
            assert was.keys() == now.keys()
            assert all(was[name].tobytes() == now[name].tobytes() for name in was)
    np.testing.assert_array_equal(tiered_st.load(tmp_path / "again", backend="onnx").encode(TEXTS), model.encode(TEXTS))


def test_copies_run_in_onnx_too(onnx: SentenceTransformer, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = onnx.encode(TEXTS)
    calls = count_calls(monkeypatch)
    for copied in (copy.deepcopy(onnx), pickle.loads(pickle.dumps(onnx))):
        assert copied.get_backend() == "onnx"
        assert copied[1].engine.owner is copied[1]
        np.testing.assert_array_equal(copied.encode(TEXTS), expected)
    assert not calls


def test_threads_get_what_one_thread_gets(onnx: SentenceTransformer) -> None:
    texts = [f"{text} {i}" for i in range(8) for text in TEXTS]
    expected = onnx.encode(texts)
    copied = copy.deepcopy(onnx)  # without a graph yet
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda _: copied.encode(texts, show_progress_bar=False), range(16)):
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_documents_and_indexes_take_it(onnx: SentenceTransformer, tmp_path: Path) -> None:
    pytest.importorskip("faiss")
    plain = make_model()
    documents = [" ".join(TEXTS) * 20, "a"]
    for own, other in zip(tiered_st.encode_long(onnx, documents), tiered_st.encode_long(plain, documents), strict=True):
        np.testing.assert_allclose(own.embeddings, other.embeddings, rtol=0, atol=1e-5)
    onnx.prompts = plain.prompts
    tiered_st.FaissIndex.build(onnx, ["a cat", "a dog"]).save(tmp_path / "index")
    assert tiered_st.FaissIndex.load(tmp_path / "index", plain).search("a dog", k=1)[0].text == "a dog"


# what changes a model


def changed(model: SentenceTransformer, change: str) -> SentenceTransformer:
    if change == "weights":
        with torch.no_grad():
            model[1].body.layers[0].qkv.weight.mul_(1.5)
            model[0].char_encoder.embedding.weight.mul_(1.5)
    elif change == "int8 E1":
        tiered_st.quantize_char_encoder(model)
    elif change == "table":
        tiered_st.tabulate(model, TEXTS[:4], storage="int8")
    elif change == "no E1":
        tiered_st.tabulate(model, TEXTS, keep_encoder=False)
    elif change == "shorter":
        model.max_seq_length = 5
    elif change == "cache":
        model[0].set_cache(7)
    elif change == "state":
        model.load_state_dict(make_model(seed=1).state_dict())
    elif change == "double":
        model.double()
    elif change == "swap":
        tiered_st.swap_semantic_encoder(model, make_model(seed=2))
    return model


@pytest.mark.parametrize(
    "change", ["weights", "int8 E1", "table", "no E1", "shorter", "cache", "state", "double", "swap"]
)
def test_a_changed_model_is_run_as_it_is(
    change: str, onnx: SentenceTransformer, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = onnx.encode(TEXTS)
    expected = changed(make_model(), change).encode(TEXTS)
    changed(onnx, change)
    calls = count_calls(monkeypatch)
    np.testing.assert_allclose(onnx.encode(TEXTS), expected, rtol=0, atol=1e-5)
    assert not calls
    assert (change in ("cache", "double")) == np.allclose(before, expected, rtol=0, atol=1e-5)
    if change == "cache":
        assert onnx[0].engine.ready().cache.capacity == 7


def test_half_precision_rounds_weights_and_vectors(onnx: SentenceTransformer) -> None:
    expected = make_model().half().float().encode(TEXTS)
    for dtype, name in ((torch.float16, "float16"), (torch.bfloat16, "bfloat16")):
        model = copy.deepcopy(onnx).to(dtype)
        states = model.encode(TEXTS, convert_to_tensor=True)
        assert states.dtype == dtype, name
        np.testing.assert_allclose(states.float().numpy(), expected, rtol=0, atol=0.02)


def test_an_e2_swapped_into_torch_is_run_by_torch(onnx: SentenceTransformer) -> None:
    model = tiered_st.swap_semantic_encoder(make_model(), onnx)
    assert model[1].engine is None
    assert onnx[1].engine is not None


def test_set_storage_says_how_it_is_saved(onnx: SentenceTransformer, tmp_path: Path) -> None:
    before = onnx.encode(TEXTS)
    tiered_st.set_storage(onnx, "int8")
    np.testing.assert_array_equal(onnx.encode(TEXTS), before)
    onnx.save(str(tmp_path / "int8"), create_model_card=False)
    assert runtime.load(tmp_path / "int8").precision == "int8"


# what it refuses


def test_training_is_refused_by_name(onnx: SentenceTransformer) -> None:
    says = r"runs in ONNX Runtime \(backend='onnx'\), where nothing can learn: load it without backend to train"
    features = onnx.preprocess(TEXTS)
    onnx.train()
    with torch.no_grad():
        onnx(dict(features))
    with pytest.raises(ValueError, match=says):
        onnx(dict(features))
    onnx[0].eval()  # as of a frozen E1
    with pytest.raises(ValueError, match=says):
        onnx(dict(features))
    onnx.eval()
    assert not onnx(dict(features))["sentence_embedding"].requires_grad


def test_the_trainer_is_refused(onnx: SentenceTransformer, tmp_path: Path) -> None:
    pytest.importorskip("accelerate")
    from datasets import Dataset
    from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    pairs = Dataset.from_dict({"anchor": ["a cat", "a dog"], "positive": ["cats", "dogs"]})
    options = SentenceTransformerTrainingArguments(str(tmp_path / "run"), max_steps=1, use_cpu=True, report_to=[])
    loss = MultipleNegativesRankingLoss(onnx)
    trainer = SentenceTransformerTrainer(onnx, args=options, train_dataset=pairs, loss=loss)
    with pytest.raises(ValueError, match="load it without backend to train"):
        trainer.train()


def test_adapters_are_refused(onnx: SentenceTransformer) -> None:
    adapter = type("LoraLinear", (torch.nn.Linear,), {"__module__": "peft.tuners.lora"})  # peft is no dependency
    onnx[1].body.layers[0].qkv = adapter(32, 96)
    with pytest.raises(ValueError, match=r"is a LoraLinear of peft.*Merge the adapters first"):
        onnx.encode("a")


def test_one_graph_of_torch_is_refused(onnx: SentenceTransformer) -> None:
    features = {name: onnx.preprocess(TEXTS)[name] for name in ("input_ids", "attention_mask")}
    with torch.no_grad(), pytest.raises(ValueError, match="which torch cannot compile or export"):
        torch.jit.trace(onnx, (features,), strict=False, check_trace=False)


def test_padding_before_a_text_is_refused(onnx: SentenceTransformer) -> None:
    features = onnx.preprocess(TEXTS)
    features["attention_mask"] = features["attention_mask"].flip(1)
    with torch.no_grad(), pytest.raises(ValueError, match="attention_mask has padding before a chunk"):
        onnx(features)


@pytest.mark.parametrize("way", LOADERS)
@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"provider": "GPU"}, "provider='GPU' is not one of .*CPUExecutionProvider"),
        ({"providers": "GPU"}, "must be a list of names"),
        ({"provider": "a", "providers": ["a"]}, "say the same"),
        ({"precision": "float16"}, "precision='float16' is not one of int8, float32"),
        ({"threads": 0}, "threads=0 must be at least 1"),
        ({"file_name": "onnx/model.onnx", "export": True}, "has export, file_name, but takes precision, threads"),
        ({"dtype": torch.float16}, "model_kwargs has dtype, but takes precision.* with backend='onnx'"),
    ],
)
def test_options_are_honoured_or_refused_by_name(way: str, given: dict[str, Any], says: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=says):
        LOADERS[way](saved(tmp_path), model_kwargs=given)


def test_what_cannot_be_run_is_refused_by_name(tmp_path: Path) -> None:
    folder = saved(tmp_path, TOY.replace(body=BERT_BODY | {"hidden_act": "relu"}))
    with pytest.raises(ValueError, match=r"^hidden_act='relu' is not one of gelu"):
        tiered_st.load(folder, backend="onnx")
    with pytest.raises(ValueError, match="device='cuda': ONNX Runtime runs where providers"):
        tiered_st.load(folder, backend="onnx", device="cuda")
    with pytest.raises(ValueError, match="backend='openvino': a tiered model runs in torch and in ONNX Runtime"):
        tiered_st.load(folder, backend="openvino")
    with pytest.raises(ValueError, match="backend='tvm' is not one of torch, onnx"):
        tiered_st.load(folder, backend="tvm")
    with pytest.raises(ValueError, match="model_kwargs has threads, but takes dtype"):
        tiered_st.load(folder, model_kwargs={"threads": 1})
