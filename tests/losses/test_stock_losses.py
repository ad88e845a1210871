"""Every loss and evaluator of sentence-transformers, one step each on a toy model; those that cannot are named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import TOY, make_model
from loss_tools import make_subword, moved
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer import evaluation, losses

A, B, C = ["the cat sat", "a big house"], ["teh cat sat down", "a house"], ["money back", "no dog here"]
D = TOY.d_sem
# These reach into a stock Transformer module: its layers, or a decoder tied to its vocabulary.
CANNOT = {
    "AdaptiveLayerLoss": AssertionError,
    "Matryoshka2dLoss": AssertionError,
    "DenoisingAutoEncoderLoss": AttributeError,
}
CLASSES = torch.tensor([0, 0, 1, 1])
# loss: columns, labels, arguments
LOSSES: dict[str, tuple[list[list[str]], Any, dict[str, Any]]] = {
    "AnglELoss": ([A, B], torch.tensor([0.9, 0.1]), {}),
    "BatchAllTripletLoss": ([A + B], CLASSES, {}),
    "BatchHardSoftMarginTripletLoss": ([A + B], CLASSES, {}),
    "BatchHardTripletLoss": ([A + B], CLASSES, {}),
    "BatchSemiHardTripletLoss": ([A + B], CLASSES, {}),
    "CachedGISTEmbedLoss": ([A, B, C], None, {"mini_batch_size": 1}),
    "CachedMultipleNegativesRankingLoss": ([A, B, C], None, {"mini_batch_size": 1}),
    "CachedMultipleNegativesSymmetricRankingLoss": ([A, B], None, {"mini_batch_size": 1}),
    "CoSENTLoss": ([A, B], torch.tensor([0.9, 0.1]), {}),
    "ContrastiveLoss": ([A, B], torch.tensor([1, 0]), {}),
    "ContrastiveTensionLoss": ([A, B], torch.tensor([1.0, 0.0]), {}),
    "ContrastiveTensionLossInBatchNegatives": ([A, B], None, {}),
    "CosineSimilarityLoss": ([A, B], torch.tensor([0.9, 0.1]), {}),
    "DistillKLDivLoss": ([A, B, C], torch.tensor([[0.9, 0.1], [0.6, 0.4]]), {}),
    "EmbedDistillLoss": ([A], torch.ones(2, D), {}),
    "GISTEmbedLoss": ([A, B, C], None, {}),
    "GlobalOrthogonalRegularizationLoss": ([A, B], None, {}),
    "MSELoss": ([A], torch.ones(2, D), {}),
    "MarginMSELoss": ([A, B, C], torch.tensor([0.9, 0.1]), {}),
    "MegaBatchMarginLoss": ([A, B], None, {"use_mini_batched_version": False}),
    "MultipleNegativesRankingLoss": ([A, B, C], None, {}),
    "MultipleNegativesSymmetricRankingLoss": ([A, B], None, {}),
    "OnlineContrastiveLoss": ([A, B], torch.tensor([0, 1]), {}),
    "SoftmaxLoss": ([A, B], torch.tensor([1, 0]), {"embedding_dimension": D, "num_labels": 2}),
    "TripletLoss": ([A, B, C], None, {}),
    "MatryoshkaLoss": ([A, B], None, {"matryoshka_dims": [D, D // 2]}),
}  # fmt: skip


@pytest.fixture(scope="module")
def subword(tmp_path_factory: pytest.TempPathFactory) -> SentenceTransformer:
    return make_subword(tmp_path_factory.mktemp("subword"))


def stock(package: Any, ending: str) -> set[str]:
    return {name for name in package.__all__ if name.endswith(ending) or name.endswith("InBatchNegatives")}


def test_every_stock_loss_is_listed() -> None:
    assert stock(losses, "Loss") == LOSSES.keys() | CANNOT.keys()


@pytest.mark.parametrize("name", LOSSES)
def test_a_stock_loss_trains_the_model(name: str, subword: SentenceTransformer) -> None:
    texts, labels, arguments = LOSSES[name]
    model = make_model().train()
    if "GIST" in name:
        arguments = {**arguments, "guide": subword}
    if name == "MatryoshkaLoss":
        arguments = {**arguments, "loss": losses.MultipleNegativesRankingLoss(model)}
    loss = getattr(losses, name)(model, **arguments)
    value = loss([model.preprocess(column) for column in texts], labels)
    value = sum(value.values()) if isinstance(value, dict) else value
    value.backward()
    assert torch.isfinite(value)
    assert moved(loss) >= {"char_encoder", "chunk_projector", "semantic_encoder"}


@pytest.mark.parametrize("name", CANNOT)
def test_a_loss_that_needs_a_transformer_is_not_one_that_works(name: str, toy: SentenceTransformer) -> None:
    arguments = {"matryoshka_dims": [D]} if name == "Matryoshka2dLoss" else {}
    if name != "DenoisingAutoEncoderLoss":
        arguments["loss"] = losses.CoSENTLoss(toy)
    with pytest.raises(CANNOT[name]):
        getattr(losses, name)(toy, **arguments)


@pytest.mark.parametrize("name", ["GISTEmbedLoss", "CachedGISTEmbedLoss"])
def test_a_guide_is_given_the_texts(name: str, subword: SentenceTransformer, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []
    preprocess = subword.preprocess
    monkeypatch.setattr(subword, "preprocess", lambda texts, **kw: given.extend(texts) or preprocess(texts, **kw))
    model = make_model()
    loss = getattr(losses, name)(model, guide=subword)
    loss([model.preprocess(["The cat, (who) sat", "B"]), model.preprocess(["c", "d"])], None)
    assert given == ["The cat, (who) sat", "B", "c", "d"]


def test_a_guide_that_reads_alike_is_given_the_ids() -> None:
    model = make_model()
    assert not losses.GISTEmbedLoss(model, guide=make_model(seed=1)).must_retokenize
    assert losses.GISTEmbedLoss(model, guide=make_model(TOY.replace(lowercase=False))).must_retokenize


EVALUATORS: dict[str, Any] = {
    "BinaryClassificationEvaluator": lambda e: e(A, B, [1, 0]),
    "EmbeddingSimilarityEvaluator": lambda e: e(A + C, B + C, [0.9, 0.1, 0.5, 0.3]),
    "InformationRetrievalEvaluator": lambda e: e({"q": A[0]}, {"d": B[0], "x": C[0]}, {"q": {"d"}}),
    "ParaphraseMiningEvaluator": lambda e: e({"a": A[0], "b": B[0], "c": C[0]}, [("a", "b")]),
    "RerankingEvaluator": lambda e: e([{"query": A[0], "positive": [B[0]], "negative": C}]),
    "TranslationEvaluator": lambda e: e(A, B),
    "TripletEvaluator": lambda e: e(A, B, C),
}
# MSE evaluators want a teacher; LabelAccuracy a classifier's head; NanoBEIR fetches its data; Sequential runs others.
APART = {"LabelAccuracyEvaluator", "MSEEvaluator", "MSEEvaluatorFromDataFrame", "NanoBEIREvaluator",
         "SequentialEvaluator", "SentenceEvaluator", "BaseEvaluator"}  # fmt: skip


def test_every_stock_evaluator_is_listed() -> None:
    assert {name for name in evaluation.__all__ if name.endswith(("Evaluator", "DataFrame"))} - APART == set(EVALUATORS)


# An evaluator leaves itself in the card of the model that it measures, which is then not pickled any more.
@pytest.mark.parametrize("name", EVALUATORS)
def test_a_stock_evaluator_measures_the_model(name: str, model: SentenceTransformer, tmp_path: Path) -> None:
    results = EVALUATORS[name](getattr(evaluation, name))(model, output_path=str(tmp_path))
    assert results and all(torch.isfinite(torch.tensor(float(value))) for value in results.values())


def test_the_mse_evaluators_measure_the_model(model: SentenceTransformer) -> None:
    results = evaluation.MSEEvaluator(A, A, teacher_model=model)(model)
    assert results["negative_mse"] == pytest.approx(0, abs=1e-6)
    rows = [{"en": A[0], "de": B[0]}]
    assert evaluation.MSEEvaluatorFromDataFrame(rows, model, [("en", "de")])(model)
