"""Chunk vectors from a table: E1's own for what it holds, E1 or a stated default for the rest."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import BERT_BODY, TOY, UNICODE, make_model
from hypothesis import given, settings
from sentence_transformers import SentenceTransformer
from torch import Tensor

import tiered_st
from tiered_st.compression import quantize_char_encoder, tabulate
from tiered_st.compression.table import _distinct_rows
from tiered_st.modules import TieredInput, chunk_table
from tiered_st.modules.chunk_table import TABLE_STORAGES, ChunkTable
from tiered_st.text import ChunkType

TEXTS = ["the cat sat on the mat", "Teh CAT, sat!", "", "a", "你好世界 😂", "\ud800", "don't " * 60, "x" * 500]
ERRORS = {"float32": 1e-6, "float16": 1e-3, "int8": 3e-2}
UNKNOWN = ["a dog sat on a log", "42 logs?"]
PLAIN = make_model()
TABULATED = tabulate(make_model(), TEXTS, storage="float32")


def encode(model: SentenceTransformer, texts: list[str]) -> Tensor:
    return model.encode(texts, convert_to_tensor=True).float()


# the table itself


def make_table(storage: str = "float32") -> tuple[ChunkTable, Tensor, Tensor]:
    torch.manual_seed(0)
    rows = torch.tensor([[6, 300, 301, 0], [6, 300, 0, 0], [9, 310, 0, 0]])
    vectors = torch.randn(3, 8)
    return ChunkTable.of(rows, vectors, storage=storage), rows, vectors


@pytest.mark.parametrize("storage", TABLE_STORAGES)
def test_what_was_stored_is_found_in_any_order(storage: str) -> None:
    table, rows, vectors = make_table(storage)
    at, found = table.find(rows[[2, 0, 1, 0]])
    assert at.tolist() == [0, 1, 2, 3]
    torch.testing.assert_close(found, vectors[[2, 0, 1, 0]], atol=ERRORS[storage], rtol=0)
    at, found = table.find(torch.tensor([[6, 300, 302, 0], [6, 300, 0, 0], [7, 300, 0, 0]]))
    assert at.tolist() == [1] and len(table) == 3
    torch.testing.assert_close(found, vectors[[1]], atol=ERRORS[storage], rtol=0)


def test_narrower_rows_are_found_and_no_rows_too() -> None:
    table, rows, vectors = make_table()
    torch.testing.assert_close(table.find(rows[1:, :2])[1], vectors[1:])
    assert table(rows[:0], None).shape == (0, 8)


def test_a_hash_collision_is_a_miss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunk_table, "hash_rows", lambda rows: rows.new_ones(len(rows)))
    table, rows, vectors = make_table()
    at, found = table.find(rows)
    assert len(at) == 1
    torch.testing.assert_close(found, vectors[at])
    out = table(rows, lambda others: vectors[others])
    torch.testing.assert_close(out, vectors)


def test_unknown_chunks_get_the_mean_of_their_type(caplog: pytest.LogCaptureFixture) -> None:
    table, _, vectors = make_table()
    unknown = torch.tensor([[6, 444, 0, 0], [9, 444, 0, 0], [8, 444, 0, 0]])
    expected = torch.stack([vectors[:2].mean(dim=0), vectors[2], vectors.mean(dim=0)])
    for _ in range(2):
        torch.testing.assert_close(table(unknown, None), expected)
    assert [record.getMessage().count("(said once)") for record in caplog.records] == [1]


def test_a_table_stays_as_stored_whatever_the_model_computes_in() -> None:
    table, rows, _ = make_table("float16")
    before = table.vectors.clone()
    assert table.half()(rows, None).dtype == torch.float16
    assert table.double()(rows, None).dtype == torch.float64
    assert torch.equal(table.vectors, before)


def test_loading_other_rows_forgets_the_old_ones() -> None:
    table, rows, vectors = make_table()
    table.find(rows)
    other = ChunkTable.of(rows + 1, vectors, storage="float32")
    table.load_state_dict(other.state_dict())
    assert table.find(rows)[0].tolist() == [] and table.find(rows + 1)[0].tolist() == [0, 1, 2]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("storage", TABLE_STORAGES)
def test_on_a_gpu(storage: str) -> None:
    model = tabulate(make_model(), TEXTS, storage=storage)
    expected = encode(model, TEXTS + UNKNOWN)
    model.to("cuda")
    torch.testing.assert_close(encode(model, TEXTS + UNKNOWN).cpu(), expected, atol=1e-4, rtol=0)
    for keep in (True, False):
        model = tabulate(make_model().to("cuda"), TEXTS, storage=storage, keep_encoder=keep)
        torch.testing.assert_close(encode(model, TEXTS).cpu(), encode(PLAIN, TEXTS), atol=ERRORS[storage], rtol=0)


# in a model


@pytest.mark.parametrize("keep_encoder", [True, False])
@pytest.mark.parametrize("storage", TABLE_STORAGES)
@pytest.mark.parametrize("cache_size", [0, 256])
def test_embeddings_equal_e1s(storage: str, keep_encoder: bool, cache_size: int) -> None:
    model = make_model(TOY.replace(cache_size=cache_size))
    tabulate(model, TEXTS, storage=storage, keep_encoder=keep_encoder)
    for _ in range(2):
        torch.testing.assert_close(encode(model, TEXTS), encode(PLAIN, TEXTS), atol=ERRORS[storage], rtol=0)


def test_known_chunks_never_reach_e1(
    model: SentenceTransformer, counted: Callable[[SentenceTransformer], list[int]]
) -> None:
    tabulate(model, ["the cat"])
    calls = counted(model)
    model.encode(["the cat the cat"])
    assert calls == []
    model.encode(["the dog"])
    model.encode(["dog dog the dog"])  # from the cache
    assert calls == [1] and len(model[0].cache) == 1


@settings(max_examples=50)
@given(UNICODE)
def test_known_and_unknown_chunks_mix(text: str) -> None:
    texts = [text, f"the cat {text} sat"]
    torch.testing.assert_close(encode(TABULATED, texts), encode(PLAIN, texts), atol=1e-5, rtol=0)


def test_without_e1_there_are_no_parameters_of_it(caplog: pytest.LogCaptureFixture) -> None:
    model = tabulate(make_model(), TEXTS, keep_encoder=False)
    assert list(model[0].parameters()) == []
    assert not caplog.records
    vectors = model.encode([*UNKNOWN, "\ud800é"])
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(model.encode("zzz mat"), model.encode("yyy mat"), atol=1e-6)  # both the mean word
    assert abs(model.encode("zzz mat") - model.encode("777 mat")).max() > 1e-3  # a number is another type


def test_equal_hashes_within_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tabulate(make_model(), TEXTS, storage="float32")
    monkeypatch.setattr("tiered_st.modules.chunk_source.hash_rows", lambda rows: rows.new_ones(len(rows)))
    torch.testing.assert_close(encode(model, TEXTS + UNKNOWN), encode(PLAIN, TEXTS + UNKNOWN), atol=1e-5, rtol=0)


def test_every_case_of_a_word() -> None:
    given_case = tabulate(make_model(), ["cat", "Dog", "x1"])[0].table
    every_case = tabulate(make_model(), ["cat", "Dog", "x1"], every_case=True)[0].table
    assert sorted(given_case.rows[:, 0].tolist()) == [
        ChunkType.BEGIN, ChunkType.FINISH, ChunkType.WORD, ChunkType.WORD, ChunkType.CAPITALISED,
    ]  # fmt: skip
    assert len(every_case) == 2 + 3 * 3
    model = tabulate(make_model(), ["cat"], every_case=True, keep_encoder=False)
    torch.testing.assert_close(encode(model, ["Cat CAT cat"]), encode(PLAIN, ["Cat CAT cat"]), atol=1e-3, rtol=0)


def test_texts_may_be_a_generator_longer_than_a_batch_and_a_long_text_is_whole() -> None:
    words = [f"w{i}" for i in range(600)]
    table = tabulate(make_model(), (word for word in words), batch_size=7)[0].table
    assert len(table) == 602
    assert len(tabulate(make_model(), [" ".join(words)])[0].table) == 602  # beyond what the model reads at once


# saving


@pytest.mark.parametrize("body", [None, BERT_BODY])
@pytest.mark.parametrize("keep_encoder", [True, False])
@pytest.mark.parametrize("storage", TABLE_STORAGES)
def test_a_table_is_saved_with_the_model(
    storage: str, keep_encoder: bool, body: dict[str, object] | None, tmp_path: Path
) -> None:
    model = make_model(TOY.replace(body=body))
    tabulate(model, TEXTS, storage=storage, keep_encoder=keep_encoder)
    expected = encode(model, TEXTS + UNKNOWN)
    model.save(str(tmp_path), create_model_card=False)
    for again in (
        tiered_st.load(tmp_path, device="cpu"),
        SentenceTransformer(str(tmp_path), trust_remote_code=True, device="cpu"),
    ):
        torch.testing.assert_close(encode(again, TEXTS + UNKNOWN), expected, atol=1e-6, rtol=0)
        assert len(again[0].table) == len(model[0].table)
        assert bool(list(again[0].parameters())) == keep_encoder
        assert not any(parameter.requires_grad for parameter in again[0].parameters())


@pytest.mark.parametrize("keep_encoder", [True, False])
def test_together_with_int8_and_half_precision(keep_encoder: bool, tmp_path: Path) -> None:
    model = tabulate(quantize_char_encoder(make_model()), TEXTS, keep_encoder=keep_encoder, storage="int8").bfloat16()
    assert torch.cosine_similarity(encode(model, TEXTS), encode(PLAIN, TEXTS)).min() > 0.99
    model.save(str(tmp_path), create_model_card=False)
    again = tiered_st.load(tmp_path, device="cpu")
    assert again[0].encoder == ("int8" if keep_encoder else "none") and again[0].dtype == torch.bfloat16
    assert torch.equal(encode(again, TEXTS + UNKNOWN), encode(model, TEXTS + UNKNOWN))


def test_an_untouched_model_says_nothing_of_tables(toy: SentenceTransformer) -> None:
    assert not {"table", "encoder"} & set(toy[0].get_config_dict())


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    tabulate(make_model(), TEXTS).save(str(tmp_path), create_model_card=False)
    path = tmp_path / "config.json"
    content = json.loads(path.read_text())
    for damage, says in (
        ({"size": 3}, "has table.rows of shape"),
        ({"storage": "int4"}, "storage='int4' is not one of"),
        ({"depth": 2}, "does not describe a TieredInput"),
    ):
        path.write_text(json.dumps(content | {"table": content["table"] | damage}))
        with pytest.raises(ValueError, match=says):
            tiered_st.load(tmp_path)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
@pytest.mark.parametrize("keep_encoder", [True, False])
def test_copies(duplicate: object, keep_encoder: bool) -> None:
    model = tabulate(make_model(), TEXTS, keep_encoder=keep_encoder)
    expected = encode(model, TEXTS + UNKNOWN)
    torch.testing.assert_close(encode(duplicate(model), TEXTS + UNKNOWN), expected)  # type: ignore[operator]


# training, and what is refused


@pytest.mark.parametrize("keep_encoder", [True, False])
def test_e2_can_be_trained_on_top_and_e1_cannot(keep_encoder: bool) -> None:
    model = tabulate(make_model(), TEXTS, keep_encoder=keep_encoder).train()
    model(model.preprocess(["the cat", "a dog"]))["sentence_embedding"][0, 0].backward()
    assert any(p.grad is not None and p.grad.any() for p in model[1].parameters())
    if keep_encoder:
        model.requires_grad_(True)
        with pytest.raises(ValueError, match="is read from a table, so it cannot be trained"):
            model(model.preprocess(["the cat"]))
        model[0].set_table(None)
        model(model.preprocess(["the cat"]))["sentence_embedding"][0, 0].backward()
        assert model[0].char_encoder.embedding.weight.grad.any()


def test_a_new_table_replaces_the_old() -> None:
    model = tabulate(tabulate(make_model(), ["one"], storage="int8"), ["two three"], storage="float32")
    assert len(model[0].table) == 4
    torch.testing.assert_close(encode(model, ["two three"]), encode(PLAIN, ["two three"]), atol=1e-6, rtol=0)


def test_no_batch_is_padded_to_a_long_text(monkeypatch: pytest.MonkeyPatch) -> None:
    long = " ".join(f"word{i} and" for i in range(3000))
    shapes, read = [], TieredInput.preprocess

    def preprocess(self: TieredInput, inputs: list[str], **options: object) -> dict[str, Tensor]:
        features = read(self, inputs, **options)
        shapes.append(tuple(features["input_ids"].shape[:2]))
        return features

    monkeypatch.setattr(TieredInput, "preprocess", preprocess)
    model = tabulate(make_model(), ["short", *["a b"] * 30, long], batch_size=32)
    assert len(model[0].table) == 3000 + 6 and max(chunks for _, chunks in shapes) <= 514


def test_what_was_met_before_is_not_sorted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes, unique = [], torch.unique
    monkeypatch.setattr(torch, "unique", lambda rows, **options: (sizes.append(len(rows)), unique(rows, **options))[1])
    _distinct_rows(make_model()[0], [f"word{i}" for i in range(90)], every_case=False, batch_size=10)
    assert max(sizes[:-1]) == 30  # a batch's chunks and marks, not those of all batches so far


def test_what_has_no_e1_says_so() -> None:
    model = tabulate(make_model(), TEXTS, keep_encoder=False)
    for call in (lambda: tabulate(model, TEXTS), lambda: quantize_char_encoder(model)):
        with pytest.raises(ValueError, match=r"E1 was dropped by tabulate\(keep_encoder=False\)"):
            call()
    with pytest.raises(ValueError, match=r"has no E1: it was tabulated with keep_encoder=False"):
        model[0].encode_chunks(torch.ones(1, 32, dtype=torch.long))


@pytest.mark.parametrize(
    ("texts", "options", "says"),
    [
        ([], {}, "no texts to tabulate"),
        ("a text", {}, r"texts is one str: give an iterable of texts, such as \[text\]"),
        (["a"], {"storage": "zip"}, "storage='zip' is not one of float32, float16, int8"),
    ],
)
def test_arguments_that_cannot_be(texts: object, options: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        tabulate(make_model(), texts, **options)


@pytest.mark.parametrize("changes", [{"char_span": "text"}, {"peek": True}])
def test_vectors_that_depend_on_more_than_their_chunk_are_refused(changes: dict[str, object]) -> None:
    model = make_model()
    model[0].settings = TOY.replace(**changes)
    with pytest.raises(ValueError, match="only char_span='chunk' with peek=False can be tabulated"):
        tabulate(model, TEXTS)


def test_it_is_offered_by_the_package() -> None:
    assert tiered_st.tabulate is tabulate
