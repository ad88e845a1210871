"""Characters to one vector: each way by hand, and none of them sees what lies behind the mask."""

from __future__ import annotations

import math

import pytest
import torch
from conftest import TOY
from torch import Tensor, nn
from torch.nn import functional as F

from tiered_st.config import CHOICES
from tiered_st.modules.char_pooling import POOLINGS, SigmoidPooling, SoftmaxPooling, mean_over

SMALL = TOY.replace(d_char=4, char_heads=2, char_kernel=3)
# Two chunks, of three characters and of one; what is masked would be noticed.
STATES = torch.tensor([[[1.0, 0, 2, -1], [3, 0, 0, -3], [2, 6, 4, -2]], [[5, 1, 0, 7], [9e4] * 4, [9e4] * 4]])
MASK = torch.tensor([[True, True, True], [True, False, False]])


def make(name: str) -> nn.Module:
    torch.manual_seed(0)
    return POOLINGS[name](SMALL)


def scored(pooling: SoftmaxPooling) -> SoftmaxPooling:
    """Make the score of a character its third dimension: 2, 0, 4 in the first chunk, nearly (tanh is nearly linear)."""
    small = 1e-3
    with torch.no_grad():
        for parameter in pooling.parameters():
            parameter.zero_()
        pooling[0].weight[0, 2] = small
        pooling[2].weight[0, 0] = 1 / small
    return pooling


def test_every_choice_is_there() -> None:
    assert tuple(POOLINGS) == CHOICES["projector_pooling"]


def test_mean_by_hand() -> None:
    torch.testing.assert_close(make("mean")(STATES, MASK), torch.tensor([[2.0, 2, 2, -2], [5, 1, 0, 7]]))


def test_max_by_hand() -> None:
    assert make("max")(STATES, MASK).tolist() == [[3, 6, 4, -1], [5, 1, 0, 7]]


def weighted(weights: list[float]) -> Tensor:
    return sum(w * row for w, row in zip(weights, STATES[0], strict=True)) / sum(weights)


def test_softmax_by_hand() -> None:
    out = scored(SoftmaxPooling(SMALL))(STATES, MASK)
    torch.testing.assert_close(out[0], weighted([math.exp(2), math.exp(0), math.exp(4)]), atol=1e-4, rtol=0)
    assert out[1].tolist() == [5, 1, 0, 7]


def test_sigmoid_by_hand() -> None:
    out = scored(SigmoidPooling(SMALL))(STATES, MASK)
    torch.testing.assert_close(out[0], weighted([1 / (1 + math.exp(-score)) for score in (2, 0, 4)]), atol=1e-4, rtol=0)
    assert out[1].tolist() == [5, 1, 0, 7]


def test_sigmoid_weights_that_all_vanish_still_make_a_mean() -> None:
    pooling = scored(SigmoidPooling(SMALL))
    torch.nn.init.constant_(pooling[2].bias, -500.0)
    assert 1 / (1 + math.exp(500)) < torch.finfo(torch.float32).tiny
    torch.testing.assert_close(pooling(STATES, MASK)[1], STATES[1, 0])
    assert torch.isfinite(pooling(STATES, MASK)).all()


def test_attention_by_hand_head_by_head() -> None:
    pooling = make("attention")
    out = pooling(STATES, MASK)
    values = pooling.values(STATES[0])  # (chars, d_char)
    for head in range(2):
        weights = torch.softmax(STATES[0] @ pooling.queries.weight[head], dim=0)
        expected = weights @ values[:, 2 * head : 2 * head + 2]
        torch.testing.assert_close(out[0, 2 * head : 2 * head + 2], expected)
    torch.testing.assert_close(out[1], pooling.values(STATES[1, 0]))


@pytest.mark.parametrize(("kernel", "stride", "starts"), [(3, 1, [0, 1, 2]), (4, 2, [0, 2]), (1, 1, [0, 1, 2])])
def test_convolution_by_hand_window_by_window(kernel: int, stride: int, starts: list[int]) -> None:
    torch.manual_seed(0)
    pooling = POOLINGS["convolution"](SMALL.replace(char_kernel=kernel))
    assert pooling.stride == stride
    chars = F.pad(STATES[0], (0, 0, 0, kernel))  # zeros behind the last character
    weight, bias = pooling.convolution.weight, pooling.convolution.bias  # (out, in, kernel)
    windows = [torch.einsum("oik,ki->o", weight, chars[at : at + kernel]) + bias for at in starts]
    expected = torch.stack([F.gelu(window) for window in windows]).mean(dim=0)
    torch.testing.assert_close(pooling(STATES, MASK)[0], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", POOLINGS)
def test_padding_is_not_seen(name: str) -> None:
    pooling = make(name)
    expected = pooling(STATES, MASK)
    wider = F.pad(STATES, (0, 0, 0, 5), value=-7e4)
    torch.testing.assert_close(pooling(wider, F.pad(MASK, (0, 5))), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(pooling(STATES[1:, :1], MASK[1:, :1]), expected[1:], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", POOLINGS)
def test_gradients_reach_states_and_weights_and_dtype_stays(name: str) -> None:
    pooling, states = make(name), STATES.clamp(max=3).requires_grad_()
    (pooling(states, MASK) * torch.arange(1.0, 5.0)).sum().backward()
    assert states.grad[0].any() and not states.grad[1, 1:].any() and torch.isfinite(states.grad).all()
    weights = [p for n, p in pooling.named_parameters() if n != "2.bias"]  # softmax does not see a constant
    assert all(p.grad.abs().sum() > 0 for p in weights)
    assert pooling.bfloat16()(STATES.bfloat16(), MASK).dtype == torch.bfloat16
    assert pooling(STATES[:0].bfloat16(), MASK[:0]).shape == (0, 4)


def test_mean_over_is_the_mean() -> None:
    assert mean_over(torch.tensor([[[2.0], [4.0], [9.0]]]), torch.tensor([[True, True, False]])).item() == 3.0
