"""The gate by which E2 sees a chunk's characters."""

from __future__ import annotations

import pytest
import torch
from conftest import TOY

from tiered_st.modules import SemanticEncoder
from tiered_st.modules.peek_gate import PeekGate

PEEK = TOY.replace(peek=True, d_sem=48, d_char=32)


def features() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        "chunk_embeddings": torch.randn(2, 5, 48, generator=generator),
        "char_features": torch.randn(2, 5, 32, generator=generator),
        "attention_mask": torch.ones(2, 5, dtype=torch.int64),
    }


def test_the_gate_by_hand() -> None:
    gate = PeekGate(2, 1)
    with torch.no_grad():
        gate.gate.weight.copy_(torch.tensor([[1.0, 0.0, 2.0]]))
        gate.gate.bias.fill_(-1.0)
        gate.project.weight.copy_(torch.tensor([[3.0, 5.0]]))
        gate.project.bias.fill_(0.5)
    chunk, char = torch.tensor([[[0.4]]]), torch.tensor([[[1.0, 2.0]]])
    expected = 0.4 + torch.sigmoid(torch.tensor(0.4 + 4.0 - 1.0)) * (3.0 + 10.0 + 0.5)
    torch.testing.assert_close(gate(chunk, char).squeeze(), expected)


def test_it_starts_as_no_change_and_can_learn() -> None:
    encoder = SemanticEncoder(PEEK).eval()
    given = features()
    states = encoder(given)["token_embeddings"]
    plain = encoder.body(given["chunk_embeddings"], given["attention_mask"])
    assert torch.equal(states, plain)
    (states * torch.randn_like(states)).sum().backward()
    assert encoder.peek.project.weight.grad.any()


def test_characters_count_once_it_has_learned() -> None:
    encoder = SemanticEncoder(PEEK).eval()
    torch.nn.init.normal_(encoder.peek.project.weight)
    given = features()
    before = encoder(given)["token_embeddings"].clone()
    assert torch.equal(encoder(given)["token_embeddings"], before)  # still re-runnable
    given["char_features"] = given["char_features"].flip(-1)
    assert not torch.allclose(encoder(given)["token_embeddings"], before, atol=1e-3)


def test_missing_characters_are_named() -> None:
    given = features()
    del given["char_features"]
    with pytest.raises(ValueError, match=r"peek=True lets E2 see char_features .* TieredInput .* peek=True too"):
        SemanticEncoder(PEEK)(given)


def test_it_is_saved(tmp_path: object) -> None:
    encoder = SemanticEncoder(PEEK).eval()
    torch.nn.init.normal_(encoder.peek.project.weight)
    encoder.save(str(tmp_path))
    again = SemanticEncoder.load(str(tmp_path)).eval()
    assert torch.equal(again(features())["token_embeddings"], encoder(features())["token_embeddings"])
