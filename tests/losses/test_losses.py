"""What all objectives have in common: columns, which tiers learn, stops, degenerate batches, other models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import TOY, make_model
from loss_tools import E1, E2, HEAD, PROJECTOR, D, Wrapper, columns, make_subword, moved, targets
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import (
    CachedMultipleNegativesRankingLoss,
    CoSENTLoss,
    CosineSimilarityLoss,
    MultipleNegativesRankingLoss,
    SoftmaxLoss,
)
from torch import Tensor, nn

from tiered_st import losses
from tiered_st.losses import (
    CharCLMLoss,
    CharMLMLoss,
    ChunkIdentityLoss,
    ChunkOrderLoss,
    ClassificationLoss,
    MaskedChunkLoss,
    NextChunkLoss,
    NextSentenceLoss,
    ReconstructionLoss,
    RelationDistillationLoss,
    RelevanceDistillationLoss,
    SentenceDistillationLoss,
    SimCSELoss,
    StopAtProjector,
    WordMimicryLoss,
)
from tiered_st.losses.columns import chunk_vectors, draw_below, merge, single_chunks, width_of
from tiered_st.losses.contrast import find_rows, info_nce
from tiered_st.modules.tiers_of import tiers_of

Make = Callable[[SentenceTransformer], nn.Module]

TIERS, ALL = {E1, PROJECTOR}, {E1, PROJECTOR, E2}
# What learns by each objective, free and with a stop at the projector; None where a stop makes no sense.
TABLE: dict[str, tuple[Make, set[str], set[str] | None]] = {
    # objective       how it is made                                                        learns          stopped
    "char_mlm":       (lambda m: CharMLMLoss(m, rate=1.0),                                  {E1, HEAD},     None),
    "char_clm":       (CharCLMLoss,                                                         {E1, HEAD},     None),
    "reconstruction": (ReconstructionLoss,                                                  TIERS | {HEAD}, None),
    "identity":       (ChunkIdentityLoss,                                                   TIERS,          None),
    "mimicry":        (lambda m: WordMimicryLoss(m, targets(2)),                            TIERS,          None),
    "simcse":         (SimCSELoss,                                                          ALL,            {E2}),
    "distillation":   (lambda m: SentenceDistillationLoss(m, targets(2)),                   ALL,            {E2}),
    "relations":      (lambda m: RelationDistillationLoss(m, targets(3)),                   ALL,            {E2}),
    "relevance":      (lambda m: RelevanceDistillationLoss(m, targets(2), targets(2)),      ALL,            {E2}),
    "chunk_order":    (ChunkOrderLoss,                                                      ALL | {HEAD},   {E2, HEAD}),
    "next_chunk":     (NextChunkLoss,                                                       ALL | {HEAD},   {E2, HEAD}),
    "masked_chunk":   (lambda m: MaskedChunkLoss(m, rate=0.5, buckets=64),                  ALL | {HEAD},   {E2, HEAD}),
    "next_sentence":  (NextSentenceLoss,                                                    ALL | {HEAD},   {E2, HEAD}),
    "classification": (lambda m: ClassificationLoss(m, num_labels=2),                       ALL | {HEAD},   {E2, HEAD}),
    # stock ones, for recipes
    "ranking":        (MultipleNegativesRankingLoss,                                        ALL,            {E2}),
    "cached_ranking": (lambda m: CachedMultipleNegativesRankingLoss(m, mini_batch_size=1),  ALL,            {E2}),
    "cosent":         (CoSENTLoss,                                                          ALL,            {E2}),
    "cosine":         (CosineSimilarityLoss,                                                ALL,            {E2}),
    "pair_class":     (lambda m: SoftmaxLoss(m, D, 2),                                      ALL | {HEAD},   {E2, HEAD}),
}  # fmt: skip
OF_CHUNKS = [
    "char_mlm",
    "char_clm",
    "reconstruction",
    "identity",
    "mimicry",
    "chunk_order",
    "next_chunk",
    "masked_chunk",
]
OF_TEXTS = [name for name in TABLE if name not in OF_CHUNKS]
WORDS = (["cat", "house"], ["cta", "huose"])
TEXTS = (["the cat sat down here", "a big house in town"], ["teh cat sat dwon", "a bgi house"])
THREE = ([*TEXTS[0], "no cat here"], [*TEXTS[1], "no cta"])  # two texts have no relations that could be otherwise


def texts_for(name: str) -> tuple[list[str], ...]:
    if name == "relations":
        return THREE
    return WORDS if name in ("identity", "mimicry") else TEXTS


def labels_for(name: str) -> Tensor:
    return torch.tensor([0.0, 1.0] if name in ("cosent", "cosine") else [0, 1, 2] if name == "relations" else [0, 1])


def value_of(name: str, loss: nn.Module, model: SentenceTransformer, texts: tuple[list[str], ...]) -> Tensor:
    """Return a loss of texts, the same draws each time."""
    torch.manual_seed(4)
    return loss([model.preprocess(column) for column in texts], labels_for(name)[: len(texts[0])])


@pytest.fixture(scope="module")
def subword(tmp_path_factory: pytest.TempPathFactory) -> SentenceTransformer:
    return make_subword(tmp_path_factory.mktemp("subword"))


def test_every_objective_is_in_the_table(model: SentenceTransformer) -> None:
    made = {type(make(model)).__name__ for make, _, _ in TABLE.values()} | {"StopAtProjector"}
    # One trains the predictor apart from the model's own forward pass, the other a memory, which the toy has not: both
    # have tests of their own.
    apart = {"BoundaryLoss", "WordRecognitionLoss"}
    assert set(losses.__all__) - apart <= made


@pytest.mark.parametrize("name", TABLE)
def test_which_tiers_an_objective_moves(name: str) -> None:
    make, learns, _ = TABLE[name]
    model = make_model().train()
    loss = make(model)
    value = value_of(name, loss, model, texts_for(name))
    value.backward()
    assert value.ndim == 0 and torch.isfinite(value)
    assert moved(loss) == learns


@pytest.mark.parametrize("name", TABLE)
def test_which_tiers_a_stopped_objective_moves(name: str) -> None:
    make, _, stopped = TABLE[name]
    model = make_model().train()
    if stopped is None:
        with pytest.raises(ValueError, match="trains nothing behind the projector"):
            StopAtProjector(make(model))
        return
    whole = value_of(name, make(model), model, texts_for(name))
    torch.manual_seed(0)
    loss = StopAtProjector(make(model))
    value = value_of(name, loss, model, texts_for(name))
    value.backward()
    assert moved(loss) == stopped
    assert value.shape == whole.shape
    assert torch.is_grad_enabled() and not model[0]._forward_hooks and not model[0]._forward_pre_hooks


@pytest.mark.parametrize("name", TABLE)
def test_a_step_down_the_gradient_lowers_the_loss(name: str) -> None:
    model = make_model().train()
    loss = TABLE[name][0](model)
    optimizer = torch.optim.SGD(loss.parameters(), lr=0.003)
    before = value_of(name, loss, model, texts_for(name))
    before.backward()
    optimizer.step()
    assert value_of(name, loss, model, texts_for(name)) < before


DEGENERATE = {
    "empty": (["", ""], ["", ""]),
    "one empty": (["the cat sat", ""], ["", "a dog"]),
    "one chunk": (["a", "b"], ["c", "word"]),
    "one text": (["the cat sat"], ["a dog"]),
    "one empty text": ([""], [""]),
    "equal": (["the the", "the the"], ["the the", "the the"]),
}


@pytest.mark.parametrize("stop", [False, True])
@pytest.mark.parametrize("name", TABLE)
def test_degenerate_batches_have_a_finite_loss_and_a_gradient(name: str, stop: bool) -> None:
    make, _, stopped = TABLE[name]
    if stop and stopped is None:
        return
    for texts in DEGENERATE.values():
        model = make_model().train()
        loss = StopAtProjector(make(model)) if stop else make(model)
        value = value_of(name, loss, model, texts)
        value.backward()
        grads = [p.grad for p in loss.parameters() if p.grad is not None]
        assert value.ndim == 0 and torch.isfinite(value)
        assert grads and all(torch.isfinite(grad).all() for grad in grads)


@pytest.mark.parametrize("name", TABLE)
def test_losses_describe_themselves(name: str, toy: SentenceTransformer) -> None:
    loss = TABLE[name][0](toy)
    described = getattr(loss, "get_config_dict", dict)()
    assert isinstance(described, dict)
    if TABLE[name][2] is not None:
        assert StopAtProjector(TABLE[name][0](toy)).get_config_dict() == {
            "loss": type(loss).__name__, **described, "stop": "chunk_projector",
        }  # fmt: skip


# the stop


def test_a_stopped_loss_has_the_same_value_and_the_same_gradient_behind_the_projector() -> None:
    def gradients(wrap: Callable[[nn.Module], nn.Module]) -> tuple[Tensor, list[Tensor]]:
        model = make_model().train()
        value = value_of("simcse", wrap(SimCSELoss(model)), model, TEXTS)
        value.backward()
        return value, [p.grad for p in model[1].parameters()]

    free, stopped = gradients(lambda loss: loss), gradients(StopAtProjector)
    torch.testing.assert_close(stopped, free)


def test_other_losses_train_the_tiers_beside_a_stopped_one(model: SentenceTransformer) -> None:
    stopped, free = StopAtProjector(SimCSELoss(model)), ChunkIdentityLoss(model)
    model.train()
    (value_of("simcse", stopped, model, TEXTS) + value_of("identity", free, model, WORDS)).backward()
    assert moved(free) == ALL


def test_stops_may_nest_and_end_when_something_breaks(model: SentenceTransformer) -> None:
    loss = StopAtProjector(StopAtProjector(CoSENTLoss(model)))
    value_of("cosent", loss, model, TEXTS).backward()
    assert moved(loss) == {E2}
    with pytest.raises(KeyError):
        loss([{"attention_mask": torch.ones(1, 1)}] * 2, torch.zeros(1))
    assert torch.is_grad_enabled() and not model[0]._forward_hooks


def test_the_stop_wants_tiers(subword: SentenceTransformer) -> None:
    with pytest.raises(ValueError, match="opens with a Transformer"):
        StopAtProjector(CoSENTLoss(subword))


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


def test_merge_joins_the_columns_of_a_subword_model(subword: SentenceTransformer) -> None:
    texts = ["a", "big cat"], ["house", "in the town"]
    merged = merge([subword.preprocess(column) for column in texts])
    together = subword.preprocess([*texts[0], *texts[1]])
    assert merged.keys() == together.keys() and "token_type_ids" in merged
    assert torch.equal(merged["attention_mask"], together["attention_mask"])
    vectors = [subword(dict(features))["sentence_embedding"] for features in (merged, together)]
    torch.testing.assert_close(*vectors)  # though the one is padded by 0 and the other by the model's own id


def test_merge_leaves_out_what_a_forward_pass_left(toy: SentenceTransformer) -> None:
    features = toy[0].preprocess(["a b", "c"])
    toy(features)
    assert merge([features, features]).keys() == {"input_ids", "attention_mask"}


def test_merge_pads_each_feature_by_itself() -> None:
    def column(chunks: int, chars: int) -> dict[str, Tensor]:
        ids = torch.ones(2, chunks, dtype=torch.long)
        return {"input_ids": ids, "attention_mask": ids, "starts": torch.ones(2, chars, dtype=torch.int8)}

    merged = merge([column(3, 9), column(4, 7)])
    assert {key: tuple(value.shape) for key, value in merged.items()} == {
        "input_ids": (4, 4), "attention_mask": (4, 4), "starts": (4, 9),
    }  # fmt: skip


def test_merge_keeps_what_is_not_of_the_texts() -> None:
    ids = torch.ones(2, 3, dtype=torch.long)
    column = {"input_ids": ids, "attention_mask": ids, "modality": "text", "prompt_length": torch.tensor([2])}
    merged = merge([column, column])
    assert merged["modality"] == "text" and merged["prompt_length"].tolist() == [2, 2]


def test_draws_stay_below_their_bounds() -> None:
    torch.manual_seed(0)
    bounds = torch.tensor([0, 1, 3]).repeat(200, 1)
    drawn = draw_below(bounds)
    assert [set(column.tolist()) for column in drawn.T] == [{0}, {0}, {0, 1, 2}]


def test_a_model_of_unknown_width_is_refused() -> None:
    class Odd(SentenceTransformer):
        def get_embedding_dimension(self) -> None:
            return None

    with pytest.raises(ValueError, match="how wide"):
        width_of(Odd(modules=[nn.Identity()], device="cpu"))


# contrast


def test_candidates_left_out_are_no_negatives() -> None:
    vectors = torch.eye(3)
    numbers = torch.tensor([7, 7, 8])
    value = find_rows(vectors, vectors, numbers, 2.0)
    # rows 0 and 1 have one negative each, row 2 has two
    wanted = (2 * torch.tensor(-2.0).exp().log1p() + (2 * torch.tensor(-2.0).exp()).log1p()) / 3
    torch.testing.assert_close(value, wanted)
    assert info_nce(vectors[:0], vectors, numbers[:0], 2.0).item() == 0.0


# other models and wrappers


@pytest.mark.parametrize("name", OF_TEXTS)
def test_objectives_of_texts_train_subword_models_too(name: str, tmp_path: Path) -> None:
    model = make_subword(tmp_path).train()
    loss = TABLE[name][0](model)
    value = value_of(name, loss, model, texts_for(name))
    value.backward()
    assert torch.isfinite(value) and model[0].model.embeddings.word_embeddings.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("name", OF_CHUNKS)
def test_objectives_of_chunks_refuse_other_models(name: str, subword: SentenceTransformer) -> None:
    with pytest.raises(ValueError, match=r"opens with a Transformer, .*: build it by tiered_st\.build"):
        value_of(name, TABLE[name][0](subword), subword, TEXTS)


@pytest.mark.parametrize("name", [name for name in TABLE if name not in ("pair_class", "cached_ranking")])
def test_a_distributed_wrapper_gives_the_same_loss_and_is_run_itself(name: str) -> None:
    model = make_model().train()
    loss = TABLE[name][0](model)
    alone = value_of(name, loss, model, texts_for(name))
    runs: list[int] = []
    wrapper = Wrapper(model)
    wrapper.register_forward_hook(lambda *_: runs.append(1))
    loss.model = wrapper
    torch.testing.assert_close(value_of(name, loss, model, texts_for(name)), alone)
    assert runs  # only so does it exchange gradients
    runs.clear()
    loss([model[0].preprocess(["", ""])] * 2, labels_for(name)[:2])
    assert runs


def test_a_distributed_wrapper_gives_the_same_vectors(model: SentenceTransformer) -> None:
    features = model[0].preprocess(["word", "other"])
    torch.testing.assert_close(chunk_vectors(Wrapper(model), dict(features)), chunk_vectors(model, dict(features)))


def test_cached_ranking_has_the_gradients_of_the_uncached_one() -> None:
    texts = (["the cat sat down here", "a", "", "a big house in town"], ["teh cat", "b c", "x", "house"])

    def gradients(make: Make) -> tuple[float, dict[str, Any]]:
        model = make_model().eval()  # without dropout, which mini-batches draw otherwise
        value = value_of("ranking", make(model), model, texts)
        value.backward()
        return value.item(), {name: p.grad for name, p in model.named_parameters() if p.grad is not None}

    whole, wanted = gradients(MultipleNegativesRankingLoss)
    for settings in ({"mini_batch_size": 3}, {"mini_batch_size": 1}, {"mini_batch_num_tokens": 8}):
        value, got = gradients(lambda m, s=settings: CachedMultipleNegativesRankingLoss(m, **s))
        assert value == pytest.approx(whole, rel=1e-5)
        assert got.keys() == wanted.keys()
        for name, grad in wanted.items():
            torch.testing.assert_close(got[name], grad, rtol=1e-3, atol=1e-5)


def test_targets_are_not_part_of_a_checkpoint(model: SentenceTransformer) -> None:
    for loss in (SentenceDistillationLoss(model, targets(4)), WordMimicryLoss(model, targets(4), marks=targets(2))):
        assert not {"targets", "center", "marks"} & {name.rpartition(".")[2] for name in loss.state_dict()}
