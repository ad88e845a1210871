"""Texts to rows of ids, and rows to chunk vectors that are shared."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
import torch
from conftest import TOY, UNICODE, make_model
from hypothesis import given, settings
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer

from tiered_st.modules import TieredInput
from tiered_st.text import ChunkType
from tiered_st.text.tokenizer import PAD, VOCAB_SIZE, CharTokenizer

WIDTH = TOY.chunk_chars


@pytest.fixture
def tiers(toy: SentenceTransformer) -> TieredInput:
    return toy[0]


def row(kind: ChunkType, text: str = "") -> list[int]:
    ids = [int(kind), *CharTokenizer().encode(text).tolist()]
    return ids + [PAD] * (WIDTH - len(ids))


def test_rows_by_hand(tiers: TieredInput) -> None:
    features = tiers.preprocess(["Hello you!", "a"])
    assert set(features) == {"input_ids", "attention_mask"}
    assert {tensor.dtype for tensor in features.values()} == {torch.int64}
    begin, finish, pad = row(ChunkType.BEGIN), row(ChunkType.FINISH), [PAD] * WIDTH
    assert features["input_ids"].tolist() == [
        [
            begin,
            row(ChunkType.CAPITALISED, "hello"),
            row(ChunkType.WORD, "you"),
            row(ChunkType.PUNCTUATION, "!"),
            finish,
        ],
        [begin, row(ChunkType.WORD, "a"), finish, pad, pad],
    ]
    assert features["attention_mask"].tolist() == [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]


@pytest.mark.parametrize("text", ["", " \n", "\x00\u200b", "\uffff"])
def test_a_text_without_characters_is_its_two_marks(tiers: TieredInput, text: str) -> None:
    features = tiers.preprocess([text])
    assert features["input_ids"][0, :, 0].tolist() == [ChunkType.BEGIN, ChunkType.FINISH]
    assert features["attention_mask"].tolist() == [[1, 1]]


def test_an_empty_batch_is_laid_out(tiers: TieredInput) -> None:
    assert tiers.preprocess([])["input_ids"].shape == (0, 2, WIDTH)


def test_an_empty_batch_is_encoded(tiers: TieredInput) -> None:
    features = tiers.preprocess([])
    assert tiers(features)["token_embeddings"].shape == (0, 2, TOY.d_sem)


@settings(max_examples=40)
@given(st.lists(UNICODE, min_size=1, max_size=4))
def test_any_batch_has_the_form_that_losses_rely_on(texts: list[str]) -> None:
    features = TIERS.preprocess(texts)
    ids, mask = features["input_ids"], features["attention_mask"]
    assert ids.shape == (len(texts), mask.shape[1], WIDTH)
    assert ids.min() >= PAD and ids.max() < VOCAB_SIZE
    counts = mask.sum(dim=1)
    assert int(counts.max()) == mask.shape[1]  # no wasted column
    assert torch.equal(mask, (torch.arange(mask.shape[1]) < counts[:, None]).long())  # padding on the right only
    assert (ids[:, 0, 0] == ChunkType.BEGIN).all()
    assert (ids[torch.arange(len(texts)), counts - 1, 0] == ChunkType.FINISH).all()
    assert not ids[mask == 0].any()
    filled = ids != PAD
    assert torch.equal(filled, filled.cumprod(dim=-1).bool())  # no gap inside a row


@settings(max_examples=40)
@given(st.lists(UNICODE, min_size=1, max_size=4))
def test_a_text_is_read_the_same_in_any_company(texts: list[str]) -> None:
    together = TIERS.preprocess(texts)
    for i, text in enumerate(texts):
        alone = TIERS.preprocess([text])["input_ids"][0]
        assert torch.equal(together["input_ids"][i, : len(alone)], alone)


TIERS = TieredInput(TOY.replace(max_chunks=510))


@pytest.mark.parametrize("prompt", ["query: ", "", None])
def test_the_prompt_opens_every_text(tiers: TieredInput, prompt: str | None) -> None:
    with_prompt = tiers.preprocess(["b", "c d"], prompt=prompt)
    by_hand = tiers.preprocess([(prompt or "") + "b", (prompt or "") + "c d"])
    assert torch.equal(with_prompt["input_ids"], by_hand["input_ids"])


@pytest.mark.parametrize("wrong", [3, None, b"bytes", ("a", "b", "c"), [], {"text": "a", "image": "b"}])
def test_what_is_no_text_is_refused_with_its_place(tiers: TieredInput, wrong: Any) -> None:
    with pytest.raises(ValueError, match=f"An input is a {type(wrong).__name__}"):
        tiers.preprocess(["fine", wrong])


def test_max_length_counts_chunks_with_their_marks(tiers: TieredInput) -> None:
    ids = tiers.preprocess(["a b c d e"], max_length=4)["input_ids"]
    assert ids[0].tolist() == [
        row(ChunkType.BEGIN), row(ChunkType.WORD, "a"), row(ChunkType.WORD, "b"), row(ChunkType.FINISH)
    ]  # fmt: skip
    assert tiers.preprocess(["a b c d e"], max_length=7)["input_ids"].shape[1] == 7
    with pytest.raises(ValueError, match="limit of 2 chunks"):
        tiers.preprocess(["a"], max_length=2)


def test_max_seq_length_is_obeyed() -> None:
    tiers = TieredInput(TOY)
    assert tiers.max_seq_length == TOY.max_chunks
    tiers.max_seq_length = 5
    assert tiers.preprocess(["a b c d e"])["input_ids"].shape[1] == 5


@pytest.mark.parametrize(
    ("text", "place"),
    [("a " * 100, 123), ("x" * 100_000, 62 * 31), (" " * 100_000, 4 * 64 * WIDTH)],
    ids=["words", "a word", "spaces"],
)
def test_a_long_text_is_cut_and_said_so_once_and_where(text: str, place: int, caplog: pytest.LogCaptureFixture) -> None:
    tiers = TieredInput(TOY)
    chunks = 0 if text.isspace() else TOY.max_chunks - 2
    with caplog.at_level(logging.WARNING, logger="tiered_st.modules.tiered_input"):
        assert tiers.preprocess(["short"])["input_ids"].shape[1] == 3
        assert not caplog.records
        assert tiers.preprocess(["short", text, text])["input_ids"].shape == (3, max(3, 2 + chunks), WIDTH)
        tiers.preprocess([text])
    (record,) = caplog.records
    assert record.getMessage().startswith(
        f"A text ({text[:20]!r}…, {len(text)} characters) is longer than the 64 chunks that this model reads at once: "
        f"it is cut after chunk {chunks}, character {place}, "
    )
    assert record.getMessage().count("tiered_st.encode_long") == 1


def test_a_text_that_just_fits_is_not_cut(caplog: pytest.LogCaptureFixture) -> None:
    TieredInput(TOY).preprocess(["a " * (TOY.max_chunks - 2)])
    assert not caplog.records


# chunk vectors


def test_forward_writes_one_tensor_under_two_names(model: SentenceTransformer) -> None:
    tiers = model[0]
    features = tiers(tiers.preprocess(["the cat", "dog"]))
    assert features["token_embeddings"] is features["chunk_embeddings"]
    assert features["chunk_embeddings"].shape == (2, 4, TOY.d_sem)
    assert not features["chunk_embeddings"][1, 3].any()  # where there is no chunk
    assert features["chunk_embeddings"][1, :3].any(dim=-1).all()


def test_each_distinct_chunk_is_encoded_once(
    model: SentenceTransformer, counted: Callable[[SentenceTransformer], list[int]]
) -> None:
    calls = counted(model.train())
    model(model.preprocess(["the cat the cat", "The cat", "cat"]))
    assert calls == [5]  # two marks, the, cat, and The, whose type differs


def test_a_chunks_vector_depends_on_its_spelling_alone(model: SentenceTransformer) -> None:
    tiers = model[0]
    vectors = tiers(tiers.preprocess(["cat sat internationalisation", "on cat"]))["chunk_embeddings"]
    torch.testing.assert_close(vectors[0, 1], vectors[1, 2], atol=1e-6, rtol=0)
    alone = tiers(tiers.preprocess(["internationalisation"]))["chunk_embeddings"]
    torch.testing.assert_close(vectors[0, 3], alone[0, 1], atol=1e-6, rtol=0)
    assert not torch.allclose(vectors[0, 1], vectors[0, 2], atol=1e-3)


def test_shared_chunks_share_gradients(model: SentenceTransformer) -> None:
    """The gradient of a word that comes twice is twice that of the word that comes once."""
    grads = []
    for text in ("cat", "cat cat"):
        model.zero_grad()
        vectors = model[0](model[0].preprocess([text]))["chunk_embeddings"]
        vectors[:, 1:-1, 0].sum().backward()
        grads.append(model[0].char_encoder.ngrams.table.weight.grad.clone())
    torch.testing.assert_close(grads[1], 2 * grads[0])


def test_two_chunks_of_one_hash_keep_their_own_vectors(
    model: SentenceTransformer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiers = model[0]
    features = tiers.preprocess(["the cat", "dog"])
    expected = tiers(dict(features))["chunk_embeddings"]
    monkeypatch.setattr("tiered_st.modules.chunk_source.hash_rows", lambda rows: rows.new_zeros(len(rows)))
    torch.testing.assert_close(tiers(dict(features))["chunk_embeddings"], expected, atol=1e-6, rtol=0)


def test_settings_that_switch_parts_off() -> None:
    config = TOY.replace(cache_size=0, ngram_buckets=0, char_layers=0, projector_hidden=0, lowercase=False)
    vectors = make_model(config).encode(["The cat", "the cat"], convert_to_tensor=True)
    assert torch.isfinite(vectors).all() and not torch.allclose(vectors[0], vectors[1])


# a peek at the raw character features


@pytest.mark.parametrize("span", ["chunk", "text"])
def test_peek_adds_the_mean_of_the_raw_features(span: str) -> None:
    tiers = make_model(TOY.replace(peek=True, char_span=span))[0]
    features = tiers(tiers.preprocess(["the cat", "internationalisation 😂 \ud800 b", ""]))
    peek = features["char_features"]
    assert features["token_embeddings"] is features["chunk_embeddings"]
    assert features["chunk_embeddings"].shape == (3, 6, TOY.d_sem) and peek.shape == (3, 6, TOY.d_char)
    encoder = tiers.char_encoder
    for text, chunk in [(0, 0), (0, 2), (1, 1), (1, 2), (2, 1)]:
        raw, mask = encoder.embed(features["input_ids"][text, chunk : chunk + 1])
        torch.testing.assert_close(peek[text, chunk], raw[mask].mean(dim=0), atol=1e-6, rtol=1e-5)
    assert not peek[0, 4:].any() and not peek[2, 2:].any()


def test_peek_is_shared_and_cached(counted: Callable[[SentenceTransformer], list[int]]) -> None:
    model = make_model(TOY.replace(peek=True))
    tiers, calls = model[0], counted(model)
    features = tiers.preprocess(["cat the cat"])
    expected = tiers(dict(features))
    with torch.no_grad():
        for _ in range(2):
            kept = tiers(dict(features))
    assert calls == [4, 4]  # with gradients; then once without
    for key in ("chunk_embeddings", "char_features"):
        torch.testing.assert_close(kept[key], expected[key], atol=1e-6, rtol=0)
        assert torch.equal(kept[key][0, 1], kept[key][0, 3])


def test_peek_changes_no_chunk_vector_and_is_left_out_by_default(toy: SentenceTransformer) -> None:
    tiers = TieredInput(TOY.replace(peek=True)).eval()
    tiers.load_state_dict(toy[0].state_dict())
    features = toy[0].preprocess(["the cat", "a"])
    plain = toy[0](dict(features))
    torch.testing.assert_close(tiers(dict(features))["chunk_embeddings"], plain["chunk_embeddings"])
    assert "char_features" not in plain
