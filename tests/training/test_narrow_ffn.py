"""Fewer feed-forward units than the teacher's: which are kept, and what is left alone."""

from __future__ import annotations

import pytest
import torch
from conftest import TOY
from test_warm_start import states_of, tiny_teacher

from tiered_st.model import build
from training.warm_start import body_config, warm_start
from training.warm_start.narrow_ffn import narrow_ffn

LAYER = "encoder.layer.0"


def test_units_of_the_largest_weights_are_kept_in_their_order() -> None:
    tensors = {
        f"{LAYER}.in.weight": torch.tensor([[3.0, 4.0], [0.1, 0.0], [1.0, 0.0]]),  # norms 5, 0.1, 1
        f"{LAYER}.in.bias": torch.tensor([1.0, 2.0, 3.0]),
        f"{LAYER}.out.weight": torch.tensor([[0.1, 9.0, 1.0], [0.0, 0.0, 0.0]]),  # norms 0.1, 9, 1
        f"{LAYER}.out.bias": torch.tensor([7.0, 8.0]),
    }  # products 0.5, 0.9, 1: neither in nor out alone would choose the last two
    shapes = {name: torch.Size(size) for name, size in zip(tensors, [(2, 2), (2,), (2, 2), (2,)], strict=True)}
    found = narrow_ffn(tensors, shapes)
    assert found[f"{LAYER}.in.weight"].tolist() == [[pytest.approx(0.1), 0.0], [1.0, 0.0]]
    assert found[f"{LAYER}.in.bias"].tolist() == [2.0, 3.0]
    assert found[f"{LAYER}.out.weight"].tolist() == [[9.0, 1.0], [0.0, 0.0]]
    assert found[f"{LAYER}.out.bias"].tolist() == [7.0, 8.0]


@pytest.mark.parametrize("size", [(3, 5), (2, 3), (3,), (4, 5, 1)])
def test_what_is_not_a_number_of_units_too_many_is_left_alone(size: tuple[int, ...]) -> None:
    weight = torch.arange(12.0).reshape(3, 4)
    found = narrow_ffn({f"{LAYER}.in.weight": weight}, {f"{LAYER}.in.weight": torch.Size(size)})
    assert found[f"{LAYER}.in.weight"] is weight


def test_dead_units_cost_nothing() -> None:
    """A teacher half of whose units say nothing is the same with the other half."""
    teacher = tiny_teacher("bert", layers=2)
    for layer in teacher[0].auto_model.encoder.layer:
        layer.output.dense.weight.data[:, ::2] = 0
    encoder = build(TOY.replace(body=body_config(teacher, ffn=32)), device="cpu").semantic_encoder
    warm_start(encoder, teacher)
    assert encoder.body.model.encoder.layer[1].intermediate.dense.weight.shape == (32, 32)
    inputs = torch.randn(2, 5, 32)
    torch.testing.assert_close(
        states_of(encoder.body.model, inputs), states_of(teacher[0].auto_model, inputs), atol=1e-5, rtol=1e-5
    )


def test_two_layers_keep_units_of_their_own() -> None:
    teacher = tiny_teacher("bert", layers=3)
    chosen = (0, 2)
    for number, first in ((0, 0), (2, 32)):
        teacher[0].auto_model.encoder.layer[number].output.dense.weight.data[:, first : first + 32] *= 100
    encoder = build(TOY.replace(body=body_config(teacher, chosen, 32)), device="cpu").semantic_encoder
    warm_start(encoder, teacher, chosen)
    for place, (number, first) in enumerate(((0, 0), (2, 32))):
        theirs = teacher[0].auto_model.encoder.layer[number].intermediate.dense.weight
        own = encoder.body.model.encoder.layer[place].intermediate.dense.weight
        assert torch.equal(own, theirs[first : first + 32])


@pytest.mark.parametrize("ffn", [0, -1, 65])
def test_units_that_the_teacher_does_not_have_are_refused(ffn: int) -> None:
    with pytest.raises(ValueError, match=f"warm_ffn={ffn} must be between 1 and the 64 feed-forward units"):
        body_config(tiny_teacher("bert"), ffn=ffn)


def test_a_gated_feed_forward_is_refused_by_name() -> None:
    teacher = tiny_teacher("modernbert")
    encoder = build(TOY.replace(body=body_config(teacher, ffn=32)), device="cpu").semantic_encoder
    with pytest.raises(ValueError, match=r"The teacher has no layers\.0\.mlp.*config.body is not its configuration"):
        warm_start(encoder, teacher)
