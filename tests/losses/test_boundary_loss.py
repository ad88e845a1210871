"""The boundary objective: its maths by hand, what it learns, and that it does not collapse."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest
import torch
from conftest import TOY, make_model
from datasets import Dataset
from loss_tools import Wrapper
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from torch import nn
from torch.nn import functional as F

from tiered_st.losses import BoundaryLoss
from tiered_st.losses.boundary import shared, stack
from tiered_st.noise import drop_spaces, insert_spaces, seeded
from tiered_st.text import SPACE, Chunker, WordChunker, classify
from tiered_st.text.tokenizer import CharTokenizer

CONFIG = TOY.replace(chunker="learned", boundary_layers=1, boundary_buckets=2048)
TOKENIZER = CharTokenizer()


@pytest.fixture
def learner() -> SentenceTransformer:
    return make_model(CONFIG).train()


# maths


def logit(probability: float) -> float:
    return math.log(probability / (1 - probability))


def test_cross_entropy_by_hand() -> None:
    logits = torch.tensor([[logit(0.8), logit(0.4), 9.0]])
    starts, known = torch.tensor([[1, 0, 0]]), torch.tensor([[True, True, False]])
    loss = BoundaryLoss.compute(logits, starts, known, ratio_weight=0.0)
    assert loss.item() == pytest.approx(-(math.log(0.8) + math.log(0.6)) / 2)


def test_the_ratio_term_by_hand() -> None:
    logits = torch.tensor([[logit(0.8), logit(0.4), logit(0.9), logit(0.7)]])
    starts, known = torch.tensor([[1, 0, 0, 0]]), torch.ones(1, 4, dtype=torch.bool)
    without = BoundaryLoss.compute(logits, starts, known, ratio_weight=0.0)
    ratio = BoundaryLoss.compute(logits, starts, known, ratio_weight=2.0) - without
    # rates 0.7 and 0.25, both plus a quarter of a boundary per character
    assert ratio.item() == pytest.approx(2 * math.log(0.95 / 0.5) ** 2, rel=1e-5)


@pytest.mark.parametrize(("share", "target"), [(0.0, 1.0), (0.5, 0.75), (1.0, 0.5)])
def test_targets_move_to_the_predictors_own_guess(share: float, target: float) -> None:
    logits, starts, known = torch.tensor([[logit(0.8)]]), torch.tensor([[1]]), torch.tensor([[True]])
    own = torch.zeros(1, 1, requires_grad=True)
    loss = BoundaryLoss.compute(logits, starts, known, own=own, self_share=share, ratio_weight=0.0)
    assert loss.item() == pytest.approx(-target * math.log(0.8) - (1 - target) * math.log(0.2), rel=1e-5)
    assert not loss.requires_grad  # its own guess is a constant


def test_its_own_guess_is_sharpened() -> None:
    logits, starts, known = torch.zeros(1, 1), torch.tensor([[0]]), torch.tensor([[True]])
    options: dict[str, Any] = {"own": torch.tensor([[logit(0.8)]]), "self_share": 1.0, "ratio_weight": 0.0}
    logits = torch.tensor([[logit(0.6)]])
    loss = BoundaryLoss.compute(logits, starts, known, temperature=0.5, **options)
    target = 0.8**2 / (0.8**2 + 0.2**2)
    assert loss.item() == pytest.approx(-target * math.log(0.6) - (1 - target) * math.log(0.4), rel=1e-5)


def test_nothing_known_or_no_boundary_gives_a_finite_loss() -> None:
    logits = torch.zeros(1, 2, requires_grad=True)
    nothing = BoundaryLoss.compute(logits, torch.zeros(1, 2), torch.zeros(1, 2, dtype=torch.bool))
    assert nothing.item() == 0.0
    nothing.backward()
    none = BoundaryLoss.compute(logits - 50, torch.zeros(1, 2), torch.ones(1, 2, dtype=torch.bool))
    assert none.item() == pytest.approx(0.0, abs=1e-6)


def test_the_ratio_term_prevents_a_boundary_everywhere() -> None:
    """Left to its own guess, a predictor that starts out above one half ends at all boundaries."""
    starts = (torch.arange(40) % 4 == 0).long()[None]
    known = torch.ones(1, 40, dtype=torch.bool)
    rates = {}
    for weight in (0.0, 1.0):
        logits = nn.Parameter(0.5 + 0.3 * torch.randn(1, 40, generator=torch.Generator().manual_seed(0)))
        optimizer = torch.optim.Adam([logits], lr=0.1)
        for _ in range(200):
            loss = BoundaryLoss.compute(logits, starts, known, own=logits, self_share=1.0, ratio_weight=weight)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        rates[weight] = torch.sigmoid(logits).mean().item()
    assert rates[0.0] > 0.9
    assert rates[1.0] == pytest.approx(0.25, abs=0.1)


# columns


def test_labels_are_known_up_to_the_first_difference_and_at_whole_characters() -> None:
    rows = [TOKENIZER.encode(text).tolist() for text in ("abcя", "abcя", "abXя", "ab")]
    chars = torch.tensor([row + [0] * (6 - len(row)) for row in rows])[:, None]  # (columns, batch = 1, chars)
    assert shared(chars)[:, 0].tolist() == [
        [True, True, True, True, False, False],  # the second byte of я starts nothing
        [True, True, True, True, False, False],
        [True, True, False, False, False, False],
        [True, True, False, False, False, False],
    ]


def test_columns_of_other_characters_are_refused(learner: SentenceTransformer) -> None:
    loss = BoundaryLoss(learner)
    with pytest.raises(ValueError, match="differ in white space only"):
        loss([learner.preprocess(["the cat"]), learner.preprocess(["a dog"]), learner.preprocess(["mouse"])])


def test_columns_are_padded_to_the_longest(learner: SentenceTransformer) -> None:
    BoundaryLoss(learner)
    chars, spaces, starts = stack([learner.preprocess(["a b", "c"]), learner.preprocess(["ab", "c d"])])
    assert chars.shape == spaces.shape == starts.shape == (2, 2, 2)
    assert spaces.tolist() == [[[1, 1], [1, 0]], [[1, 0], [1, 1]]]
    assert torch.equal(chars[0, 0], chars[1, 0])


def test_the_loss_asks_for_its_features(learner: SentenceTransformer) -> None:
    before = learner.preprocess(["the cat", ""])
    assert set(before) == {"input_ids", "attention_mask"}
    loss = BoundaryLoss(learner)
    with pytest.raises(ValueError, match="make it before the batches"):
        loss([before])
    names = {"boundary_chars", "boundary_spaces", "boundary_starts"}
    features = learner.preprocess(["the cat", ""])
    assert set(features) == {"input_ids", "attention_mask"} | names
    assert {features[name].dtype for name in names} == {torch.int64}
    learner(features)["sentence_embedding"].sum().backward()  # they are in nobody's way


def test_a_model_without_a_predictor_is_refused(toy: SentenceTransformer) -> None:
    with pytest.raises(ValueError, match="the model has chunker='words', not 'learned'"):
        BoundaryLoss(toy)


@pytest.mark.parametrize(("option", "says"), [({"max_self": 1.5}, "max_self=1.5"), ({"temperature": 0}, "above 0")])
def test_options_are_checked(option: dict[str, float], says: str, learner: SentenceTransformer) -> None:
    with pytest.raises(ValueError, match=says):
        BoundaryLoss(learner, **option)


def test_gradients_reach_the_predictor_only(learner: SentenceTransformer) -> None:
    loss = BoundaryLoss(learner)
    loss([learner.preprocess(["the cat"]), learner.preprocess(["theca t"])]).backward()
    moved = {name.split(".")[1] for name, p in learner.named_parameters() if p.grad is not None and p.grad.any()}
    assert moved == {"boundary_predictor"}


@pytest.mark.parametrize("texts", [[""], [" ", ""]])
def test_texts_without_characters_cost_nothing(texts: list[str], learner: SentenceTransformer) -> None:
    loss = BoundaryLoss(learner)
    value = loss([learner.preprocess(texts)] * 2)
    assert value.item() == 0.0
    value.backward()


def test_the_share_of_its_own_guess_is_annealed_in_training(learner: SentenceTransformer) -> None:
    loss = BoundaryLoss(learner, max_self=0.8, anneal_steps=4)
    columns = [learner.preprocess(["the cat"])]
    shares = []
    for _ in range(6):
        shares.append(loss.self_share().item())
        loss(columns)
    assert shares == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8, 0.8])
    loss.eval()
    loss(columns)
    assert int(loss.step) == 6 and "step" in dict(loss.named_parameters())


def test_the_model_card_says_how_it_was_set(learner: SentenceTransformer) -> None:
    loss = BoundaryLoss(learner, max_self=0.3)
    assert loss.get_config_dict() == {
        "max_self": 0.3, "anneal_steps": 10_000, "temperature": 0.5, "ratio_weight": 1.0
    }  # fmt: skip


# learning

WORDS = [
    "the", "cat", "sat", "on", "a", "mat", "while", "two", "old", "dogs", "were", "barking", "at", "their", "shadow",
    "under", "one", "tall", "green", "tree", "and", "nobody", "cared", "about", "it", "until", "rain", "fell", "over",
]  # fmt: skip


def sentence(rng: random.Random) -> str:
    return " ".join(WORDS[int(rng.random() * len(WORDS))] for _ in range(8))


def starts_of(chunker: Chunker, text: str) -> set[int]:
    """Return at which of a text's characters, spaces not counted, chunks start."""
    points, _ = TOKENIZER.normalize_all([text])
    letters = np.cumsum(classify(points) != SPACE) - 1
    return set(letters[chunker(points, TOKENIZER.widths(points)).starts].tolist())


def f1(chunker: Chunker, *, dropped: float, inserted: float) -> float:
    """Return how well a chunker finds the words of new sentences whose spaces are unreliable."""
    hits = claims = wanted = 0
    for i in range(30):
        rng = seeded("test", i)
        text = sentence(rng)
        noisy = insert_spaces(drop_spaces(text, dropped, rng), inserted, rng)
        gold, got = starts_of(WordChunker(31), text), starts_of(chunker, noisy)
        hits, claims, wanted = hits + len(gold & got), claims + len(got), wanted + len(gold)
    return 2 * hits / (claims + wanted)


def test_a_tiny_predictor_learns_to_repair_spaces(learner: SentenceTransformer) -> None:
    loss = BoundaryLoss(learner, anneal_steps=60)
    optimizer = torch.optim.Adam(learner[0].boundary_predictor.parameters(), lr=0.01)
    for step in range(60):
        rng = seeded("train", step)
        clean = [sentence(rng) for _ in range(16)]
        noisy = [insert_spaces(drop_spaces(text, rng.random(), rng), 0.2 * rng.random(), rng) for text in clean]
        value = loss([learner.preprocess(clean), learner.preprocess(noisy)])
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    chunker, words = learner.eval()[0].chunker, WordChunker(31)
    for dropped, inserted in ((0.0, 0.0), (0.5, 0.0), (1.0, 0.0), (0.0, 0.1), (0.3, 0.1)):
        assert f1(chunker, dropped=dropped, inserted=inserted) > 0.97
    assert f1(words, dropped=0.5, inserted=0.0) < 0.8 and f1(words, dropped=0.0, inserted=0.1) < 0.9
    # what the repair is for: the same chunks, so the same embedding
    texts = learner.encode(["the cat sat under one tree", "thecat sat un der onetree"], convert_to_tensor=True)
    assert F.cosine_similarity(texts[0], texts[1], dim=0).item() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("workers", [0, 1])
def test_the_trainer_feeds_it(workers: int, tmp_path: Any) -> None:
    model = make_model(CONFIG)
    before = model[0].boundary_predictor.head.bias.item()
    rows = {"clean": ["the cat sat", "on a mat"] * 2, "noisy": ["thecat sat", "on am at"] * 2}
    loss = BoundaryLoss(model)
    trainer = SentenceTransformerTrainer(
        model=model,
        args=SentenceTransformerTrainingArguments(
            output_dir=str(tmp_path), max_steps=2, per_device_train_batch_size=2, use_cpu=True, report_to="none",
            save_strategy="no", dataloader_num_workers=workers, disable_tqdm=True,
        ),
        train_dataset=Dataset.from_dict(rows),
        loss=loss,
    )  # fmt: skip
    trainer.train()
    assert int(loss.step) == 2 and model[0].boundary_predictor.head.bias.item() != before


def test_a_distributed_wrapper_gives_the_same_loss(learner: SentenceTransformer) -> None:
    loss = BoundaryLoss(learner).eval()
    columns = [learner.preprocess(["the cat"]), learner.preprocess(["thecat"])]
    alone = loss(columns)
    loss.model = Wrapper(learner)
    torch.testing.assert_close(loss(columns), alone)
