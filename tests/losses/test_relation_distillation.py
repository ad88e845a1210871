"""Relations of a teacher of another space: the loss by hand, its edges, and that a student comes to have them."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from conftest import make_model
from loss_tools import E1, E2, PROJECTOR, columns, moved, unit
from sentence_transformers import SentenceTransformer
from torch.nn import functional as F

from tiered_st.losses import RelationDistillationLoss
from tiered_st.losses.contrast import others

TEXTS = ["the cat sat", "a dog ran", "one river", "some old house", "my mother sings", "letters"]
compute = RelationDistillationLoss.compute


def test_relations_by_hand() -> None:
    teacher = unit((2.0, 0.0, 0.0), (3.0, 0.0, 0.0), (0.0, 0.5, 0.0))  # cosines 1, 0, 0: of another width and length
    # The first two want (p, 1 - p) over the others at a temperature of 1/2; the third wants (1/2, 1/2).
    p = math.exp(2) / (1 + math.exp(2))
    # The student's texts are one: each gets (1/2, 1/2).
    views = unit((1.0, 0.0), (4.0, 0.0), (1.0, 0.0))[None]
    wanted = 2 / 3 * (p * math.log(2 * p) + (1 - p) * math.log(2 * (1 - p)))
    assert compute(views, teacher, 0.1, 0.5).item() == pytest.approx(wanted, abs=1e-6)
    # The teacher's own relations in another space, at the same temperature, are right; at another they are not.
    right = unit((0.0, 5.0), (0.0, 1.0), (1.0, 0.0))[None]
    assert compute(right, teacher, 0.5, 0.5).item() == pytest.approx(0.0, abs=1e-6)
    q = math.e / (1 + math.e)
    wanted = 2 / 3 * (p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q)))
    assert compute(right, teacher, 1.0, 0.5).item() == pytest.approx(wanted, abs=1e-6)
    # a second view that is right among itself, but elsewhere than the clean texts, is not right
    turned = unit((5.0, 0.0), (1.0, 0.0), (0.0, 1.0))[None]
    assert compute(torch.cat([right, right]), teacher, 0.5, 0.5).item() == pytest.approx(0.0, abs=1e-6)
    assert compute(torch.cat([right, turned]), teacher, 0.5, 0.5).item() > 0.1


def test_what_all_cosines_have_in_common_is_no_matter() -> None:
    teacher = F.normalize(torch.randn(6, 5, generator=torch.Generator().manual_seed(0)), dim=1)
    views = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(1))
    shared = torch.full((6, 1), 2.0)  # cosines of (c + 4) / 5
    near = torch.cat([teacher, shared], dim=1)
    assert F.cosine_similarity(near[:1], near[1:]).min() > 0.6
    torch.testing.assert_close(compute(views, near, 0.1, 0.02), compute(views, teacher, 0.1, 0.1))


def test_half_precision_around_it_changes_nothing() -> None:
    teacher = torch.cat([torch.randn(6, 5), torch.full((6, 1), 9.0)], dim=1).half()
    views = torch.randn(1, 6, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = compute(views, teacher, 0.01, 0.01)
    assert found.dtype == torch.float32 and torch.equal(found, compute(views, teacher, 0.01, 0.01))


def test_relations_move_both_tiers(model: SentenceTransformer) -> None:
    loss = RelationDistillationLoss(model, torch.randn(9, 5).half())
    value = loss(columns(model, ["the cat", "a dog", ""], ["teh cat", "a dgo", "x y z"]), torch.tensor([8, 1, 3]))
    value.backward()
    assert moved(loss) == {E1, PROJECTOR, E2} and torch.isfinite(value) and value.item() > 0
    assert "targets" not in loss.state_dict()


def test_a_row_is_of_the_text_its_label_names(model: SentenceTransformer) -> None:
    vectors = model.encode(TEXTS[:3], convert_to_tensor=True).clone()
    loss = RelationDistillationLoss(model, torch.cat([torch.randn(2, vectors.shape[1]), 3 * vectors]))
    assert loss(columns(model, TEXTS[:3]), torch.tensor([2, 3, 4])).item() == pytest.approx(0.0, abs=1e-5)
    assert loss(columns(model, TEXTS[:3]), torch.tensor([0, 3, 4])).item() > 0.0


@pytest.mark.parametrize("count", [1, 2])
def test_few_texts_have_no_relations_and_a_gradient_of_zero(model: SentenceTransformer, count: int) -> None:
    loss = RelationDistillationLoss(model, torch.randn(4, 5))
    value = loss(columns(model, TEXTS[:count], TEXTS[:count]), torch.arange(count))
    value.backward()
    assert value.ndim == 0 and value.item() == pytest.approx(0.0, abs=1e-6)
    grads = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    assert grads and all(torch.isfinite(grad).all() and grad.abs().max() < 1e-5 for grad in grads)


def test_a_text_leaves_itself_out() -> None:
    scores = torch.arange(9.0).view(3, 3)
    assert others(scores).tolist() == [[1, 2], [3, 5], [6, 7]]
    assert others(scores.expand(2, 3, 3))[1].tolist() == [[1, 2], [3, 5], [6, 7]]
    assert others(scores[:1, :1]).shape == (1, 0)


@pytest.mark.parametrize("name", ["temperature", "teacher_temperature"])
@pytest.mark.parametrize("value", [0.0, -0.1, math.nan, math.inf])
def test_a_temperature_that_is_none_is_refused(toy: SentenceTransformer, name: str, value: float) -> None:
    settings: dict[str, Any] = {name: value}
    with pytest.raises(ValueError, match=f"{name}={value!r} divides cosines: give a positive number"):
        RelationDistillationLoss(toy, torch.randn(2, 3), **settings)


def test_targets_that_are_no_table_are_refused(toy: SentenceTransformer) -> None:
    with pytest.raises(ValueError, match=r"but have shape \[3\]"):
        RelationDistillationLoss(toy, torch.randn(3))


def test_a_student_comes_to_have_the_relations_of_its_teacher() -> None:
    teacher = torch.randn(len(TEXTS), 7, generator=torch.Generator().manual_seed(2))
    wanted = others(F.normalize(teacher, dim=1) @ F.normalize(teacher, dim=1).T).flatten()
    noisy = [text.replace("e", "") for text in TEXTS]
    model = make_model().train()
    loss = RelationDistillationLoss(model, teacher, temperature=0.2, teacher_temperature=0.2)

    def agreement() -> tuple[float, float]:
        """Return the correlation of the student's cosines with the teacher's, of clean texts and of noisy ones."""
        clean, noise = (model.encode(texts, convert_to_tensor=True) for texts in (TEXTS, noisy))
        found = (others(vectors @ clean.T).flatten() for vectors in (clean, noise))
        first, second = (torch.corrcoef(torch.stack([wanted, row]))[0, 1].item() for row in found)
        return first, second

    before = agreement()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(40):
        optimizer.zero_grad()
        loss(columns(model, TEXTS, noisy), torch.arange(len(TEXTS))).backward()
        optimizer.step()
    after = agreement()
    assert max(before) < 0.7 and min(after) > 0.9, (before, after)
