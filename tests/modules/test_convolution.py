"""E1's convolution layer: what it sees, by hand, and what it must not see."""

from __future__ import annotations

import pytest
import torch
from conftest import stir
from torch.nn import functional as F

from tiered_st.modules.convolution import ConvolutionLayer
from tiered_st.modules.positions import Order

DIM = 8


def make_layer(kernel: int = 3, *, zero: bool = False) -> ConvolutionLayer:
    torch.manual_seed(0)
    layer = ConvolutionLayer(DIM, kernel, 16, zero_init=True)
    if not zero:
        stir(layer, scale=0.5)
    return layer


def states_of(length: int, batch: int = 1) -> torch.Tensor:
    return torch.randn(batch, length, DIM, generator=torch.Generator().manual_seed(1))


def run(layer: ConvolutionLayer, x: torch.Tensor, length: int | None = None) -> torch.Tensor:
    mask = torch.arange(x.shape[1]) < (x.shape[1] if length is None else length)
    return layer(x, mask.expand(x.shape[:2]), Order())


def test_by_hand_one_place_at_a_time() -> None:
    layer, x = make_layer(), states_of(4)
    normed = F.pad(layer.convolution_norm(x[0]), (0, 0, 1, 1))  # (6, dim): a zero on either side
    weight = layer.depth_wise.weight[:, 0]  # (dim, kernel)
    for place in range(4):
        mixed = sum(weight[:, k] * normed[place + k] for k in range(3)) + layer.depth_wise.bias
        middle = x[0, place] + layer.point_wise(F.gelu(mixed))
        expected = middle + layer.ffn_out(F.gelu(layer.ffn_in(layer.ffn_norm(middle))))
        torch.testing.assert_close(run(layer, x)[0, place], expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_a_place_sees_half_a_kernel_on_either_side(kernel: int) -> None:
    layer, x = make_layer(kernel), states_of(9)
    changed = x.clone()
    changed[0, 4] += torch.linspace(-1, 1, DIM)  # not a constant, which the norm would take away
    moved = (run(layer, changed) - run(layer, x)).abs().amax(dim=-1)[0] > 1e-5
    assert moved.nonzero().squeeze(1).tolist() == list(range(4 - kernel // 2, 5 + kernel // 2))


@pytest.mark.parametrize("rest", [0.0, 1e4])
def test_padding_is_not_seen(rest: float) -> None:
    layer, x = make_layer(5), states_of(3)
    padded = torch.cat([x, torch.full((1, 6, DIM), rest)], dim=1)
    torch.testing.assert_close(run(layer, padded, 3)[:, :3], run(layer, x), atol=1e-5, rtol=0)


def test_it_starts_as_the_identity_and_learns() -> None:
    layer, x = make_layer(zero=True), states_of(4)
    assert torch.equal(run(layer, x), x)
    assert not layer.is_identity()
    (run(layer, x) * states_of(4)).sum().backward()
    assert layer.point_wise.weight.grad.abs().sum() > 0 and layer.ffn_out.weight.grad.abs().sum() > 0
    assert layer.requires_grad_(False).is_identity()
    assert not make_layer().requires_grad_(False).is_identity()


def test_no_chunks() -> None:
    assert run(make_layer(), torch.zeros(0, 4, DIM)).shape == (0, 4, DIM)
