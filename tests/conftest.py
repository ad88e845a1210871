"""Toy models built in memory, and texts of every sort; nothing here reads a network."""

from __future__ import annotations

import os
from collections.abc import Callable

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import pytest
import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer

from tiered_st.config import PRESETS, TieredConfig
from tiered_st.model import build

settings.register_profile(
    "hermetic",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("hermetic")

TOY = PRESETS["toy"]
BERT_BODY = {
    "model_type": "bert", "vocab_size": 100, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 64, "max_position_embeddings": 64, "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}  # fmt: skip

_AWKWARD = [
    *"ab XY09 .,'!-/\t\n\x00\x1f\x85\xa0\u0301\u00ad\u200b\u200d\ufe0f\ufeff\uffff",
    *"\ud83d\udc00ßİΣяéç안漢字かナกิ😂🏽𐐀𠀀ﬁ①",
    "hello", "don't", "://", "   ", "e\u0301", "ﷺ", "नमस्ते", "x" * 40,
]  # fmt: skip
# Lists of pieces, since st.text draws the awkward ones too rarely.
UNICODE = st.lists(st.one_of(st.characters(), st.sampled_from(_AWKWARD)), max_size=30).map("".join)
"""Arbitrary strings, lone surrogates, controls and noncharacters included."""


def stir(module: torch.nn.Module, seed: int = 0, scale: float = 0.1) -> None:
    """Give every all-zero weight a value, so that layers that start as the identity do something."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if not parameter.any() and not name.endswith("embedding.weight"):
                parameter.copy_(scale * torch.randn(parameter.shape, generator=generator))


def make_model(config: TieredConfig = TOY, seed: int = 0) -> SentenceTransformer:
    """Build a model whose every layer counts, on the CPU and in inference mode."""
    torch.manual_seed(seed)
    model = build(config, device="cpu")
    stir(model, seed)
    return model.eval()


@pytest.fixture
def model() -> SentenceTransformer:
    """A toy model of one's own, to be changed at will."""
    return make_model()


@pytest.fixture(scope="session")
def toy() -> SentenceTransformer:
    """A toy model that tests share: encode with it, change nothing."""
    return make_model()


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Callable[[SentenceTransformer], list[int]]:
    """Return a function that lists, for a model, how many chunks each call to E1 encodes."""

    def count(model: SentenceTransformer) -> list[int]:
        calls: list[int] = []
        encode = model[0].source.encode

        def encode_chunks(rows: torch.Tensor) -> torch.Tensor:
            calls.append(len(rows))
            return encode(rows)

        monkeypatch.setattr(model[0].source, "encode", encode_chunks)
        return calls

    return count
