"""How order is told: each way by hand, and in a whole model that is saved and loaded elsewhere."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from conftest import TOY, make_model

from tiered_st.config import TieredConfig
from tiered_st.modules import SemanticEncoder
from tiered_st.modules.positions import POSITIONS, Absolute, Alibi, Learned, Positions, rotary_angles, rotate

SCHEMES = ("rotary", "alibi", "absolute", "learned")
CPU = torch.device("cpu")


def encoder_with(scheme: str) -> SemanticEncoder:
    torch.manual_seed(0)
    return SemanticEncoder(TOY.replace(sem_positions=scheme, max_chunks=8)).eval()


def run(encoder: SemanticEncoder, vectors: torch.Tensor, pad: int = 0) -> torch.Tensor:
    mask = torch.ones(vectors.shape[:2], dtype=torch.int64)
    mask[:, vectors.shape[1] - pad :] = 0
    with torch.no_grad():
        return encoder({"chunk_embeddings": vectors, "attention_mask": mask})["token_embeddings"]


@pytest.fixture
def vectors() -> torch.Tensor:
    return torch.randn(2, 5, TOY.d_sem, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_order_matters(scheme: str, vectors: torch.Tensor) -> None:
    encoder = encoder_with(scheme)
    order = [0, 2, 1, 3, 4]
    assert not torch.allclose(run(encoder, vectors)[:, order], run(encoder, vectors[:, order]), atol=1e-4)


def test_without_positions_order_does_not_matter(vectors: torch.Tensor) -> None:
    encoder = encoder_with("rotary")
    encoder.body.positions = Positions(TOY.d_sem, TOY.sem_heads, 8)
    order = [0, 2, 1, 3, 4]
    torch.testing.assert_close(run(encoder, vectors)[:, order], run(encoder, vectors[:, order]), atol=1e-5, rtol=0)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_lies_behind_a_text_does_not_count(scheme: str, vectors: torch.Tensor) -> None:
    encoder = encoder_with(scheme)
    padded = torch.cat([vectors, torch.full((2, 3, TOY.d_sem), 7.0)], dim=1)
    torch.testing.assert_close(run(encoder, padded, 3)[:, :5], run(encoder, vectors), atol=1e-5, rtol=1e-5)


def test_alibi_by_hand() -> None:
    bias = Alibi(32, 4, 8).order(3, CPU).bias
    distance = torch.tensor([[0.0, 1, 2], [1, 0, 1], [2, 1, 0]])
    slopes = (1 / 4, 1 / 16, 1 / 64, 1 / 256)  # 2 ** (-8 h / heads)
    torch.testing.assert_close(bias, torch.stack([-slope * distance for slope in slopes]))


def test_alibi_makes_what_is_far_count_less() -> None:
    """With equal queries and keys, attention is the softmax of the bias alone."""
    encoder = encoder_with("alibi")
    layer = encoder.body.layers[0]
    with torch.no_grad():
        layer.qkv.weight[: 2 * TOY.d_sem] = 0
        layer.qkv.bias[: 2 * TOY.d_sem] = 0
        layer.qkv.weight[2 * TOY.d_sem :] = torch.eye(TOY.d_sem)
        layer.qkv.bias[2 * TOY.d_sem :] = 0
        layer.attention_out.weight.copy_(torch.eye(TOY.d_sem))
        layer.attention_out.bias.zero_()
        layer.ffn_out.weight.zero_()
        layer.ffn_out.bias.zero_()
        x = torch.randn(1, 3, TOY.d_sem)
        attended = layer(x, torch.ones(1, 3).bool(), encoder.body.positions.order(3, CPU)) - x
    half = TOY.d_sem // 2  # the first of two heads, of slope 1 / 16
    weights = torch.softmax(torch.tensor([0.0, -1 / 16, -2 / 16]), dim=0)
    expected = (weights[:, None] * layer.attention_norm(x)[0, :, :half]).sum(dim=0)
    torch.testing.assert_close(attended[0, 0, :half], expected, atol=1e-5, rtol=1e-5)


def test_absolute_is_the_sinusoid() -> None:
    entered = Absolute(8, 2, 4).enter(torch.zeros(1, 4, 8))[0]
    for place in range(4):
        for i in range(4):
            angle = place / 10_000 ** (2 * i / 8)
            assert entered[place, i].item() == pytest.approx(math.sin(angle), abs=1e-6)
            assert entered[place, 4 + i].item() == pytest.approx(math.cos(angle), abs=1e-6)


def test_rotary_scores_depend_on_distance_alone() -> None:
    q, k = torch.randn(8), torch.randn(8)
    angles = rotary_angles(6, 8, CPU)
    scores = rotate(q.expand(6, 8), angles) @ rotate(k.expand(6, 8), angles).T  # (6, 6)
    for distance in range(-5, 6):
        diagonal = scores.diagonal(distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), atol=1e-5, rtol=1e-5)
    assert not torch.allclose(scores[0, 0], scores[0, 1], atol=1e-3)


def test_learned_takes_exactly_its_length() -> None:
    learned = Learned(4, 2, 3)
    torch.testing.assert_close(learned.enter(torch.ones(2, 3, 4))[1], 1 + learned.table.weight)
    with pytest.raises(ValueError, match="A text has 4 positions, but sem_positions='learned' knows max_chunks=3"):
        learned.enter(torch.ones(2, 4, 4))


def test_learned_refuses_through_the_model() -> None:
    model = make_model(TOY.replace(sem_positions="learned", max_chunks=8))
    assert np.isfinite(model.encode("a " * 100)).all()  # cut to what it knows
    with pytest.raises(ValueError, match="from 3 to 8, this model's max_chunks"):
        model.max_seq_length = 9
    with pytest.raises(ValueError, match="lower max_seq_length"):
        model.encode("a " * 100, max_length=9)


def test_every_scheme_of_the_configuration_is_there() -> None:
    assert set(POSITIONS) == {*SCHEMES, "none"}
    assert TieredConfig().sem_positions in SCHEMES
