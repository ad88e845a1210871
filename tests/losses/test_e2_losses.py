"""Objectives of E2: their maths against numbers worked out by hand, and what E2 is given to read."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from conftest import BERT_BODY, TOY, make_model
from loss_tools import E1, E2, PROJECTOR, columns, moved, targets, unit
from sentence_transformers import SentenceTransformer
from torch import Tensor

from tiered_st.losses import (
    ChunkOrderLoss,
    ClassificationLoss,
    MaskedChunkLoss,
    NextChunkLoss,
    NextSentenceLoss,
    SentenceDistillationLoss,
    SimCSELoss,
)
from tiered_st.losses.columns import merge
from tiered_st.losses.next_chunk import cut_texts
from tiered_st.text import ChunkType
from tiered_st.text.tokenizer import MASK


def words(model: SentenceTransformer, features: dict[str, Tensor]) -> list[str]:
    """Return the texts that features hold, < and > for the marks."""
    marks = {int(ChunkType.BEGIN): "<", int(ChunkType.FINISH): ">"}

    def spell(row: list[int]) -> str:
        return marks.get(row[0]) or ("?" if row[1] == MASK else model[0].characters.decode(row))

    pairs = zip(features["input_ids"].tolist(), features["attention_mask"].tolist(), strict=True)
    return [" ".join(spell(row) for row, there in zip(rows, mask, strict=True) if there) for rows, mask in pairs]


def watch(model: SentenceTransformer) -> list[str]:
    """Return a list that the texts E1 reads will be added to."""
    read: list[str] = []
    model[0].register_forward_pre_hook(lambda _, args: read.extend(words(model, args[0])))
    return read


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
    assert moved(loss) == {E1, PROJECTOR, E2}
    assert torch.isfinite(value) and value.item() > 0


def test_distillation_reads_the_row_its_label_names(model: SentenceTransformer) -> None:
    vectors = model.encode(["the cat", "a dog"], convert_to_tensor=True).clone()
    aims = torch.stack([vectors[1], -vectors[0], 3 * vectors[0]])  # scaled targets count as unit vectors
    value = SentenceDistillationLoss(model, aims)(columns(model, ["the cat", "a dog"]), torch.tensor([2, 0]))
    assert value.item() == pytest.approx(0.0, abs=1e-5)


# SimCSE


def test_simcse_by_hand() -> None:
    vectors = unit((1.0, 0.0), (0.0, 1.0))
    value = SimCSELoss.compute(vectors, vectors, torch.tensor([0, 1]), 3.0)
    assert value.item() == pytest.approx(math.log(1 + math.exp(-3)))
    assert SimCSELoss.compute(vectors, vectors.flip(0), torch.tensor([5, 5]), 3.0).item() == 0.0


def test_simcse_takes_equal_texts_for_one(model: SentenceTransformer) -> None:
    loss = SimCSELoss(model.train())
    assert loss(columns(model, ["the cat", "the cat"])).item() == 0.0
    assert loss(columns(model, ["the cat", "the dog"])).item() > 0.0


def test_simcse_reads_the_first_column_only(model: SentenceTransformer) -> None:
    read = watch(model)
    SimCSELoss(model.train())(columns(model, ["a cat"], ["another"]))
    assert read == ["< a cat >"] * 2


@pytest.mark.parametrize("body", [None, BERT_BODY])
def test_simcse_refuses_a_model_without_dropout(body: dict[str, Any] | None) -> None:
    model = make_model(TOY.replace(dropout=0.0, body=body))
    with pytest.raises(ValueError, match=r"this model has none.*dropout=0\.1"):
        SimCSELoss(model)
    if body is not None:
        SimCSELoss(make_model(TOY.replace(body=body | {"hidden_dropout_prob": 0.1})))


def test_simcse_refuses_dropout_that_is_off(model: SentenceTransformer) -> None:
    loss = SimCSELoss(model)
    assert torch.isfinite(loss(columns(model, ["the cat", "a dog"])))  # evaluation
    model.train()
    model[0].eval()
    assert loss(columns(model, ["the cat", "a dog"])).item() > 0  # frozen tiers are fine
    model[1].eval()
    with pytest.raises(ValueError, match="all of it is in inference mode"):
        loss(columns(model, ["the cat", "a dog"]))


# chunk order


def test_order_by_hand() -> None:
    value = ChunkOrderLoss.compute(torch.tensor([0.0, 2.0, -2.0]), torch.tensor([True, True, False]))
    assert value.item() == pytest.approx((math.log(2) + 2 * math.log(1 + math.exp(-2))) / 3)
    assert ChunkOrderLoss.compute(torch.zeros(0), torch.zeros(0, dtype=torch.bool)).item() == 0.0


@pytest.mark.parametrize("reach", [1, 2, 9])
def test_order_draws_two_chunks_within_reach(toy: SentenceTransformer, reach: int) -> None:
    torch.manual_seed(0)
    loss = ChunkOrderLoss(toy, reach=reach)
    features = merge(columns(toy, ["a b c d"] * 400))
    places, used = loss.draw(features)
    assert used.all()
    wanted = {(i, j) for i in range(1, 5) for j in range(i + 1, 5) if j - i <= reach}
    assert {tuple(pair) for pair in places.tolist()} == wanted


def test_order_leaves_out_texts_that_have_none(toy: SentenceTransformer) -> None:
    features = merge(columns(toy, ["", "one", "tick tick", "tick tock"]))
    _, used = ChunkOrderLoss(toy).draw(features)
    assert used.tolist() == [False, False, False, True]


def test_order_swaps_two_chunks_of_half_the_texts(model: SentenceTransformer, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Tensor] = []
    monkeypatch.setattr(ChunkOrderLoss, "compute", staticmethod(lambda x, swapped: (asked.append(swapped), x.sum())[1]))
    torch.manual_seed(0)
    read = watch(model)
    ChunkOrderLoss(model, reach=1)(columns(model, ["one two"] * 200))
    assert read == ["< two one >" if swapped else "< one two >" for swapped in asked[0].tolist()]
    assert 70 < asked[0].sum() < 130


def test_order_gives_the_head_the_earlier_place_first(model: SentenceTransformer) -> None:
    loss = ChunkOrderLoss(model)
    seen: list[Tensor] = []
    states: list[Tensor] = []
    loss.head.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    model[1].register_forward_hook(lambda _, __, out: states.append(out["token_embeddings"]))
    loss(columns(model, ["one two"] * 20))
    torch.testing.assert_close(seen[0], states[0][:, 1:3].flatten(1))


# next chunk


def test_next_chunk_by_hand() -> None:
    candidates = unit((2.0, 0.0), (0.0, 3.0))
    compute = NextChunkLoss.compute
    assert compute(candidates, candidates, torch.tensor([0, 1]), 3.0).item() == pytest.approx(
        math.log(1 + math.exp(-3))
    )
    assert compute(candidates[:1], candidates, torch.tensor([1]), 3.0).item() == pytest.approx(
        3 + math.log(1 + math.exp(-3))
    )
    assert compute(candidates[:0], candidates, torch.zeros(0, dtype=torch.int64), 3.0).item() == 0.0


def test_a_text_is_cut_as_if_it_ended_there(toy: SentenceTransformer) -> None:
    features = merge(columns(toy, ["a b c d", "e f", "g", ""]))
    cut = cut_texts(features, torch.tensor([2, 1, 1, 1]))
    assert words(toy, cut) == ["< a b >", "< e >", "< g >", "< >"]
    short = merge(columns(toy, ["a b", "e", "g", ""]))
    torch.testing.assert_close(toy(cut)["sentence_embedding"], toy(short)["sentence_embedding"], rtol=1e-4, atol=1e-5)
    assert words(toy, features)[0] == "< a b c d >"  # and is left as it was


def test_next_chunk_predicts_what_follows_the_cut(model: SentenceTransformer, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Tensor, ...]] = []
    monkeypatch.setattr(NextChunkLoss, "compute", staticmethod(lambda p, *more: (asked.append(more), p.sum())[1]))
    torch.manual_seed(0)
    read = watch(model)
    texts = ["to be or not to be", "to", "", "be quick"]
    NextChunkLoss(model, ahead=2)(columns(model, texts))
    candidates, targets, _ = asked[0]
    known = [model[0].encode_chunks(model[0].preprocess([w])["input_ids"][0, 1:2])[0] for w in read[4:]]
    torch.testing.assert_close(candidates, torch.stack(known), rtol=1e-4, atol=1e-5)
    assert sorted(read[4:]) == ["be", "not", "or", "quick", "to"]  # each distinct chunk once, alone
    wanted = []
    for text, cut in zip(texts, read[:4], strict=True):
        kept = cut.split()[1:-1]
        assert kept == text.split()[: len(kept)] and (len(kept) < len(text.split()) or len(text.split()) < 2)
        wanted += text.split()[len(kept) : len(kept) + 2]
    assert [read[4:][i] for i in targets.tolist()] == wanted


# masked chunk


def test_masked_chunk_by_hand() -> None:
    assert MaskedChunkLoss.compute(torch.zeros(2, 8), torch.tensor([0, 7])).item() == pytest.approx(math.log(8))
    assert MaskedChunkLoss.compute(torch.zeros(0, 8), torch.zeros(0, dtype=torch.int64)).item() == 0.0


def test_a_bucket_is_of_the_characters_alone(toy: SentenceTransformer) -> None:
    rows = toy[0].preprocess(["the The THE teh eht"])["input_ids"][0, 1:-1]
    buckets = MaskedChunkLoss.buckets_of(rows, 1 << 40).tolist()
    assert buckets[0] == buckets[1] == buckets[2]
    assert len(set(buckets)) == 3
    assert MaskedChunkLoss.buckets_of(rows[:, :5], 1 << 40).tolist() == buckets  # padding is no character
    assert all(0 <= bucket < 7 for bucket in MaskedChunkLoss.buckets_of(rows, 7).tolist())


def test_masked_chunks_leave_nothing_of_themselves(model: SentenceTransformer) -> None:
    read = watch(model)
    MaskedChunkLoss(model, rate=1.0)(columns(model, ["A Long word!", ""]))
    assert read == ["< ? ? ? ? >", "< >"]  # the marks stay
    vectors = model(model[0].preprocess([""]))["chunk_embeddings"]
    assert vectors.shape == (1, 2, TOY.d_sem)


def test_masked_chunk_asks_for_the_hidden_ones(model: SentenceTransformer, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Tensor] = []
    monkeypatch.setattr(MaskedChunkLoss, "compute", staticmethod(lambda x, ids: (asked.append(ids), x.sum())[1]))
    torch.manual_seed(0)
    read = watch(model)
    MaskedChunkLoss(model, rate=0.4, buckets=1000)(columns(model, ["one two three four", "five six"]))
    texts = ["one", "two", "three", "four"], ["five", "six"]
    hidden = [
        w
        for text, seen in zip(texts, read, strict=True)
        for w, s in zip(text, seen.split()[1:-1], strict=True)
        if s == "?"
    ]
    assert 0 < len(hidden) < 6
    rows = torch.cat([model[0].preprocess([w])["input_ids"][0, 1:2] for w in hidden])
    assert asked[0].tolist() == MaskedChunkLoss.buckets_of(rows, 1000).tolist()


# next sentence and classes


def test_next_sentence_by_hand() -> None:
    value = NextSentenceLoss.compute(torch.tensor([0.0, 2.0]), torch.tensor([0, 1]))
    assert value.item() == pytest.approx((math.log(2) + math.log(1 + math.exp(-2))) / 2)


def test_next_sentence_reads_both_and_what_sets_them_apart(model: SentenceTransformer) -> None:
    loss = NextSentenceLoss(model)
    seen: list[Tensor] = []
    loss.head.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    loss(columns(model, ["the cat"], ["it sleeps"]), torch.tensor([1]))
    u, v = model.encode(["the cat", "it sleeps"], convert_to_tensor=True)
    torch.testing.assert_close(seen[0][0], torch.cat([u, v, (u - v).abs(), u * v]), rtol=1e-4, atol=1e-5)


def test_next_sentence_wants_two_columns(model: SentenceTransformer) -> None:
    with pytest.raises(ValueError, match="two columns, first and second, but got 1"):
        NextSentenceLoss(model)(columns(model, ["alone"]), torch.tensor([1]))


def test_classes_by_hand() -> None:
    logits = torch.tensor([[0.0, 0.0], [0.0, 2.0]])
    value = ClassificationLoss.compute(logits, torch.tensor([1, 1]))
    assert value.item() == pytest.approx((math.log(2) + math.log(1 + math.exp(-2))) / 2)


def test_every_view_of_a_text_has_its_class(model: SentenceTransformer) -> None:
    loss = ClassificationLoss(model, num_labels=3)
    both = loss(columns(model, ["the cat", "a dog"], ["teh cat", "a dgo"]), torch.tensor([2, 0]))
    each = [
        loss(columns(model, [text]), torch.tensor([label]))
        for text, label in (("the cat", 2), ("a dog", 0), ("teh cat", 2), ("a dgo", 0))
    ]
    torch.testing.assert_close(both, torch.stack(each).mean(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda m: ClassificationLoss(m, num_labels=1), "num_labels=1"),
        (lambda m: ChunkOrderLoss(m, reach=0), "reach=0"),
        (lambda m: NextChunkLoss(m, ahead=0), "ahead=0"),
    ],
)
def test_settings_that_leave_nothing_to_learn_are_refused(toy: SentenceTransformer, make: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make(toy)
