"""Pairs of texts: how they are laid out, cut and told apart."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import TOY, make_model
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import (
    CachedMultipleNegativesRankingLoss,
    MultipleNegativesRankingLoss,
)

from tiered_st.losses.columns import merge
from tiered_st.model import load
from tiered_st.modules import SemanticEncoder, TieredInput
from tiered_st.modules.text_edges import exclude_text_edges
from tiered_st.text import ChunkType
from tiered_st.text.parts import shares

PAIRS = TOY.replace(segments=2)
BEGIN, WORD, FINISH = int(ChunkType.BEGIN), int(ChunkType.WORD), int(ChunkType.FINISH)


def make_pair_model(**changes: Any) -> SentenceTransformer:
    model = make_model(PAIRS.replace(**changes))
    with torch.no_grad():
        model[1].segments.weight.normal_(generator=torch.Generator().manual_seed(4))
    return model


@pytest.fixture(scope="module")
def pairs() -> SentenceTransformer:
    return make_pair_model()


def kinds(features: dict[str, torch.Tensor]) -> list[list[int]]:
    return features["input_ids"][:, :, 0].tolist()


def test_a_pair_by_hand(pairs: SentenceTransformer) -> None:
    features = pairs.preprocess([("the cat", "dog"), "one", ["", "two"]])
    assert set(features) == {"input_ids", "attention_mask", "token_type_ids"}
    assert {tensor.dtype for tensor in features.values()} == {torch.int64}
    assert kinds(features) == [
        [BEGIN, WORD, WORD, FINISH, WORD, FINISH],
        [BEGIN, WORD, FINISH, 0, 0, 0],
        [BEGIN, FINISH, WORD, FINISH, 0, 0],
    ]
    assert features["token_type_ids"].tolist() == [[0, 0, 0, 0, 1, 1], [0] * 6, [0, 0, 1, 1, 0, 0]]
    assert features["attention_mask"].tolist() == [[1] * 6, [1] * 3 + [0] * 3, [1] * 4 + [0] * 2]
    alone = pairs.preprocess(["the cat", "dog"])["input_ids"]
    assert torch.equal(features["input_ids"][0, :3], alone[0, :3])
    assert torch.equal(features["input_ids"][0, 4:], alone[1, 1:3])


def test_a_text_alone_is_laid_out_as_without_segments(pairs: SentenceTransformer, toy: SentenceTransformer) -> None:
    texts = ["the cat sat", "", "x" * 80]
    features, plain = pairs.preprocess(texts), toy.preprocess(texts)
    for name, value in plain.items():
        assert torch.equal(features[name], value)
    assert "token_type_ids" not in plain and not features["token_type_ids"].any()


def test_an_empty_batch_is_laid_out() -> None:
    features = TieredInput(PAIRS).preprocess([])
    assert features["input_ids"].shape == (0, 2, TOY.chunk_chars)
    assert features["token_type_ids"].shape == (0, 2)


def test_three_parts() -> None:
    features = TieredInput(TOY.replace(segments=3)).preprocess([("a", "b", "c c")])
    assert features["token_type_ids"].tolist() == [[0, 0, 0, 1, 1, 2, 2, 2]]


@pytest.mark.parametrize(
    ("lengths", "room", "kept"),
    [
        ([3, 4], 7, [3, 4]),
        ([3, 9], 7, [3, 4]),
        ([9, 3], 7, [4, 3]),
        ([9, 9], 7, [3, 4]),
        ([0, 9], 7, [0, 7]),
        ([5, 1, 5], 7, [3, 1, 3]),
        ([9], 7, [7]),
    ],
)
def test_the_longest_part_is_cut_first(lengths: list[int], room: int, kept: list[int]) -> None:
    assert shares(lengths, room) == kept


def test_a_long_pair_is_cut_with_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    tiers = TieredInput(PAIRS.replace(max_chunks=9))
    with caplog.at_level(logging.WARNING):
        features = tiers.preprocess([("a b", "c " * 5), ("a b", "c d")])
        tiers.preprocess([("a b", "c " * 50)])
    assert kinds(features)[0] == [BEGIN, WORD, WORD, FINISH, *[WORD] * 4, FINISH]
    assert caplog.text.count("longer than the 9 chunks that this model reads") == 1


def test_what_just_fits_is_not_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    tiers = TieredInput(PAIRS.replace(max_chunks=9))
    with caplog.at_level(logging.WARNING):
        assert len(kinds(tiers.preprocess([("a b", "c " * 4)]))[0]) == 9
    assert not caplog.text
    with pytest.raises(ValueError, match="3 chunks leaves no room between 3 marks"):
        tiers.preprocess([("a", "b")], max_length=3)


def test_the_prompt_stands_before_the_first_part(pairs: SentenceTransformer) -> None:
    prompted = pairs.preprocess([("cat", "dog")], prompt="find ")
    assert torch.equal(prompted["input_ids"], pairs.preprocess([("find cat", "dog")])["input_ids"])


@pytest.mark.parametrize(
    ("item", "says"),
    [
        (("a", "b", "c"), "An input is a tuple of 3 texts, but the model was built with segments=2: .*segments=3"),
        (("a", 3), r"An input is a tuple \(\('a', 3\)\), but this model reads text: each of its parts"),
        ((), "An input is a tuple .*there must be one"),
        (None, "An input is a NoneType .*leave it out"),
    ],
)
def test_what_is_no_pair_is_refused(item: Any, says: str, pairs: SentenceTransformer) -> None:
    with pytest.raises(ValueError, match=says):
        pairs.preprocess(["a", item])


def test_a_model_without_segments_reads_a_pair_as_one_text(toy: SentenceTransformer) -> None:
    """As stock models take pairs; more texts than that are a mistake."""
    features = toy.preprocess([("a b", "c"), {"text": "a b"}, {"text": ("a", "b")}])
    assert torch.equal(features["input_ids"], toy.preprocess(["a b\nc", "a b", "a b"])["input_ids"])
    np.testing.assert_allclose(toy.encode([("a b", "c")]), toy.encode(["a b c"]), atol=1e-6, rtol=0)
    with pytest.raises(ValueError, match=r"segments=0: give one text, or build the model with segments=3"):
        toy.encode([("a", "b", "c")])


def test_encode_takes_pairs_of_any_length_together(pairs: SentenceTransformer) -> None:
    inputs = [("the cat", "a dog sat on the mat"), "one text", ("a", ""), ["a list", "too"], ("x " * 20, "y")]
    together = pairs.encode(inputs, batch_size=2)
    for item, vector in zip(inputs, together, strict=True):
        np.testing.assert_allclose(pairs.encode([item])[0], vector, atol=1e-5, rtol=0)
    assert pairs.encode(("a", "b")).shape == (2, TOY.d_sem)  # a bare tuple is a batch of two texts


def test_parts_have_a_side_and_an_edge(pairs: SentenceTransformer) -> None:
    vectors = pairs.encode([("the cat", "dog"), ("dog", "the cat"), ("the", "cat dog"), "the cat dog"])
    assert (vectors @ vectors.T - np.eye(4)).max() < 0.9999


def test_segments_start_as_no_change() -> None:
    torch.manual_seed(0)
    encoder = SemanticEncoder(PAIRS).eval()
    features = {
        "chunk_embeddings": torch.randn(1, 4, TOY.d_sem),
        "attention_mask": torch.ones(1, 4, dtype=torch.int64),
        "token_type_ids": torch.tensor([[0, 0, 1, 1]]),
    }
    before = encoder(features)["token_embeddings"].clone()
    torch.testing.assert_close(before, encoder.body(features["chunk_embeddings"], features["attention_mask"]))
    before.sum().backward()
    assert encoder.segments.weight.grad.any()
    with torch.no_grad():
        encoder.segments.weight[1] = 1.0
    assert not torch.allclose(encoder(features)["token_embeddings"], before)


def test_a_pair_model_reloads(tmp_path: Path) -> None:
    model = make_pair_model()
    model.save(str(tmp_path), create_model_card=False)
    inputs = [("the cat", "dog"), ("a", "b")]
    np.testing.assert_allclose(load(tmp_path, device="cpu").encode(inputs), model.encode(inputs), atol=1e-6, rtol=0)


def test_every_text_edge_is_excluded() -> None:
    states = torch.tensor([[[9.0], [1.0], [3.0], [7.0], [5.0], [8.0], [6.0]]])
    mask = torch.tensor([[1, 1, 1, 1, 1, 1, 0]])
    parts = torch.tensor([[0, 0, 0, 0, 1, 1, 0]])  # BEGIN 1 3 FINISH 5 FINISH
    assert exclude_text_edges(states, mask, parts)[0, :, 0].tolist() == [3.0, 1.0, 3.0, 3.0, 5.0, 3.0, 6.0]
    empty = torch.tensor([[0, 0, 1, 1, 1, 1, 0]])  # BEGIN FINISH 3 7 5 FINISH
    assert exclude_text_edges(states, mask, empty)[0, :, 0].tolist() == [5.0, 5.0, 3.0, 7.0, 5.0, 5.0, 6.0]


def test_edges_that_are_not_pooled_leave_the_mean_alone() -> None:
    model = make_pair_model(pool_marks=False)
    features = model.preprocess([("the cat", "dog")])
    with torch.no_grad():
        model[1](model[0](features))
    states = features["token_embeddings"][0]
    torch.testing.assert_close(states.mean(dim=0), states[[1, 2, 4]].mean(dim=0), atol=1e-6, rtol=1e-5)


def test_columns_keep_their_parts_when_merged(pairs: SentenceTransformer) -> None:
    columns = [pairs.preprocess([("a", "b c")]), pairs.preprocess(["d"])]
    merged = merge(columns)
    assert merged["token_type_ids"].tolist() == [[0, 0, 0, 1, 1, 1], [0] * 6]
    assert merged["input_ids"].shape == (2, 6, TOY.chunk_chars)


def test_stock_losses_merge_and_trim_pairs_rightly() -> None:
    """Three columns are merged by padding, cached ones cut and trimmed: the parts have to go along."""
    model = make_pair_model(dropout=0.0)
    columns = [
        [("the cat", "dog"), ("a b c d", "e"), ("q", "")],
        ["one two three four five six seven", "b", "d e"],
        [("h", "i"), "m", ("n", "o p q")],
    ]
    anchors, *others = (model.encode(column, convert_to_tensor=True) for column in columns)
    expected = torch.nn.functional.cross_entropy(20 * anchors @ torch.cat(others).T, torch.arange(3))
    model.train()
    gradients = []
    for loss in (MultipleNegativesRankingLoss(model), CachedMultipleNegativesRankingLoss(model, mini_batch_size=2)):
        model.zero_grad()
        value = loss([model.preprocess(column) for column in columns], None)
        value.backward()
        torch.testing.assert_close(value, expected, atol=1e-4, rtol=0)
        gradients.append(model[1].segments.weight.grad.clone())
    assert gradients[0].any()
    torch.testing.assert_close(gradients[0], gradients[1], atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize(
    ("inputs", "cure"),
    [
        (lambda texts: texts, r"An input is a generator.*give list\("),
        (lambda texts: dict.fromkeys(texts), r"a dict with the keys a, b: give its texts, list\(….values"),
        (lambda texts: set(texts), r"An input is a set.*give list\("),
        (lambda texts: [*texts, float("nan")], r"An input is a float \(nan\), but .*leave it out.*says where it is"),
        (lambda texts: [*texts, b"c"], r"An input is a bytes \(b'c'\), but .*decode it"),
    ],
)
def test_encode_says_the_cure_and_no_place_that_is_not_true(
    toy: SentenceTransformer, inputs: Callable[[Iterator[str]], Any], cure: str
) -> None:
    with pytest.raises(ValueError, match=cure) as caught:
        toy.encode(inputs(text for text in ("a", "b")))
    assert "Input 0" not in str(caught.value)


def test_encode_of_a_series_and_a_table_says_the_cure(toy: SentenceTransformer) -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"id": [1, 2], "text": ["a", "b"]})
    for given, cure in (
        (table["text"], r"a Series.*give list\("),
        (table, r"a DataFrame: give one column.* of id, text"),
    ):
        with pytest.raises(ValueError, match=cure):
            toy.encode(given)
    assert toy.encode(list(table["text"])).shape[0] == 2
