"""The memory by which E1 recognises chunks: its maths, its size, and what it can learn."""

from __future__ import annotations

import math

import pytest
import torch
from conftest import TOY, make_model
from torch.nn import functional as F

from tiered_st.config import TieredConfig
from tiered_st.losses import WordRecognitionLoss
from tiered_st.modules import chunk_memory
from tiered_st.modules.chunk_memory import ChunkMemory
from tiered_st.modules.int8_layers import to_int8

REMEMBERS = TOY.replace(memory_slots=5, memory_width=16)


def make_memory() -> ChunkMemory:
    torch.manual_seed(0)
    memory = ChunkMemory(REMEMBERS)
    torch.nn.init.normal_(memory.prototypes.weight)
    return memory.eval()


def pooled(chunks: int) -> torch.Tensor:
    return torch.randn(chunks, TOY.d_char, generator=torch.Generator().manual_seed(1))


def test_what_is_recalled_is_the_mean_of_the_prototypes_by_the_softmax_of_the_scores() -> None:
    memory, chunks = make_memory(), pooled(3)
    scores = memory.scores(chunks)
    assert scores.shape == (3, 6)
    by_hand = [
        sum(
            math.exp(score) / sum(map(math.exp, row)) * prototype
            for score, prototype in zip(row, memory.prototypes.weight, strict=True)
        )
        for row in scores.tolist()
    ]
    torch.testing.assert_close(memory(chunks), torch.stack(by_hand))  # type: ignore[arg-type]


def test_a_sure_memory_recalls_one_prototype() -> None:
    memory = make_memory()
    with torch.no_grad():
        memory.prototypes.bias[4] = 1e4
    torch.testing.assert_close(memory(pooled(2)), memory.prototypes.weight[[4, 4]])


def test_before_it_has_read_anything_it_expects_what_it_was_told_to() -> None:
    memory = ChunkMemory(REMEMBERS)
    torch.nn.init.zeros_(memory.prototypes.weight)
    expected = torch.tensor([0.4, 0.3, 0.2, 0.1, 0.0, 0.0])
    memory.expect(expected)
    torch.testing.assert_close(torch.softmax(memory.scores(pooled(1)), dim=1)[0], expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("chunks", [0, 1, 7])
def test_blocks_of_chunks_recall_what_all_at_once_do(chunks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = make_memory()
    whole = memory(pooled(chunks))
    monkeypatch.setattr(chunk_memory, "_BLOCK", 3)
    with torch.no_grad():
        torch.testing.assert_close(memory(pooled(chunks)), whole)
    assert whole.shape == (chunks, 16)


def test_int8_recalls_nearly_the_same() -> None:
    memory, chunks = make_memory(), pooled(50)
    before = memory(chunks)
    to_int8(memory)
    assert memory.prototypes.weight.dtype == torch.int8
    assert F.cosine_similarity(memory(chunks), before).min() > 0.995


def test_a_memory_adds_its_slots_to_a_models_parameters() -> None:
    def size(config: TieredConfig) -> int:
        return sum(p.numel() for p in make_model(config)[0].parameters())

    more = size(REMEMBERS.replace(memory_slots=105)) - size(REMEMBERS)
    assert more == 100 * (16 + 1)


@pytest.mark.parametrize(("name", "value"), [("memory_slots", -1), ("memory_width", 0)])
def test_sizes_that_cannot_be_are_refused(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"{name}={value}"):
        TieredConfig(**{name: value})


def test_it_learns_to_recognise_misspelt_words() -> None:
    words = ["river", "house", "letter", "window", "garden"]
    misspelt = ["rvier", "hosue", "leter", "wimdow", "gadren"]
    model = make_model(TOY.replace(memory_slots=5))
    loss = WordRecognitionLoss(model, torch.arange(1, 6))
    features = [model[0].preprocess(column) for column in (words, misspelt)]
    optimizer = torch.optim.Adam(model[0].parameters(), lr=1e-2)
    for _ in range(40):
        optimizer.zero_grad()
        loss(features, torch.arange(5)).backward()
        optimizer.step()
    unseen = model[0].preprocess(["rivr", "huose", "lettter", "wundow", "garedn"])["input_ids"][:, 1]
    assert model[0].recognize(unseen).argmax(dim=1).tolist() == [1, 2, 3, 4, 5]
