"""Character states to one vector per chunk: what is pooled, and what is not."""

from __future__ import annotations

import pytest
import torch
from conftest import TOY

from tiered_st.modules.char_pooling import POOLINGS
from tiered_st.modules.chunk_projector import ChunkProjector
from tiered_st.text import ChunkType

WORD = torch.full((3,), int(ChunkType.WORD))
MASK = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]]).bool()


def make_projector(**changes: object) -> ChunkProjector:
    torch.manual_seed(0)
    return ChunkProjector(TOY.replace(**changes)).eval()


def states_of(chunks: int = 3) -> torch.Tensor:
    return torch.randn(chunks, 4, TOY.d_char, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("hidden", [0, 64])
def test_shape_with_and_without_a_hidden_layer(hidden: int) -> None:
    out = make_projector(projector_hidden=hidden, d_sem=64)(states_of(), MASK, WORD)
    assert out.shape == (3, 64) and torch.isfinite(out).all()


def test_states_behind_the_mask_do_not_count() -> None:
    projector, states = make_projector(), states_of()
    other = torch.where(MASK[..., None], states, 1e4 * torch.ones(()))
    torch.testing.assert_close(projector(other, MASK, WORD), projector(states, MASK, WORD))


def test_equal_weights_pool_to_the_mean() -> None:
    projector, states = make_projector(), states_of()
    for parameter in projector.weigh.parameters():
        torch.nn.init.zeros_(parameter)
    mean = (states * MASK[..., None]).sum(dim=1, keepdim=True) / MASK.sum(dim=1)[:, None, None]  # (chunks, 1, d_char)
    one = torch.ones(3, 1, dtype=torch.bool)
    torch.testing.assert_close(projector(states, MASK, WORD), projector(mean, one, WORD))


def test_weights_are_learned() -> None:
    projector = make_projector()
    projector(states_of(), MASK, WORD)[:, 0].sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in projector.weigh[0].parameters())


def test_the_type_changes_the_vector() -> None:
    projector, states = make_projector(), states_of()
    capital = torch.full((3,), int(ChunkType.CAPITALISED))
    assert not torch.allclose(projector(states, MASK, WORD), projector(states, MASK, capital))


def test_the_type_can_be_left_out() -> None:
    projector, states = make_projector(type_embedding=False), states_of()
    capital = torch.full((3,), int(ChunkType.CAPITALISED))
    assert torch.equal(projector(states, MASK, WORD), projector(states, MASK, capital))
    assert not any("type" in name for name in projector.state_dict())


def test_names_of_the_default_are_those_of_saved_models() -> None:
    weigh = {name for name in make_projector().state_dict() if name.startswith("weigh")}
    assert weigh == {"weigh.0.weight", "weigh.0.bias", "weigh.2.weight", "weigh.2.bias"}


@pytest.mark.parametrize("pooling", POOLINGS)
def test_every_pooling_ignores_what_is_behind_the_mask(pooling: str) -> None:
    projector, states = make_projector(projector_pooling=pooling), states_of()
    other = torch.where(MASK[..., None], states, 1e4 * torch.ones(()))
    torch.testing.assert_close(projector(other, MASK, WORD), projector(states, MASK, WORD))


@pytest.mark.parametrize(("quantization", "levels"), [("int8", 255), ("binary", 2)])
def test_what_comes_out_is_coarse(quantization: str, levels: int) -> None:
    projector = make_projector(chunk_quantization=quantization, d_sem=2048)
    assert all(levels / 3 < len(vector.unique()) <= levels for vector in projector(states_of(), MASK, WORD))
    assert len(make_projector(d_sem=2048)(states_of(), MASK, WORD)[0].unique()) > 1000


def test_init_output_gives_chunk_vectors_the_mean_and_spread_of_what_e2_expects() -> None:
    projector = make_projector()
    wanted = 3.0 + 0.5 * torch.randn(4000, TOY.d_sem, generator=torch.Generator().manual_seed(2))
    projector.init_output(wanted)
    out = projector(states_of(500), torch.ones(500, 4, dtype=torch.bool), WORD[:1].expand(500)).detach()
    assert abs(out.mean().item() - 3.0) < 0.05
    assert abs((out - wanted.mean(dim=0)).std().item() - 0.5) < 0.05


def test_half_precision_stays_half() -> None:
    out = make_projector().bfloat16()(states_of().bfloat16(), MASK, WORD)
    assert out.dtype == torch.bfloat16 and torch.isfinite(out).all()
