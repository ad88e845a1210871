"""A teacher's ranking of a batch's documents: the loss by hand, its edges, and that a student comes to rank so."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from conftest import make_model
from loss_tools import E1, E2, PROJECTOR, columns, moved, unit
from sentence_transformers import SentenceTransformer
from torch.nn import functional as F

from tiered_st.losses import RelevanceDistillationLoss

QUERIES = ["cat", "a dog", "rivers", "old", "who sings", "letter"]
DOCUMENTS = ["the cat sat", "a dog ran", "one river", "some old house", "my mother sings", "letters"]
compute = RelevanceDistillationLoss.compute


def test_relevance_by_hand() -> None:
    wanted = torch.tensor([[1.0, 0.0], [0.0, 0.0]])  # the second query is answered by neither
    p = math.exp(2) / (1 + math.exp(2))  # at a temperature of 1/2
    # To the student both documents are one: each gets (1/2, 1/2), which is right for the second query.
    queries, documents = unit((1.0, 0.0), (0.0, 1.0)), unit((3.0, 0.0), (2.0, 0.0))
    loss = (p * math.log(2 * p) + (1 - p) * math.log(2 * (1 - p))) / 2
    assert compute(queries, documents, wanted, 0.1, 0.5).item() == pytest.approx(loss, abs=1e-6)
    # Its own ranking, at the same temperature, is right; at another it is not, and the way from it has a length.
    queries, documents = unit((1.0, 0.0, 0.0), (0.0, 0.0, 1.0)), unit((5.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    assert compute(queries, documents, wanted, 0.5, 0.5).item() == pytest.approx(0.0, abs=1e-6)
    q = math.e / (1 + math.e)
    loss = (p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))) / 2
    assert compute(queries, documents, wanted, 1.0, 0.5).item() == pytest.approx(loss, abs=1e-6)


def test_two_documents_that_answer_are_no_negatives_of_each_other() -> None:
    queries = documents = unit((1.0, 0.0), (1.0, 0.0))
    assert compute(queries, documents, torch.full((2, 2), 0.9), 0.05, 0.01).item() == pytest.approx(0.0, abs=1e-6)


def test_half_precision_around_it_changes_nothing() -> None:
    queries, documents, wanted = torch.randn(4, 3), torch.randn(4, 3), 0.9 + 0.01 * torch.randn(4, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = compute(queries, documents, wanted, 0.05, 0.01)
    assert found.dtype == torch.float32 and torch.equal(found, compute(queries, documents, wanted, 0.05, 0.01))


def test_relevance_moves_both_tiers(model: SentenceTransformer) -> None:
    loss = RelevanceDistillationLoss(model, torch.randn(9, 5).half(), torch.randn(9, 5).half())
    value = loss(columns(model, ["the cat", "a dog", ""], ["teh cat", "a dgo", "x y z"]), torch.tensor([8, 1, 3]))
    value.backward()
    assert moved(loss) == {E1, PROJECTOR, E2} and torch.isfinite(value) and value.item() > 0
    assert not {"queries", "documents"} & set(loss.state_dict())


def test_a_row_is_of_the_texts_its_label_names(model: SentenceTransformer) -> None:
    queries, documents = (model.encode(texts[:3], convert_to_tensor=True).clone() for texts in (QUERIES, DOCUMENTS))
    more = torch.randn(2, queries.shape[1])
    loss = RelevanceDistillationLoss(model, torch.cat([more, 3 * queries]), torch.cat([more, 2 * documents]))
    features = columns(model, QUERIES[:3], DOCUMENTS[:3])
    assert loss(features, torch.tensor([2, 3, 4])).item() == pytest.approx(0.0, abs=1e-5)
    assert loss(columns(model, QUERIES[:3], DOCUMENTS[:3]), torch.tensor([3, 2, 4])).item() > 1e-3


def test_one_row_has_nothing_to_rank(model: SentenceTransformer) -> None:
    loss = RelevanceDistillationLoss(model, torch.randn(2, 5), torch.randn(2, 5))
    value = loss(columns(model, QUERIES[:1], DOCUMENTS[:1]), torch.tensor([1]))
    value.backward()
    assert value.item() == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("name", ["temperature", "teacher_temperature"])
@pytest.mark.parametrize("value", [0.0, -0.1, math.nan, math.inf])
def test_a_temperature_that_is_none_is_refused(toy: SentenceTransformer, name: str, value: float) -> None:
    settings: dict[str, Any] = {name: value}
    with pytest.raises(ValueError, match=f"{name}={value!r} divides cosines: give a positive number"):
        RelevanceDistillationLoss(toy, torch.randn(2, 3), torch.randn(2, 3), **settings)


def test_vectors_that_are_no_tables_of_one_shape_are_refused(toy: SentenceTransformer) -> None:
    with pytest.raises(ValueError, match=r"queries are .* but have shape \[3\]"):
        RelevanceDistillationLoss(toy, torch.randn(3), torch.randn(3))
    with pytest.raises(ValueError, match=r"queries \[3, 2\], documents \[4, 2\]: give a vector of one width"):
        RelevanceDistillationLoss(toy, torch.randn(3, 2), torch.randn(4, 2))


def test_a_student_comes_to_rank_as_its_teacher() -> None:
    generator = torch.Generator().manual_seed(2)
    teacher = [F.normalize(torch.randn(len(QUERIES), 7, generator=generator), dim=1) for _ in range(2)]
    model = make_model().train()
    loss = RelevanceDistillationLoss(model, *teacher, temperature=0.2, teacher_temperature=0.2)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(150):
        optimizer.zero_grad()
        loss(columns(model, QUERIES, DOCUMENTS), torch.arange(len(QUERIES))).backward()
        optimizer.step()
    queries, documents = (model.eval().encode(texts, convert_to_tensor=True) for texts in (QUERIES, DOCUMENTS))
    wanted = (teacher[0] @ teacher[1].T).argmax(dim=1)
    assert torch.equal((queries @ documents.T).argmax(dim=1), wanted)
