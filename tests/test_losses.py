"""Objectives: their maths against numbers worked out by hand, and which tier each of them moves."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from conftest import TOY, make_model
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn

from tiered_st.losses import CharMLMLoss, ChunkIdentityLoss, SentenceDistillationLoss, WordMimicryLoss
from tiered_st.losses.columns import chunk_vectors, merge, single_chunks, tiers_of

E1, PROJECTOR, E2 = "tiers.char_encoder", "tiers.chunk_projector", "semantic_encoder"
D = TOY.d_sem


def unit(*rows: tuple[float, ...]) -> Tensor:
    return torch.tensor(rows)


def columns(model: SentenceTransformer, *texts: list[str]) -> list[dict[str, Tensor]]:
    return [model[0].preprocess(column) for column in texts]


def moved(model: SentenceTransformer) -> set[str]:
    """Return the tiers that got a gradient."""
    prefixes = (E1, PROJECTOR, E2)
    named = [(n, p) for n, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0]
    return {prefix for prefix in prefixes for name, _ in named if name.startswith(prefix + ".")}


def targets(count: int) -> Tensor:
    return torch.randn(count, D, generator=torch.Generator().manual_seed(3))


# columns


def test_merge_pads_chunks_to_the_longest_column(toy: SentenceTransformer) -> None:
    merged = merge(columns(toy, ["a", "b c"], ["a b c", ""]))
    assert merged["input_ids"].shape == (4, 5, TOY.chunk_chars)
    assert merged["attention_mask"].tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 0], [1] * 5, [1, 1, 0, 0, 0]]
    together = toy[0].preprocess(["a", "b c", "a b c", ""])
    assert torch.equal(merged["input_ids"], together["input_ids"])


def test_single_chunks(toy: SentenceTransformer) -> None:
    features = toy[0].preprocess(["word", "two words", "", "hel!o", "hello!"])
    assert single_chunks(features).tolist() == [True, False, False, True, False]


def test_a_model_without_tiers_is_refused(toy: SentenceTransformer) -> None:
    with pytest.raises(ValueError, match="opens with a Linear"):
        tiers_of(nn.Sequential(nn.Linear(1, 1)))
    assert tiers_of(toy) is toy[0]


class Wrapper(nn.Module):
    """Stand in for DistributedDataParallel."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, features: dict[str, Tensor]) -> Any:
        return self.module(features)


def test_a_distributed_wrapper_gives_the_same_vectors_and_losses(model: SentenceTransformer) -> None:
    features = model[0].preprocess(["word", "other"])
    torch.testing.assert_close(chunk_vectors(Wrapper(model), dict(features)), chunk_vectors(model, dict(features)))
    labels = torch.tensor([0, 1])
    for make in (lambda m: WordMimicryLoss(m, targets(2)), ChunkIdentityLoss):
        loss = make(model)
        alone = loss(columns(model, ["word", "other"], ["wrod", "othr"]), labels)
        loss.model = Wrapper(model)
        torch.testing.assert_close(loss(columns(model, ["word", "other"], ["wrod", "othr"]), labels), alone)


# char-MLM


def test_char_mlm_by_hand() -> None:
    assert CharMLMLoss.compute(torch.zeros(3, 512), torch.tensor([1, 300, 511])).item() == pytest.approx(math.log(512))
    certain = torch.full((1, 512), -100.0)
    certain[0, 7] = 100.0
    assert CharMLMLoss.compute(certain, torch.tensor([7])).item() == pytest.approx(0.0)
    assert CharMLMLoss.compute(torch.zeros(0, 512), torch.zeros(0, dtype=torch.int64)).item() == 0.0


def test_char_mlm_moves_e1_and_its_head_only(model: SentenceTransformer) -> None:
    loss = CharMLMLoss(model, rate=0.5)
    value = loss(columns(model, ["the quick brown foxes", "jumped over"]))
    value.backward()
    assert moved(model) == {E1}
    assert loss.head.weight.grad.abs().sum() > 0
    assert 0 < value.item() < 20


@pytest.mark.parametrize(
    ("texts", "rate"),
    [
        (["a", "b c", "!"], 1.0),
        ([""], 1.0),
        (["many words here"], 0.0),
    ],
)
def test_char_mlm_with_nothing_to_mask_is_zero(model: SentenceTransformer, texts: list[str], rate: float) -> None:
    value = CharMLMLoss(model, rate=rate)(columns(model, texts))
    value.backward()
    assert value.item() == 0.0


def test_char_mlm_hides_characters_but_not_the_type(
    model: SentenceTransformer, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Tensor] = []
    encode = model[0].char_encoder.forward
    monkeypatch.setattr(model[0].char_encoder, "forward", lambda rows: (seen.append(rows), encode(rows))[1])
    CharMLMLoss(model, rate=1.0)(columns(model, ["Hello"]))
    (rows,) = seen
    assert rows.tolist() == [[7, 1, 1, 1, 1, 1]]  # CAPITALISED, five masks


# word mimicry


def test_mimicry_by_hand() -> None:
    wanted, center = unit((1.0, 0.0), (0.0, 1.0)), torch.zeros(2)
    assert WordMimicryLoss.compute(wanted, wanted, center).item() == pytest.approx(0.0, abs=1e-6)
    # squared errors 2 and 0 over a variance of 1; cosines 0 and 1
    assert WordMimicryLoss.compute(unit((0.0, 1.0), (0.0, 1.0)), wanted, center).item() == pytest.approx(1.5)
    # around the centre: (0, 1) is to hit (1, 0), an error of 2 over a variance of 1, at right angles
    center = unit((0.5, 0.5))[0]
    halves = WordMimicryLoss.compute(unit((0.5, 1.5)), unit((1.5, 0.5)), center)
    assert halves.item() == pytest.approx(2.0 + 1.0)
    assert WordMimicryLoss.compute(torch.zeros(0, 2), torch.zeros(0, 2), center).item() == 0.0


@pytest.mark.parametrize("marks", [None, targets(2)])
def test_mimicry_moves_the_tiers_and_not_e2(model: SentenceTransformer, marks: Tensor | None) -> None:
    loss = WordMimicryLoss(model, targets(3), marks=marks)
    loss(columns(model, ["cat", "dog"], ["cta", "dgo"]), torch.tensor([2, 0])).backward()
    assert moved(model) == {E1, PROJECTOR}


def test_mimicry_leaves_out_what_is_not_one_chunk(model: SentenceTransformer) -> None:
    loss = WordMimicryLoss(model, targets(3))
    whole = loss(columns(model, ["cat"], ["cta"]), torch.tensor([2]))
    more = loss(columns(model, ["cat", "c t"], ["cta", "ca-t"]), torch.tensor([2, 1]))
    torch.testing.assert_close(more, whole)


@pytest.mark.parametrize("marks", [None, targets(2)])
@pytest.mark.parametrize("texts", [["two words", "a-b"], ["", ""]])
def test_mimicry_without_a_single_chunk_still_has_a_gradient(
    model: SentenceTransformer, texts: list[str], marks: Tensor | None
) -> None:
    value = WordMimicryLoss(model, targets(2), marks=marks)(columns(model, texts), torch.tensor([0, 1]))
    value.backward()
    assert torch.isfinite(value)
    assert marks is not None or value.item() == 0.0


# chunk identity


def test_identity_by_hand() -> None:
    vectors = unit((1.0, 0.0), (0.0, 1.0))
    compute = ChunkIdentityLoss.compute
    assert compute(vectors, vectors, torch.tensor([0, 1]), 3.0).item() == pytest.approx(math.log(1 + math.exp(-3)))
    assert compute(vectors, vectors.flip(0), torch.tensor([0, 1]), 3.0).item() == pytest.approx(
        3 + math.log(1 + math.exp(-3))
    )
    assert compute(2 * vectors, 5 * vectors, torch.tensor([0, 1]), 3.0) == compute(
        vectors, vectors, torch.tensor([0, 1]), 3.0
    )
    assert compute(vectors, vectors.flip(0), torch.tensor([4, 4]), 3.0).item() == 0.0  # one word: no negatives
    assert compute(vectors[:0], vectors[:0], torch.zeros(0, dtype=torch.int64), 3.0).item() == 0.0


def test_identity_moves_the_tiers_and_not_e2(model: SentenceTransformer) -> None:
    loss = ChunkIdentityLoss(model)
    loss(columns(model, ["cat", "dog"], ["cta", "dgo"]), torch.tensor([0, 1])).backward()
    assert moved(model) == {E1, PROJECTOR}


def test_identity_leaves_out_rows_where_either_side_is_not_one_chunk(model: SentenceTransformer) -> None:
    loss = ChunkIdentityLoss(model)
    whole = loss(columns(model, ["cat", "dog"], ["cta", "dgo"]), torch.tensor([0, 1]))
    more = loss(columns(model, ["cat", "fox", "dog"], ["cta", "f x", "dgo"]), torch.tensor([0, 2, 1]))
    torch.testing.assert_close(more, whole)


def test_identity_without_a_single_chunk_is_zero(model: SentenceTransformer) -> None:
    value = ChunkIdentityLoss(model)(columns(model, ["a b"], ["c d"]), torch.tensor([0]))
    value.backward()
    assert value.item() == 0.0


# sentence distillation


def test_distillation_by_hand() -> None:
    aims = unit((1.0, 0.0), (1.0, 0.0), (0.0, 1.0))
    compute = SentenceDistillationLoss.compute
    assert compute(aims[None], aims, 1.0, 20.0).item() == pytest.approx(0.0, abs=1e-6)
    # Every view at (1, 0): cosines 1, 1, 0. The first two texts want (p, 1 - p) over the others and get (½, ½); the
    # third wants and gets (½, ½).
    p = math.e / (1 + math.e)
    divergence = 2 / 3 * (p * math.log(2 * p) + (1 - p) * math.log(2 * (1 - p)))
    views = unit((1.0, 0.0), (1.0, 0.0), (1.0, 0.0))[None]
    assert compute(views, aims, 0.0, 1.0).item() == pytest.approx(1 / 3)
    assert compute(views, aims, 2.0, 1.0).item() == pytest.approx(1 / 3 + 2 * divergence, abs=1e-6)
    # a second, perfect view halves the absolute part
    assert compute(torch.stack([aims, views[0]]), aims, 0.0, 1.0).item() == pytest.approx(1 / 6)


def test_distillation_of_one_text_has_only_the_absolute_part() -> None:
    value = SentenceDistillationLoss.compute(unit((0.6, 0.8))[None], unit((1.0, 0.0)), 1.0, 20.0)
    assert value.item() == pytest.approx(0.4)


def test_distillation_moves_both_tiers(model: SentenceTransformer) -> None:
    loss = SentenceDistillationLoss(model, targets(4).half())
    value = loss(columns(model, ["the cat", "a dog"], ["teh cat", "a dgo"]), torch.tensor([3, 1]))
    value.backward()
    assert moved(model) == {E1, PROJECTOR, E2}
    assert torch.isfinite(value) and value.item() > 0


def test_distillation_reads_the_row_its_label_names(model: SentenceTransformer) -> None:
    vectors = model.encode(["the cat", "a dog"], convert_to_tensor=True).clone()
    aims = torch.stack([vectors[1], -vectors[0], 3 * vectors[0]])  # scaled targets count as unit vectors
    value = SentenceDistillationLoss(model, aims)(columns(model, ["the cat", "a dog"]), torch.tensor([2, 0]))
    assert value.item() == pytest.approx(0.0, abs=1e-5)


def test_targets_are_not_part_of_a_checkpoint(model: SentenceTransformer) -> None:
    for loss in (SentenceDistillationLoss(model, targets(4)), WordMimicryLoss(model, targets(4), marks=targets(2))):
        assert not {"targets", "center", "marks"} & {name.rpartition(".")[2] for name in loss.state_dict()}


@pytest.mark.parametrize("name", ["char_mlm", "mimicry", "identity", "distillation"])
def test_a_step_down_the_gradient_lowers_the_loss(name: str) -> None:
    model = make_model(TOY.replace(dropout=0.0))
    loss = {
        "char_mlm": lambda: CharMLMLoss(model, rate=1.0),  # all characters, so that the mask is the same each time
        "mimicry": lambda: WordMimicryLoss(model, targets(2)),
        "identity": lambda: ChunkIdentityLoss(model),
        "distillation": lambda: SentenceDistillationLoss(model, targets(2)),
    }[name]()
    batch, labels = columns(model, ["cat", "house"], ["cta", "huose"]), torch.tensor([0, 1])
    optimizer = torch.optim.SGD(loss.parameters(), lr=0.01)
    values = []
    for _ in range(4):
        optimizer.zero_grad()
        value = loss([dict(column) for column in batch], labels)
        value.backward()
        optimizer.step()
        values.append(value.item())
    assert values[-1] < values[0]
