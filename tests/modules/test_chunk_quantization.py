"""Coarse chunk vectors: their values by hand, how many there can be, and gradients that ignore it all."""

from __future__ import annotations

import pytest
import torch
from conftest import TOY, make_model

from tiered_st.config import CHOICES
from tiered_st.modules.chunk_quantization import QUANTIZATIONS, HashToSigns, RoundToInt8


def test_every_choice_is_there() -> None:
    assert set(QUANTIZATIONS) == set(CHOICES["chunk_quantization"])


def test_int8_by_hand() -> None:
    vectors = torch.tensor([[127.0, -63.6, 0.4, 0.0], [0.254, -0.127, 0.0011, 0.0]])
    expected = torch.tensor([[127.0, -64.0, 0.0, 0.0], [0.254, -0.128, 0.002, 0.0]])
    torch.testing.assert_close(RoundToInt8()(vectors), expected)


def test_binary_by_hand() -> None:
    assert HashToSigns()(torch.tensor([[1.0, -2.0, 3.0, 0.0]])).tolist() == [[1.5, -1.5, 1.5, 1.5]]


@pytest.mark.parametrize(("name", "levels"), [("int8", 255), ("binary", 2)])
def test_number_of_distinct_values(name: str, levels: int) -> None:
    vectors = torch.randn(3, 50_000, generator=torch.Generator().manual_seed(0))
    coarse = QUANTIZATIONS[name]()(vectors)
    counts = [len(row.unique()) for row in coarse]
    assert all(levels / 2 < count <= levels for count in counts)
    again = QUANTIZATIONS[name]()(coarse)
    torch.testing.assert_close(again, coarse)  # what is coarse stays as it is


@pytest.mark.parametrize("name", ["int8", "binary"])
def test_gradients_pass_unchanged(name: str) -> None:
    vectors = torch.randn(3, 8, generator=torch.Generator().manual_seed(0)).requires_grad_()
    weights = torch.randn(3, 8, generator=torch.Generator().manual_seed(1))
    (QUANTIZATIONS[name]()(vectors) * weights).sum().backward()
    assert torch.equal(vectors.grad, weights)


@pytest.mark.parametrize("name", ["int8", "binary"])
def test_zeros_dtypes_and_no_chunks(name: str) -> None:
    quantize = QUANTIZATIONS[name]()
    assert not quantize(torch.zeros(2, 4)).any()
    assert quantize(torch.ones(2, 4, dtype=torch.bfloat16)).dtype == torch.bfloat16
    assert quantize(torch.zeros(0, 4)).shape == (0, 4)


def test_a_hash_tells_spellings_apart_and_keeps_them_close() -> None:
    """In a model: the chunk vectors are coarse, cached ones too, and E1 learns through them."""
    model = make_model(TOY.replace(chunk_quantization="binary"))
    with torch.no_grad():
        for _ in range(2):
            vectors = model[0](model.preprocess(["hello xylophone", "😂 \ud800"]))["chunk_embeddings"][:, 1:3]
            assert all(len(vector.unique()) == 2 for vector in vectors.flatten(0, 1))
    assert not torch.equal(vectors[0, 0].sign(), vectors[0, 1].sign())
    model(model.preprocess(["hello"]))["sentence_embedding"][:, 0].sum().backward()
    assert model[0].char_encoder.embedding.weight.grad.abs().sum() > 0
