"""E1 in int8: a quarter of the memory, nearly the same vectors, and the same model again after saving."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import BERT_BODY, TOY, make_model
from sentence_transformers import SentenceTransformer
from torch import nn
from torch.nn import functional as F

import tiered_st
from tiered_st.compression import quantize_char_encoder
from tiered_st.fingerprint import model_fingerprint
from tiered_st.model import set_storage
from tiered_st.modules import int8_memory
from tiered_st.modules.chunk_memory import ChunkMemory
from tiered_st.modules.int8_layers import Int8EmbeddingBag, Int8Linear, to_int8
from tiered_st.modules.int8_memory import Int8ChunkMemory

TEXTS = ["the cat sat on the mat", "Teh CAT, sat!", "", "a", "你好世界 😂", "\ud800", "don't " * 100, "x" * 500]


def make_int8(**changes: object) -> SentenceTransformer:
    return quantize_char_encoder(make_model(TOY.replace(**changes)))


def cosines(a: SentenceTransformer, b: SentenceTransformer) -> torch.Tensor:
    left, right = (model.encode(TEXTS, convert_to_tensor=True).float() for model in (a, b))
    return torch.cosine_similarity(left, right)


# the layers


def test_linear_by_hand() -> None:
    linear = nn.Linear(2, 2)
    with torch.no_grad():
        linear.weight.copy_(torch.tensor([[127.0, -64.0], [0.5, 0.5]]))
        linear.bias.copy_(torch.tensor([1.0, -1.0]))
    x = torch.tensor([[127.0, 0.0], [1.0, 1.0], [0.0, 0.0]])  # each a multiple of its own scale
    out = Int8Linear(linear)(x)
    torch.testing.assert_close(out, torch.tensor([[16130.0, 62.5], [64.0, 0.0], [1.0, -1.0]]))


@pytest.mark.parametrize("shape", [(64,), (5, 64), (2, 3, 64), (0, 64)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear_is_close_at_any_shape(shape: tuple[int, ...], bias: bool) -> None:
    torch.manual_seed(0)
    linear, x = nn.Linear(64, 32, bias=bias), torch.randn(*shape)
    out = Int8Linear(linear)(x)
    assert out.shape == (*shape[:-1], 32)
    torch.testing.assert_close(out, linear(x), atol=0.03, rtol=0)


def test_a_row_depends_on_no_other_row() -> None:
    torch.manual_seed(0)
    layer, x = Int8Linear(nn.Linear(96, 8)), torch.randn(10, 96)
    torch.testing.assert_close(layer(torch.cat([x, 100 * x]))[:10], layer(x), atol=1e-5, rtol=0)
    torch.testing.assert_close(layer(x), F.linear(x, layer.rows(slice(None), x.dtype), layer.bias))  # inputs unrounded


@pytest.mark.parametrize("chunks", [0, 1, 200])  # the last has more chunks than the memory's width
@pytest.mark.parametrize("values", [0, 8])
def test_recall_by_blocks_is_the_softmax_over_all_slots(chunks: int, values: int, monkeypatch) -> None:
    monkeypatch.setattr(int8_memory, "_SLOTS", 7)
    monkeypatch.setattr(int8_memory, "_CELLS", 7)
    torch.manual_seed(0)
    memory = Int8ChunkMemory(ChunkMemory(TOY.replace(memory_slots=40, memory_width=16, memory_values=values)))
    pooled = 30 * torch.randn(chunks, TOY.d_char)
    weights = memory.prototypes(memory.read(pooled)).softmax(dim=1)  # (chunks, 41)
    prototype, meaning, _, unknown = memory(pooled)
    torch.testing.assert_close(prototype, weights @ memory.prototypes.rows(slice(None), weights.dtype))
    torch.testing.assert_close(unknown, weights[:, :1])
    if values:
        torch.testing.assert_close(meaning, memory.meaning(memory.values(weights)))
    assert (meaning is None) == (values == 0)


def test_an_embedding_bag_sums_rounded_rows() -> None:
    torch.manual_seed(0)
    bag = nn.EmbeddingBag(50, 16, mode="sum", padding_idx=0)
    layer, ids = Int8EmbeddingBag(bag), torch.randint(0, 50, (7, 5))
    expected = ((layer.weight * layer.row_scale[:, None])[ids]).sum(dim=1)
    torch.testing.assert_close(layer(ids), expected)
    torch.testing.assert_close(layer(ids), bag(ids), atol=0.1, rtol=0)
    assert not layer(torch.zeros(2, 5, dtype=torch.long)).any()  # padding counts for nothing
    assert layer(ids[:0]).shape == (0, 16)


def test_a_padding_row_counts_for_nothing_whatever_it_holds() -> None:
    bag = nn.EmbeddingBag(3, 4, mode="sum", padding_idx=0)
    nn.init.ones_(bag.weight)
    torch.testing.assert_close(Int8EmbeddingBag(bag)(torch.tensor([[0, 1], [0, 0]]))[:, 0], torch.tensor([1.0, 0.0]))


def test_other_bags_are_refused() -> None:
    with pytest.raises(ValueError, match="mode='mean' has no int8 form"):
        Int8EmbeddingBag(nn.EmbeddingBag(3, 4, mode="mean"))


def test_only_plain_layers_are_replaced() -> None:
    module = nn.ModuleList([nn.Linear(4, 4), nn.MultiheadAttention(4, 2), nn.Embedding(3, 4), nn.Conv1d(4, 4, 3)])
    to_int8(module)
    kinds = [type(child) for child in module]
    assert kinds == [Int8Linear, nn.MultiheadAttention, nn.Embedding, nn.Conv1d]
    module[1](*3 * [torch.randn(2, 1, 4)])  # still runs


# the model


def test_vectors_stay_close_and_memory_shrinks() -> None:
    model, int8 = make_model(), make_int8()
    assert cosines(model, int8).min() > 0.999
    size = lambda part: sum(p.numel() * p.element_size() for p in part.parameters())  # noqa: E731
    assert size(int8[0].char_encoder.ngrams) < 0.4 * size(model[0].char_encoder.ngrams)
    assert {p.dtype for p in int8[0].char_encoder.ngrams.parameters()} == {torch.int8, torch.float32}
    assert not any(isinstance(layer, Int8Linear) for layer in int8[1].modules())  # E2 stays as it is


def test_layers_that_started_as_the_identity_count() -> None:
    layer = make_int8()[0].char_encoder.layers[0]
    assert isinstance(layer.ffn_out, Int8Linear) and not layer.is_identity()


def test_cached_equals_uncached() -> None:
    cached, uncached = make_int8(), make_int8(cache_size=0)
    for _ in range(2):
        torch.testing.assert_close(cached.encode(TEXTS), uncached.encode(TEXTS), atol=1e-5, rtol=0)
    assert len(cached[0].cache) > 0


def test_the_cache_forgets_the_float_vectors(model: SentenceTransformer) -> None:
    model.encode(TEXTS)
    quantize_char_encoder(model)
    assert len(model[0].cache) == 0
    np.testing.assert_allclose(model.encode(TEXTS), make_int8(cache_size=0).encode(TEXTS), atol=1e-5)


@pytest.mark.parametrize("body", [None, BERT_BODY])
def test_a_saved_int8_model_reloads_as_such(body: dict[str, object] | None, tmp_path: Path) -> None:
    model = make_int8(body=body)
    expected = model.encode(TEXTS)
    model.save(str(tmp_path), create_model_card=False)
    assert json.loads((tmp_path / "config.json").read_text())["encoder"] == "int8"
    for again in (
        tiered_st.load(tmp_path, device="cpu"),
        SentenceTransformer(str(tmp_path), trust_remote_code=True, device="cpu"),
    ):
        assert isinstance(again[0].char_encoder.ngrams.table, Int8EmbeddingBag)
        np.testing.assert_allclose(again.encode(TEXTS), expected, atol=1e-6, rtol=0)
        assert model_fingerprint(again) == model_fingerprint(model)


@pytest.mark.parametrize("storage", ["float16", "int8"])
def test_storage_leaves_the_integers_alone(storage: str, tmp_path: Path) -> None:
    model = make_int8()
    set_storage(model, storage)
    model.save(str(tmp_path), create_model_card=False)
    again = tiered_st.load(tmp_path, device="cpu")
    weights = again.state_dict()
    for name, value in model.state_dict().items():
        if value.dtype == torch.int8:
            assert torch.equal(weights[name], value)
    assert cosines(model, again).min() > 0.999


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_together_with_half_precision(dtype: torch.dtype, tmp_path: Path) -> None:
    model = make_int8().to(dtype)
    assert cosines(model, make_model()).min() > 0.99
    model.save(str(tmp_path), create_model_card=False)
    again = tiered_st.load(tmp_path, device="cpu")
    assert again[0].dtype == dtype and again[0].char_encoder.ngrams.table.weight.dtype == torch.int8
    assert torch.equal(*(m.encode(TEXTS, convert_to_tensor=True) for m in (model, again)))


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies(duplicate: object) -> None:
    model = make_int8()
    np.testing.assert_allclose(duplicate(model).encode(TEXTS), model.encode(TEXTS), atol=1e-6)  # type: ignore[operator]


def test_twice_is_once() -> None:
    model = make_int8()
    before = model.state_dict()
    after = quantize_char_encoder(model).state_dict()
    assert before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)


def test_e2_can_be_trained_on_top_and_e1_cannot() -> None:
    model = make_int8().train()
    model(model.preprocess(["the cat"]))["sentence_embedding"][0, 0].backward()
    assert any(p.grad is not None and p.grad.any() for p in model[1].parameters())
    assert not any(p.grad is not None for p in model[0].parameters())
    model[0].char_encoder.embedding.weight.requires_grad_(True)
    with pytest.raises(ValueError, match="computes in int8, which no gradient passes, so it cannot be trained"):
        model(model.preprocess(["the cat"]))


def test_what_cannot_be_quantised_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="opens with a Linear, not with a TieredInput"):
        quantize_char_encoder(nn.Sequential(nn.Linear(1, 1)))
    make_int8().save(str(tmp_path), create_model_card=False)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"encoder": "int2"}))
    with pytest.raises(ValueError, match="encoder='int2' is not one of float, int8, none"):
        tiered_st.load(tmp_path)


def test_it_is_offered_by_the_package() -> None:
    assert tiered_st.quantize_char_encoder is quantize_char_encoder
