"""Tables that are kept: made once, fit for training, and never of a run that only pretends to compute."""

from __future__ import annotations

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from tiered_st.modules import kept_tables
from tiered_st.modules.kept_tables import kept
from tiered_st.modules.positions import rotary_angles, rotate

CPU = torch.device("cpu")


def make(length: int, device: torch.device) -> tuple[Tensor]:
    return (torch.arange(length, device=device),)


def test_a_table_is_made_once_for_each_size() -> None:
    assert kept(make, 3, CPU)[0] is kept(make, 3, CPU)[0]
    assert kept(make, 4, CPU)[0].tolist() == [0, 1, 2, 3]


def test_what_was_made_in_inference_can_be_trained_through() -> None:
    with torch.inference_mode():
        rotary_angles(7, 4, CPU)
    x = torch.ones(7, 4, requires_grad=True)
    rotate(x, rotary_angles(7, 4, CPU)).sum().backward()
    assert x.grad is not None and x.grad.isfinite().all()


def test_a_pretended_table_is_not_kept() -> None:
    with FakeTensorMode():
        assert type(kept(make, 11, CPU)[0]) is not Tensor
    assert type(kept(make, 11, CPU)[0]) is Tensor


def test_there_are_never_many() -> None:
    for length in range(2 * kept_tables._MOST):
        kept(make, length, CPU)
    assert len(kept_tables._TABLES) <= kept_tables._MOST
