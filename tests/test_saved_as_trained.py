"""What was trained is what is saved: by the model, by checkpoints, and by whatever is saved of it afterwards."""

from __future__ import annotations

import copy
import logging
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import make_model
from datasets import Dataset
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.sentence_transformer.evaluation import EmbeddingSimilarityEvaluator
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

from tiered_st.model import load, set_storage

QUESTIONS = ["how do i get my money back", "where is my parcel", "my card was stolen", "i forgot the password"]
ANSWERS = ["ask for a refund", "the delivery is on its way", "we block a lost card", "reset your login here"]
TEXTS = [*QUESTIONS, *ANSWERS, "teh parsel", ""]


@pytest.fixture
def int8(tmp_path: Path) -> Path:
    """Return the folder of a toy model that is stored in int8."""
    model = make_model()
    set_storage(model, "int8")
    model.save(str(tmp_path / "int8"), create_model_card=False)
    return tmp_path / "int8"


def train(model: SentenceTransformer, steps: int = 3, rate: float = 1e-3) -> None:
    """Take a few steps of MultipleNegativesRanking."""
    loss = MultipleNegativesRankingLoss(model)
    optimizer = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], lr=rate)
    model.train()
    for _ in range(steps):
        columns = [model.preprocess(QUESTIONS), model.preprocess(ANSWERS)]
        loss(columns, torch.arange(4)).backward()
        optimizer.step()
        optimizer.zero_grad()
    model.eval()


def reloaded(model: SentenceTransformer, folder: Path, **options: Any) -> SentenceTransformer:
    model.save_pretrained(str(folder), create_model_card=False)
    return load(folder, device="cpu", **options)


def storages(folder: Path) -> list[str]:
    """Return in what the matrices of either module are stored."""
    files = [folder / "model.safetensors", folder / "1_SemanticEncoder" / "model.safetensors"]
    return ["int8" if any(v.dtype == torch.int8 for v in load_file(file).values()) else "float" for file in files]


def largest(one: Any, other: Any) -> float:
    return float(np.abs(one.encode(TEXTS) - other.encode(TEXTS)).max())


def test_a_fine_tuned_shipped_model_keeps_its_score(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The score is a task's: how the cosines of questions and answers, of each with each, rank."""
    model = load("en-nano", device="cpu")
    untrained = load("en-nano", device="cpu")
    train(model, rate=1e-4)
    with caplog.at_level(logging.WARNING):
        again = reloaded(model, tmp_path / "m")
        reloaded(model, tmp_path / "once more")
    said = [record.getMessage() for record in caplog.records if "saved as computed" in record.getMessage()]
    assert len(said) == 2 and "TieredInput" in said[0] and "SemanticEncoder" in said[1]  # once for each
    assert largest(model, untrained) > 1e-3 and largest(again, model) < 1e-6
    pairs = [(q, a, float(i == j)) for i, q in enumerate(QUESTIONS) for j, a in enumerate(ANSWERS)]
    evaluator = EmbeddingSimilarityEvaluator(*(list(column) for column in zip(*pairs, strict=True)))  # type: ignore[arg-type]
    assert evaluator(again) == pytest.approx(evaluator(model), abs=1e-6)
    assert storages(tmp_path / "m") == ["float", "float"] and again[0].storage == "float32"


def test_what_nobody_trained_stays_small_bit_for_bit(int8: Path, tmp_path: Path) -> None:
    model = load(int8, device="cpu")
    model.encode(TEXTS)
    again = reloaded(model, tmp_path / "m")
    assert storages(tmp_path / "m") == ["int8", "int8"] and again[0].storage == "int8"
    files = ("model.safetensors", "1_SemanticEncoder/model.safetensors")
    for file in files:
        stored, before = load_file(tmp_path / "m" / file), load_file(int8 / file)
        assert stored.keys() == before.keys() and all(torch.equal(stored[name], before[name]) for name in before)


def test_a_frozen_half_stays_small(int8: Path, tmp_path: Path) -> None:
    model = load(int8, device="cpu")
    model[0].requires_grad_(False)
    train(model)
    again = reloaded(model, tmp_path / "m")
    assert storages(tmp_path / "m") == ["int8", "float"]
    assert largest(again, model) < 1e-6


def nudge(model: SentenceTransformer) -> None:
    """Change one weight by one unit in its last place, past every version counter."""
    weight = next(weight for weight in model[1].parameters() if weight.ndim == 2)
    weight.data[0, 0] = torch.nextafter(weight.data[0, 0], torch.tensor(9.0))


CHANGES: dict[str, Callable[[SentenceTransformer], Any]] = {
    "a bit": nudge,
    "load_state_dict": lambda model: model.load_state_dict(make_model(seed=3).state_dict()),
    "half": lambda model: model.half(),
    "bfloat16": lambda model: model.bfloat16(),
}


@pytest.mark.parametrize("storage", ["int8", "float16"])
@pytest.mark.parametrize("name", CHANGES)
def test_every_way_of_changing_weights_is_seen(name: str, storage: str, tmp_path: Path) -> None:
    model = make_model()
    set_storage(model, storage)
    model = reloaded(model, tmp_path / "stored")
    CHANGES[name](model)
    again = reloaded(model, tmp_path / "m")
    assert all(torch.equal(value, again.state_dict()[key]) for key, value in model.state_dict().items())
    assert largest(again, model) < 1e-6


def test_asked_for_after_training_it_is_rounded(int8: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = load(int8, device="cpu")
    train(model)
    set_storage(model, "int8")
    with caplog.at_level(logging.WARNING):
        again = reloaded(model, tmp_path / "m")
    assert storages(tmp_path / "m") == ["int8", "int8"] and not caplog.records
    assert 1e-6 < largest(again, model) < 0.05
    train(model)  # asked for before this, not after
    again = reloaded(model, tmp_path / "m")
    assert storages(tmp_path / "m") == ["float", "float"] and largest(again, model) < 1e-6


def test_a_copy_knows_what_was_asked(int8: Path, tmp_path: Path) -> None:
    model = load(int8, device="cpu")
    train(model)
    set_storage(model, "int8")
    for number, other in enumerate([copy.deepcopy(model), pickle.loads(pickle.dumps(model))]):
        reloaded(other, tmp_path / str(number))
        assert storages(tmp_path / str(number)) == ["int8", "int8"]


def test_checkpoints_best_model_and_resume(int8: Path, tmp_path: Path) -> None:
    model = load(int8, device="cpu")
    data = Dataset.from_dict({"anchor": QUESTIONS * 4, "positive": ANSWERS * 4})

    def trainer(model: SentenceTransformer, steps: int) -> SentenceTransformerTrainer:
        arguments = SentenceTransformerTrainingArguments(
            output_dir=str(tmp_path / "out"), max_steps=steps, per_device_train_batch_size=4, learning_rate=1e-3,
            save_steps=2, eval_steps=2, eval_strategy="steps", load_best_model_at_end=True, use_cpu=True,
            report_to="none", disable_tqdm=True, metric_for_best_model="eval_loss",
        )  # fmt: skip
        return SentenceTransformerTrainer(
            model, arguments, train_dataset=data, eval_dataset=data, loss=MultipleNegativesRankingLoss(model)
        )

    first = trainer(model, 2)
    first.train()  # the best model is the only one, and was loaded from its checkpoint
    checkpoint = tmp_path / "out" / "checkpoint-2"
    assert storages(checkpoint) == ["float", "float"]
    assert largest(load(checkpoint, device="cpu"), model) < 1e-6
    resumed = load(int8, device="cpu")
    trainer(resumed, 4).train(resume_from_checkpoint=str(checkpoint))
    assert largest(reloaded(resumed, tmp_path / "m"), resumed) < 1e-6
    assert largest(resumed, model) > 1e-4
