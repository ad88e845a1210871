"""BERT's layers in inference: what transformers computes, without padding, unless something is hooked into it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from conftest import BERT_BODY, TOY
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

from tiered_st.modules import SemanticEncoder
from tiered_st.modules.bodies.bert_inference import can_read, read_bert, read_padded
from tiered_st.modules.bodies.packing import pack

LENGTHS = (3, 7, 0, 7, 1)


def make_encoder() -> SemanticEncoder:
    torch.manual_seed(0)
    encoder = SemanticEncoder(TOY.replace(body=BERT_BODY)).eval()
    for parameter in encoder.parameters():
        nn.init.normal_(parameter, std=0.3)
    return encoder


def batch(*lengths: int) -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
    return torch.randn(*mask.shape, 32), mask


def of_transformers(model: Any, x: Tensor, mask: Tensor) -> Tensor:
    return model(inputs_embeds=x, attention_mask=mask).last_hidden_state


def runs_of(model: Any) -> list[int]:
    """Return a list that grows whenever transformers runs the model itself."""
    runs: list[int] = []
    forward = type(model).forward

    class Counted(type(model)):  # type: ignore[misc]
        def forward(self, *args: Any, **kwargs: Any) -> Any:
            runs.append(1)
            return forward(self, *args, **kwargs)

    Counted.__module__ = type(model).__module__
    model.__class__ = Counted
    return runs


# the same states


@torch.no_grad()
@pytest.mark.parametrize("lengths", [(1,), (9,), (5, 5, 5)])
def test_without_padding_the_states_are_those_of_transformers_bit_for_bit(lengths: tuple[int, ...]) -> None:
    model = make_encoder().body.model
    x, mask = batch(*lengths)
    assert can_read(model) and torch.equal(read_bert(model, x, mask), of_transformers(model, x, mask))


@torch.no_grad()
@pytest.mark.parametrize("order", [1, -1])
def test_with_padding_they_are_those_of_transformers_and_zero_where_nothing_is(order: int) -> None:
    model = make_encoder().body.model
    x, mask = batch(*LENGTHS[::order])
    states, real = read_bert(model, x, mask), mask.bool()
    torch.testing.assert_close(states[real], of_transformers(model, x, mask)[real], atol=1e-5, rtol=1e-5)
    assert not states[~real].any()


@torch.no_grad()
@pytest.mark.parametrize("lengths", [(5, 5), (3, 7, 7, 1)])
def test_padded_as_on_a_gpu_every_state_is_that_of_transformers(lengths: tuple[int, ...]) -> None:
    model = make_encoder().body.model
    x, mask = batch(*lengths)
    assert torch.equal(read_padded(model, x, mask), of_transformers(model, x, mask))


@torch.no_grad()
def test_texts_of_nothing_are_zero() -> None:
    model = make_encoder().body.model
    assert torch.equal(read_bert(model, torch.ones(2, 3, 32), torch.zeros(2, 3)), torch.zeros(2, 3, 32))


@torch.no_grad()
def test_a_mask_with_holes_leaves_every_state_at_its_place() -> None:
    model = make_encoder().body.model
    x, mask = batch(6, 4)
    mask[0, 2] = mask[1, 0] = 0
    real = mask.bool()
    expected = of_transformers(model, x, mask)[real]
    torch.testing.assert_close(read_bert(model, x, mask)[real], expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_texts_pass_in_blocks_and_each_has_its_own_states_still() -> None:
    model = make_encoder().body.model
    x, mask = batch(*[40, 3, 17] * 30)
    alone = torch.cat([of_transformers(model, x[i : i + 1, :n], mask[i : i + 1, :n])[0] for i, n in enumerate([40, 3])])
    torch.testing.assert_close(read_bert(model, x, mask)[:2][mask[:2].bool()], alone, atol=1e-5, rtol=1e-5)


def test_blocks_hold_whole_texts_of_like_length() -> None:
    mask = batch(*LENGTHS)[1]
    packing = pack(mask, 15)
    assert packing.blocks == [[(2, 7)], [(1, 3), (1, 1)]]
    assert packing.at is not None and packing.at.tolist() == [*range(7, 14), *range(21, 28), 0, 1, 2, 28]
    assert packing.columns.tolist() == [*range(7), *range(7), 0, 1, 2, 0]
    assert pack(mask, 2).blocks == [[(1, 7)], [(1, 7)], [(1, 3)], [(1, 1)]]
    assert pack(mask.new_zeros(2, 3)).blocks == [[]]


@torch.no_grad()
def test_weights_that_change_are_read_as_they_are() -> None:
    model = make_encoder().body.model
    x, mask = batch(9)
    read_bert(model, x, mask)
    model.encoder.layer[0].attention.self.key.weight.data.mul_(-2)
    assert torch.equal(read_bert(model, x, mask), of_transformers(model, x, mask))
    model.double()
    assert torch.equal(read_bert(model, x.double(), mask), of_transformers(model, x.double(), mask))


# transformers itself, where it has to be


@torch.no_grad()
def test_nobody_calls_transformers_in_inference() -> None:
    encoder = make_encoder()
    runs = runs_of(encoder.body.model)
    x, mask = batch(*LENGTHS)
    encoder({"chunk_embeddings": x, "attention_mask": mask})
    assert runs == []
    with torch.enable_grad():
        encoder({"chunk_embeddings": x[:1], "attention_mask": mask[:1]})
    assert runs == [1]


HOOKED: dict[str, Callable[[Any], object]] = {
    "the model": lambda model: model.register_forward_hook(lambda *_: None),
    "a layer": lambda model: model.encoder.layer[1].register_forward_pre_hook(lambda *_: None),
    "attention": lambda model: model.encoder.layer[0].attention.self.register_forward_hook(lambda *_: None),
    "a table": lambda model: model.embeddings.position_embeddings.register_forward_hook(lambda *_: None),
    "forward": lambda model: setattr(model.encoder, "forward", model.encoder.forward),
    "another class": lambda model: model.encoder.layer.__setitem__(0, nn.Sequential()),
    "eager": lambda model: model.set_attn_implementation("eager"),
    "training": lambda model: model.encoder.layer[0].attention.self.train(),
    "chunked": lambda model: setattr(model.config, "chunk_size_feed_forward", 2),
}


@torch.no_grad()
@pytest.mark.parametrize("what", HOOKED)
def test_what_is_hooked_into_is_run_by_transformers(what: str) -> None:
    model = make_encoder().body.model
    HOOKED[what](model)
    assert not can_read(model)


@torch.no_grad()
def test_hooks_into_all_modules_are_called() -> None:
    model = make_encoder().body.model
    handle = register_module_forward_hook(lambda *_: None)
    try:
        assert not can_read(model)
    finally:
        handle.remove()
    assert can_read(model)


@torch.no_grad()
def test_what_stands_for_a_linear_layer_counts() -> None:
    model = make_encoder().body.model
    x, mask = batch(5)
    before = read_bert(model, x, mask)
    query = model.encoder.layer[0].attention.self.query
    model.encoder.layer[0].attention.self.query = nn.Sequential(query, nn.Hardtanh())
    model.encoder.layer[1].output.dense.register_forward_hook(lambda module, args, out: out + 1)
    assert can_read(model)
    after = read_bert(model, x, mask)
    assert torch.equal(after, of_transformers(model, x, mask)) and not torch.allclose(after, before, atol=1e-3)
