"""Objectives of E1: their maths against numbers worked out by hand, and what they hide, see and leave out."""

from __future__ import annotations

import math
from collections import Counter

import pytest
import torch
from conftest import TOY, make_model
from loss_tools import E1, PROJECTOR, D, columns, moved, targets, unit
from sentence_transformers import SentenceTransformer
from torch import Tensor

from tiered_st.losses import (
    CharCLMLoss,
    CharMLMLoss,
    ChunkIdentityLoss,
    ReconstructionLoss,
    StopAtProjector,
    WordMimicryLoss,
    WordRecognitionLoss,
)
from tiered_st.losses.char_clm import causal_states, frame
from tiered_st.losses.columns import as_texts, distinct_chunks
from tiered_st.losses.masking import MASKINGS, mask_spans, mask_words
from tiered_st.text.tokenizer import END, MASK, PAD, START

# char-MLM


def test_char_mlm_by_hand() -> None:
    assert CharMLMLoss.compute(torch.zeros(3, 512), torch.tensor([1, 300, 511])).item() == pytest.approx(math.log(512))
    certain = torch.full((1, 512), -100.0)
    certain[0, 7] = 100.0
    assert CharMLMLoss.compute(certain, torch.tensor([7])).item() == pytest.approx(0.0)
    assert CharMLMLoss.compute(torch.zeros(0, 512), torch.zeros(0, dtype=torch.int64)).item() == 0.0


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


MASKS = ("char", "span", "word")


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("rate", [0.0, 0.15, 0.6])
def test_a_masking_hides_its_share_of_what_is_there(name: str, rate: float) -> None:
    torch.manual_seed(0)
    present = torch.ones(2_000, 20, dtype=torch.bool)
    present[:, 0] = present[::2, 12:] = False
    hidden = MASKINGS[name](present, rate)
    assert not (hidden & ~present).any()
    share = hidden.sum().item() / present.sum().item()
    assert share == pytest.approx(rate, abs=0.02) or (name == "span" and 0.7 * rate < share < rate)


def test_spans_are_two_to_four_characters_where_they_do_not_meet() -> None:
    torch.manual_seed(0)
    present = torch.ones(4_000, 80, dtype=torch.bool)
    text = ["".join("x" if x else "." for x in row) for row in mask_spans(present, 0.03).tolist()]
    runs = Counter(len(run) for row in text for run in row.split(".")[:-1] if run)  # the last may meet the end
    assert runs[1] == 0
    assert sum(runs[n] for n in (2, 3, 4)) > 0.95 * sum(runs.values())
    assert min(runs[n] for n in (2, 3, 4)) > 0.8 * max(runs[n] for n in (2, 3, 4))


def test_words_are_hidden_whole_or_not_at_all() -> None:
    torch.manual_seed(0)
    present = torch.arange(9) < torch.randint(1, 9, (500, 1))
    hidden = mask_words(present, 0.5).sum(dim=1)
    assert ((hidden == 0) | (hidden == present.sum(dim=1))).all()


def test_strategies_are_mixed_by_their_shares(model: SentenceTransformer) -> None:
    torch.manual_seed(0)
    rows = torch.full((8_000, 9), 300)
    loss = CharMLMLoss(model, rate=0.5, masking=(("char", 3.0), ("word", 1.0)))
    hidden = loss.mask(rows)
    assert not hidden[:, 0].any()
    whole = (hidden.sum(dim=1) == 8).float().mean().item()
    assert whole == pytest.approx(0.25 * 0.5 + 0.75 * 0.5**8, abs=0.02)
    assert loss.get_config_dict() == {"rate": 0.5, "masking": {"char": 3.0, "word": 1.0}}


@pytest.mark.parametrize(
    ("masking", "said"),
    [((("words", 1.0),), "'words' is not one of char, span, word"), ((("char", 0.0),), "share of 0.0"), ((), "empty")],
)
def test_a_masking_that_cannot_be_had_is_refused(
    model: SentenceTransformer, masking: tuple[tuple[str, float], ...], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        CharMLMLoss(model, masking=masking)


@pytest.mark.parametrize("span", ["text", "causal"])
def test_char_mlm_lets_e1_read_the_text_where_that_is_its_span(span: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_model()
    model[0].settings = TOY.replace(char_span=span)
    seen: list[tuple[Tensor, Tensor]] = []
    encode = model[0].char_encoder.forward
    monkeypatch.setattr(
        model[0].char_encoder, "forward", lambda rows, texts: (seen.append((rows, texts)), encode(rows))[1]
    )
    CharMLMLoss(model, rate=1.0)(columns(model, ["a b", ""], ["to"]))
    ((rows, texts),) = seen
    assert texts.tolist() == [0, 0, 0, 0, 1, 1, 2, 2, 2]  # marks, too
    assert (rows == MASK).sum(dim=1).tolist() == [0, 1, 1, 0, 0, 0, 0, 2, 0]


# char-CLM


def test_char_clm_by_hand() -> None:
    assert CharCLMLoss.compute(torch.zeros(2, 512), torch.tensor([3, 400])).item() == pytest.approx(math.log(512))
    assert CharCLMLoss.compute(torch.zeros(0, 512), torch.zeros(0, dtype=torch.int64)).item() == 0.0


def test_a_chunk_is_framed_by_its_marks() -> None:
    rows = torch.tensor([[6, 300, 301, 0, 0], [7, 302, 0, 0, 0]])
    assert frame(rows).tolist() == [[START, 300, 301, END], [START, 302, END, 0]]
    assert frame(rows[:1, :3]).tolist() == [[START, 300, 301, END]]


@pytest.mark.parametrize("positions", ["rotary", "alibi", "none"])
def test_char_clm_never_sees_what_it_predicts(positions: str) -> None:
    model = make_model(TOY.replace(char_positions=positions, char_layers=2))
    ids = frame(distinct_chunks(model[0].preprocess(["unbelievable"])))
    states = causal_states(model[0].char_encoder, ids)
    for t in range(1, ids.shape[1]):
        other = ids.clone()
        other[:, t:] = torch.randint(288, 512, other[:, t:].shape)
        changed = (causal_states(model[0].char_encoder, other) - states).abs().amax(dim=(0, 2))
        assert changed[:t].max() == 0.0
        assert changed[t] > 1e-4  # and does see itself


def test_char_clm_asks_for_every_character_and_the_end(
    model: SentenceTransformer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Tensor] = []
    monkeypatch.setattr(CharCLMLoss, "compute", staticmethod(lambda x, ids: (asked.append(ids), x.sum())[1]))
    CharCLMLoss(model)(columns(model, ["ab", "ab c", ""]))
    a, b, c = model[0].characters.encode("abc").tolist()
    assert sorted(asked[0].tolist()) == sorted([a, b, END, c, END])  # each distinct chunk once


def test_char_clm_refuses_convolutions(model: SentenceTransformer) -> None:
    model[0].settings = TOY.replace(char_mixer="convolution")
    with pytest.raises(ValueError, match="char_mixer='convolution' looks both ways"):
        CharCLMLoss(model)


# reconstruction


def test_reconstruction_by_hand() -> None:
    ids = torch.tensor([[300, END, PAD], [301, 302, END]])
    assert ReconstructionLoss.compute(torch.zeros(2, 3, 512), ids).item() == pytest.approx(math.log(512))
    certain = torch.full((2, 3, 512), -100.0).scatter(2, ids[:, :, None], 100.0)
    certain[0, 2] = torch.randn(512)  # behind the end nothing is asked
    assert ReconstructionLoss.compute(certain, ids).item() == pytest.approx(0.0)


def test_reconstruction_reads_the_vector_alone(model: SentenceTransformer) -> None:
    loss = ReconstructionLoss(model, hidden=16)
    logits = loss.spell(torch.randn(2, D), 4)
    assert logits.shape == (2, 4, 512)
    assert not torch.equal(logits[0], logits[1]) and not torch.equal(logits[0, 0], logits[0, 1])


def test_reconstruction_learns_to_spell(model: SentenceTransformer) -> None:
    loss = ReconstructionLoss(model, hidden=64)
    batch = columns(model, ["cat house I"])
    optimizer = torch.optim.Adam(loss.parameters(), lr=1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        loss(batch).backward()
        optimizer.step()
    rows = distinct_chunks(batch[0])
    vectors = model[0](as_texts(rows))["chunk_embeddings"][:, 0]
    spelt = loss.spell(vectors, 6).argmax(dim=2).tolist()
    words = [model[0].characters.decode(ids[: ids.index(END)]) for ids in spelt]
    assert sorted(words) == ["cat", "house", "i"]


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
    assert moved(loss) == {E1, PROJECTOR}


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


# word recognition

REMEMBERS = TOY.replace(memory_slots=2)


def test_recognition_by_hand() -> None:
    scores = unit((0.0, 0.0, 0.0), (0.0, math.log(2), 0.0))
    assert WordRecognitionLoss.compute(scores, torch.tensor([2, 1])).item() == pytest.approx(
        (math.log(3) + math.log(4 / 2)) / 2
    )
    assert WordRecognitionLoss.compute(torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64)).item() == 0.0


def test_recognition_moves_the_tiers_and_not_e2() -> None:
    loss = WordRecognitionLoss(make_model(REMEMBERS), torch.tensor([1, 0, 2]))
    loss(columns(loss.model, ["cat", "dog"], ["cta", "dgo"]), torch.tensor([2, 0])).backward()
    assert moved(loss) == {E1, PROJECTOR}
    with pytest.raises(ValueError, match="trains nothing behind the projector"):
        StopAtProjector(loss)


def test_recognition_leaves_out_what_is_not_one_chunk() -> None:
    loss = WordRecognitionLoss(make_model(REMEMBERS), torch.tensor([1, 0, 2]))
    whole = loss(columns(loss.model, ["cat"], ["cta"]), torch.tensor([2]))
    more = loss(columns(loss.model, ["cat", "c t"], ["cta", "ca-t"]), torch.tensor([2, 1]))
    torch.testing.assert_close(more, whole)
    nothing = loss(columns(loss.model, ["", "a b"]), torch.tensor([0, 1]))
    nothing.backward()
    assert nothing.item() == 0.0


@pytest.mark.parametrize("slots", [0, 1])
def test_recognition_refuses_a_memory_that_is_too_small(slots: int) -> None:
    with pytest.raises(ValueError, match=f"memory_slots={slots}, but slots up to 2"):
        WordRecognitionLoss(make_model(TOY.replace(memory_slots=slots)), torch.tensor([0, 2]))


def test_prototypes_are_set_to_what_e1_reads_in_right_spellings() -> None:
    model = make_model(TOY.replace(memory_slots=3))
    memory = model[0].chunk_projector.memory
    words, slots = ["cat", "unknown", "dog", "two words"], torch.tensor([2, 0, 1, 3])
    before = memory.prototypes.weight.detach().clone()
    loss = WordRecognitionLoss(model, slots, words=words, readings=2)
    batch = columns(model, ["cat"], ["cta"])
    loss.train()
    loss(batch, torch.tensor([0])).backward()
    after = memory.prototypes.weight.detach().clone()
    with torch.no_grad():
        read = model[0].read_chunks(model[0].preprocess(["cat", "dog"])["input_ids"][:, 1])
    length = before[[2, 1]].norm(dim=1).mean()
    torch.testing.assert_close(after[[2, 1]], torch.nn.functional.normalize(read, dim=1) * length)
    assert torch.equal(after[[0, 3]], before[[0, 3]])  # no word, and what is not one chunk
    assert memory.prototypes.weight.grad is None and memory.query.weight.grad.abs().sum() > 0
    with torch.no_grad():
        memory.query.weight.mul_(2.0)
    loss(batch, torch.tensor([0]))
    assert torch.equal(memory.prototypes.weight, after)  # every second step
    loss.eval()
    loss(batch, torch.tensor([0]))
    assert torch.equal(memory.prototypes.weight, after)  # judging moves nothing
    loss.train()
    loss(batch, torch.tensor([0]))
    assert not torch.equal(memory.prototypes.weight, after)
    assert loss.steps is not None and int(loss.steps) == 3 and "steps" in dict(loss.named_parameters())


def test_readings_need_words_and_a_number_of_steps() -> None:
    model = make_model(REMEMBERS)
    with pytest.raises(ValueError, match="readings are of words: give the 2 that slots are of, not 1"):
        WordRecognitionLoss(model, torch.tensor([0, 2]), words=["one"], readings=5)
    with pytest.raises(ValueError, match="readings=-1 is a number of steps"):
        WordRecognitionLoss(model, torch.tensor([0, 2]), readings=-1)


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


def test_identity_leaves_out_rows_where_either_side_is_not_one_chunk(model: SentenceTransformer) -> None:
    loss = ChunkIdentityLoss(model)
    whole = loss(columns(model, ["cat", "dog"], ["cta", "dgo"]), torch.tensor([0, 1]))
    more = loss(columns(model, ["cat", "fox", "dog"], ["cta", "f x", "dgo"]), torch.tensor([0, 2, 1]))
    torch.testing.assert_close(more, whole)


def test_identity_without_a_single_chunk_is_zero(model: SentenceTransformer) -> None:
    value = ChunkIdentityLoss(model)(columns(model, ["a b"], ["c d"]), torch.tensor([0]))
    value.backward()
    assert value.item() == 0.0
