"""The runner and its parts, on a synthetic corpus and a teacher made in memory."""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from conftest import TOY, make_model
from datasets import Dataset
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from small_bert import save_bert
from torch import nn

import training.run as runner
import training.stage_run as stage_run
from tiered_st.fingerprint import PROBE
from tiered_st.model import load
from tiered_st.noise import Misspellings, NoisePolicy
from training import teacher as teachers
from training.build import build_model, targets_of
from training.callbacks import JsonLog
from training.checkpoints import NEEDED, latest_checkpoint, seal
from training.freezing import select_parameters, set_gradient_checkpointing
from training.recipe import Recipe, Stage
from training.recipe_files import find_recipe
from training.sources import Source
from training.stage_objectives import Weighted, make_task
from training.tasks import Noise, PairTask, TextTask, WordTask
from training.warm_start import body_config, warm_start
from training.words import chunks_of, count_chunks, lexicon

NOUNS = ["cat", "dog", "house", "river", "mother", "garden", "window", "letter"]
VERBS = ["sees", "likes", "paints", "leaves"]
TEXTS = [f"the {a} {verb} the {b}" for a in NOUNS for verb in VERBS for b in NOUNS[:2]]
PIECES = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "the",
    *NOUNS,
    *VERBS,
    "##s",
    "##er",
    *"abcdefghijklmnopqrstuvwxyz",
]
CLEAN = NoisePolicy(weights=())
TYPOS = NoisePolicy(weights=(("typos", 1.0),), rates=(0.1, 0.3))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    tables: dict[str, dict[str, list[Any]]] = {
        "texts": {"text": TEXTS, "source": ["good", "bad"] * (len(TEXTS) // 2)},
        "pairs": {"anchor": TEXTS[0::2], "positive": TEXTS[1::2], "group": [i // 2 for i in range(len(TEXTS) // 2)]},
        "lists": {"captions": [["one", "two", "three"], ["four", "five"], []]},
        "misspellings": {"misspelt": ["hosue", "dgo"], "correct": ["house", "dog"]},
        "frequencies": {"word": ["the", *NOUNS, *VERBS], "count": [1_000, *[10] * (len(NOUNS) + len(VERBS))]},
    }
    for name, columns in tables.items():
        pq.write_table(pa.table(columns), folder / f"{name}.parquet")
    return folder


@pytest.fixture(scope="module")
def teacher_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teacher")
    save_bert(
        folder / "bert", PIECES, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=64,
    )  # fmt: skip
    model = SentenceTransformer(modules=[Transformer(str(folder / "bert")), Pooling(32, "mean")], device="cpu")
    model.save(str(folder / "model"), create_model_card=False)
    return folder / "model"


@pytest.fixture(scope="module")
def teacher(teacher_folder: Path) -> SentenceTransformer:
    return teachers.load_teacher(str(teacher_folder), device="cpu")


# the runner

SPELL = Stage(
    "spell", ("tiers",), (("mimicry", 0.5, 1.0), ("identity", 0.25, 0.2), ("char_mlm", 0.25, 0.2)),
    4, 8, (("tiers", 1e-3),), TYPOS, 0.2, views=1,
)  # fmt: skip
JOINT = Stage(
    "joint", ("tiers", "semantic_encoder"), (("distillation", 0.75, 1.0), ("ranking", 0.25, 0.3)),
    4, 8, (("tiers", 1e-3), ("semantic_encoder", 1e-3)), TYPOS, 0.2,
)  # fmt: skip
SETTLE = Stage("settle", ("norms:tiers",), (("distillation", 1.0, 1.0),), 2, 8, (("tiers", 1e-3),), TYPOS)


@pytest.fixture(scope="module")
def recipe(teacher_folder: Path) -> Recipe:
    return Recipe(
        name="tiny",
        config=TOY.replace(dropout=0.0),
        stages=(SPELL, JOINT, SETTLE),
        teacher=str(teacher_folder),
        texts=(Source("texts", ("text",)),),
        pairs=(Source("pairs", ("anchor", "positive"), cluster="group"),),
        misspellings="misspellings",
        storage="float16",
    )


class Run:
    """Call the runner as the command line does, on a recipe of one's own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, recipe: Recipe, data: Path, out: Path) -> None:
        self.monkeypatch, self.recipe, self.data, self.out = monkeypatch, recipe, data, out

    def __call__(self, *extra: str, recipe: Recipe | None = None) -> int:
        self.monkeypatch.setattr(runner, "find_recipe", lambda name: recipe or self.recipe)
        paths = ["--data", str(self.data), "--out", str(self.out)]
        return runner.main(["tiny", *paths, "--device", "cpu", "--workers", "0", "--log-steps", "1", "--quiet", *extra])

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.out / "log.jsonl").read_text(encoding="utf-8").splitlines()]

    def steps(self, stage: str) -> list[int]:
        """Return the steps whose loss was logged, in order."""
        return [line["step"] for line in self.log() if line["stage"] == stage and "loss" in line]

    def weights(self) -> dict[str, torch.Tensor]:
        return load(self.out / "model", device="cpu").state_dict()


@pytest.fixture(autouse=True)
def float32_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_run, "has_bf16", lambda device: False)
    monkeypatch.setattr(teachers, "has_bf16", lambda device: False)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, recipe: Recipe, data: Path, tmp_path: Path) -> Run:
    return Run(monkeypatch, recipe, data, tmp_path / "out")


@pytest.fixture(scope="module")
def finished(recipe: Recipe, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A run of all stages, to look at."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        done = Run(monkeypatch, recipe, data, tmp_path_factory.mktemp("finished") / "out")
        assert done() == 0
    yield done


def test_a_run_leaves_a_model_that_loads(finished: Run) -> None:
    model = load(finished.out / "model", device="cpu")
    vectors = model.encode(["the cat sees the dog", "teh ca tsees", ""])
    assert vectors.shape == (3, 32)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    assert model[0].max_seq_length == TOY.max_chunks  # not the stage's
    assert model[0].storage == "float16"
    assert json.loads((finished.out / "model" / "recipe.json").read_text())["name"] == "tiny"


def test_a_run_logs_every_stage_for_people_and_plots(finished: Run) -> None:
    assert [finished.steps(stage.name) for stage in finished.recipe.stages] == [[1, 2, 3, 4], [1, 2, 3, 4], [1, 2]]
    assert all(np.isfinite(line["loss"]) and line["minutes"] >= 0 for line in finished.log() if "loss" in line)


def test_a_run_tidies_up_but_keeps_each_stages_model(finished: Run) -> None:
    assert sorted(path.name for path in finished.out.glob("[0-9]_*")) == ["0_spell", "1_joint", "2_settle"]
    assert all((path / "model" / "modules.json").is_file() for path in finished.out.glob("[0-9]_*"))
    assert not list(finished.out.glob("*/checkpoints")) and not list(finished.out.rglob(".*"))


def test_each_stage_changes_what_it_says_and_nothing_else(finished: Run) -> None:
    before, after = (
        load(finished.out / folder / "model", device="cpu").state_dict() for folder in ("0_spell", "1_joint")
    )
    settled = load(finished.out / "2_settle" / "model", device="cpu").state_dict()
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    assert {name.partition(".")[0] for name in changed} == {"tiers", "semantic_encoder"}
    moved = {name for name in settled if not torch.equal(settled[name], after[name])}
    assert moved and all(name.startswith("tiers.") and "norm" in name for name in moved)


def test_the_same_command_on_a_finished_run_trains_nothing(finished: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    again = Run(monkeypatch, finished.recipe, finished.data, finished.out)
    lines, weights = finished.log(), finished.weights()
    monkeypatch.setattr(runner, "train_stage", lambda *args: pytest.fail("a stage was trained again"))
    assert again() == 0
    assert again.log() == lines
    assert all(torch.equal(value, weights[name]) for name, value in again.weights().items())


def test_another_recipe_in_the_same_folder_is_refused(
    finished: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    again = Run(monkeypatch, finished.recipe, finished.data, finished.out)
    assert again(recipe=dataclasses.replace(finished.recipe, seed=1)) == 1
    assert f"{finished.out} holds a run of another recipe" in capsys.readouterr().err
    assert json.loads((finished.out / "recipe.json").read_text())["seed"] == 0


def simple(recipe: Recipe) -> Recipe:
    """Return a recipe of one stage whose losses have no weights and no chance of their own."""
    stage = dataclasses.replace(SPELL, objectives=(("mimicry", 0.5, 1.0), ("identity", 0.5, 0.2)), steps=6)
    return dataclasses.replace(recipe, stages=(stage,), storage="float32")


def test_max_minutes_stops_and_the_same_command_goes_on(run: Run, recipe: Recipe) -> None:
    run.recipe = simple(recipe)
    assert run("--max-minutes", "1e-9") == 0
    assert [path.name for path in (run.out / "0_spell" / "checkpoints").iterdir()] == ["checkpoint-1"]
    assert not (run.out / "model").exists()
    assert run("--max-minutes", "1e-9") == 0
    assert run.steps("spell") == [1, 2]
    assert run() == 0
    assert run.steps("spell") == [1, 2, 3, 4, 5, 6]
    assert (run.out / "model" / "modules.json").is_file()


class Killed(BaseException):
    """What no handler of the runner catches, as kill -9 would not be."""


def test_the_finished_model_reads_as_many_chunks_as_its_recipe_says(run: Run, recipe: Recipe) -> None:
    run.recipe = dataclasses.replace(simple(recipe), max_seq_length=24)
    assert run() == 0
    assert load(run.out / "model", device="cpu").max_seq_length == 24


def test_a_stage_reads_spaces_by_the_list_where_it_says_so(
    run: Run, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = simple(recipe).stages[0]
    stages = tuple(
        dataclasses.replace(words, name=name, steps=2, spaced=spaced)
        for name, spaced in (("as_they_stand", False), ("by_list", True), ("again", False))
    )
    tables = (Source("frequencies", ("word",), label="count"),)
    run.recipe = dataclasses.replace(recipe, stages=stages, frequencies=tables, spacing_words=1_000)
    read: dict[str, int] = {}
    train = runner.train_stage

    def watch(targets: Any, model: SentenceTransformer, stage: Stage, *rest: Any) -> bool:
        read[stage.name] = int(model.preprocess(["thedog"])["attention_mask"].sum())
        return train(targets, model, stage, *rest)

    monkeypatch.setattr(runner, "train_stage", watch)
    assert run() == 0
    assert read == {"as_they_stand": 3, "by_list": 4, "again": 3}  # with the two marks
    done = load(run.out / "model", device="cpu")
    assert int(done.preprocess(["thedog"])["attention_mask"].sum()) == 4

    with pytest.raises(ValueError, match="Recipe tiny: by_list read spaces by a list of words, and spacing_words=0"):
        dataclasses.replace(run.recipe, spacing_words=0)


def test_words_alone_aim_at_the_teachers_reading_of_the_right_one(
    recipe: Recipe, data: Path, tmp_path: Path, teacher: SentenceTransformer
) -> None:
    row = ("word_distillation", 1.0, 1.0, dict(noise=CLEAN, real=1.0))
    stage = dataclasses.replace(JOINT, objectives=(row,), real=0.0)
    targets = targets_of(dataclasses.replace(recipe, stages=(stage,)), data, tmp_path, "cpu")
    words = targets.corpus.lexicon[0]
    expected = teacher.encode(words)
    np.testing.assert_allclose(targets.lone_words.float().numpy(), expected, atol=5e-3)
    rows = make_task(targets, stage, stage.objectives[0]).rows(list(range(200)))
    noisy = {words[row["label"]]: row["noisy_1"] for row in rows}
    assert all(row["clean"] == words[row["label"]] for row in rows)
    assert (noisy["house"], noisy["dog"], noisy["cat"]) == ("hosue", "dgo", "cat")

    with pytest.raises(ValueError, match=r"Stage joint: real=1.5 of word_distillation is a probability"):
        dataclasses.replace(stage, objectives=(("word_distillation", 1.0, 1.0, dict(real=1.5)),))
    with pytest.raises(ValueError, match=r"Recipe tiny has parallel=…, and the teacher of word_distillation"):
        dataclasses.replace(recipe, stages=(stage,), parallel=recipe.pairs)
    with pytest.raises(ValueError, match="name one, or make real 0 in joint"):
        dataclasses.replace(recipe, stages=(stage,), misspellings=None)


def test_a_killed_run_resumes_from_its_checkpoint_to_the_same_weights(
    run: Run, recipe: Recipe, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, data: Path
) -> None:
    run.recipe = simple(recipe)
    on_log = JsonLog.on_log

    def dies(self: JsonLog, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == 4:
            raise Killed
        on_log(self, args, state, control, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(JsonLog, "on_log", dies)
        with pytest.raises(Killed):
            run("--save-minutes", "0")
    checkpoints = run.out / "0_spell" / "checkpoints"
    assert sorted(path.name for path in checkpoints.iterdir()) == ["checkpoint-2", "checkpoint-3"]  # two are kept
    (checkpoints / "checkpoint-9").mkdir()  # begun, never finished
    assert run("--save-minutes", "0") == 0
    assert run.steps("spell") == [1, 2, 3, 4, 5, 6]
    whole = Run(monkeypatch, run.recipe, data, tmp_path / "whole")
    assert whole() == 0
    expected = whole.weights()
    for name, value in run.weights().items():
        torch.testing.assert_close(value, expected[name], atol=1e-6, rtol=1e-5)


def checkpoint(folder: Path, step: int, files: tuple[str, ...] = NEEDED) -> Path:
    place = folder / f"checkpoint-{step}"
    place.mkdir()
    for name in files:
        (place / name).write_text("{}", encoding="utf-8")
    return place


def test_latest_checkpoint_takes_the_newest_whole_one_and_removes_the_others(tmp_path: Path) -> None:
    assert latest_checkpoint(tmp_path / "nowhere") is None
    for step, files in {9: 3, 10: 3, 11: 2, 100: 0}.items():
        checkpoint(tmp_path, step, NEEDED[:files])
    torn, cut = checkpoint(tmp_path, 12), checkpoint(tmp_path, 13)
    (torn / "trainer_state.json").write_text('{"global_st', encoding="utf-8")
    seal(cut, processes=1)
    (cut / "optimizer.pt").write_text("", encoding="utf-8")  # as a power cut leaves it
    assert latest_checkpoint(tmp_path) == tmp_path / "checkpoint-10"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-10", "checkpoint-9"]


def test_a_checkpoint_of_another_number_of_processes_is_refused(tmp_path: Path) -> None:
    seal(checkpoint(tmp_path, 3), processes=2)
    with pytest.raises(ValueError, match=r"checkpoint-3 is of a run of 2 process.*go on with 2"):
        latest_checkpoint(tmp_path)
    assert latest_checkpoint(tmp_path, processes=2) == tmp_path / "checkpoint-3"


def test_an_unknown_recipe_is_refused_with_the_known_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert runner.main(["nonsense", "--out", str(tmp_path)]) == 1
    assert "No recipe is called 'nonsense'" in (said := capsys.readouterr().err) and "en_small" in said
    assert find_recipe("en-small").name == "en-small"


@pytest.mark.parametrize(
    ("missing", "says"),
    [
        ("texts", "  texts.parquet   columns text   (texts; needed by distillation, which has no other texts)"),
        ("pairs", "  pairs.parquet   columns anchor, positive, group   (pairs; needed by ranking, which"),
        ("misspellings", "misspellings.parquet   columns misspelt, correct   (misspellings; can be left out"),
    ],
)  # fmt: skip
def test_a_missing_table_is_named(
    run: Run, missing: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run.data = shutil.copytree(run.data, tmp_path / "data")
    (run.data / f"{missing}.parquet").unlink()
    assert run() == 1
    assert says in capsys.readouterr().err


def test_smoke_and_scale_shorten_a_recipe(recipe: Recipe) -> None:
    smoke = recipe.smoke()
    assert {(stage.steps, stage.batch) for stage in smoke.stages} == {(3, 16)}
    assert all(source.limit == 200 for source in smoke.texts) and smoke.words == ()
    assert [stage.name for stage in smoke.stages] == [stage.name for stage in recipe.stages]


@pytest.mark.parametrize("objectives", [(("mimicri", 1.0, 1.0),), (("mimicry", 0.0, 1.0),)])
def test_a_stage_checks_its_objectives(objectives: tuple[tuple[str, float, float], ...]) -> None:
    with pytest.raises(ValueError, match=r"Stage spell: .*mimicr"):
        dataclasses.replace(SPELL, objectives=objectives)


# tasks


def noise(policy: NoisePolicy = TYPOS, real: float = 0.0, seed: str = "s") -> Noise:
    return Noise(policy, Misspellings([("hosue", "house")]), real, seed)


def task_of(name: str) -> Any:
    if name == "text":
        return TextTask(TEXTS, noise(), 8, views=2)
    if name == "word":
        return WordTask(NOUNS, np.full(len(NOUNS), 1 / len(NOUNS)), noise(), views=2)
    return PairTask([(a, b, str(i // 3)) for i, (a, b) in enumerate(itertools.pairwise(TEXTS))], noise(), 4)


@pytest.mark.parametrize("name", ["text", "word", "pair"])
def test_the_same_draw_gives_the_same_row(name: str) -> None:
    rows = task_of(name).rows(list(range(300)))
    again = task_of(name)
    assert again.rows([250, 3, 100]) == [rows[250], rows[3], rows[100]]
    assert again.rows([299, 0]) == [rows[299], rows[0]]
    assert again.rows(list(range(300))) == rows


def test_a_text_task_walks_through_all_texts_with_their_labels() -> None:
    for row in (rows := task_of("text").rows(list(range(len(TEXTS))))):
        assert set(row) == {"clean", "noisy_1", "noisy_2", "label"}
        assert TEXTS[row["label"]] == row["clean"]
    assert sorted(row["label"] for row in rows) == list(range(len(TEXTS)))
    assert sum(row["noisy_1"] != row["noisy_2"] for row in rows) > len(rows) / 2


def test_epochs_come_in_different_orders() -> None:
    labels = [row["label"] for row in task_of("text").rows(list(range(2 * len(TEXTS))))]
    assert labels[: len(TEXTS)] != labels[len(TEXTS) :]
    assert sorted(labels[: len(TEXTS)]) == sorted(labels[len(TEXTS) :])


def test_a_word_task_draws_by_probability() -> None:
    task = WordTask(["often", "never", "seldom"], np.array([0.9, 0.0, 0.1]), noise(CLEAN), views=0)
    labels = [row["label"] for row in task.rows(list(range(2000)))]
    assert labels.count(1) == 0
    assert 150 < labels.count(2) < 250
    assert task.rows([0])[0].keys() == {"clean", "label"}


@pytest.mark.parametrize("batch", [2, 4, 7, 16])
def test_no_two_pairs_of_one_cluster_meet_in_a_batch(batch: int) -> None:
    pairs = [(f"{i % 21} {'x' * (i % 5)}", f"{i % 21}", str(i % 21)) for i in range(70)]
    task = PairTask(pairs, noise(CLEAN), batch)
    for start in range(0, 40 * batch, batch):
        clusters = [row["positive"] for row in task.rows(list(range(start, start + batch)))]
        assert len(set(clusters)) == batch


def test_batches_are_of_pairs_that_are_near_each_other() -> None:
    rng = np.random.default_rng(0)
    topics = np.arange(160) % 10
    near = (np.eye(10)[topics] + 0.05 * rng.normal(size=(160, 10))).astype(np.float16)
    pairs = [(f"{i}", f"{topic}", str(i)) for i, topic in enumerate(topics)]
    task = PairTask(pairs, noise(CLEAN), 8, near=near)
    rows = task.rows(list(range(320)))
    assert all(pairs[row["label"]][0] == row["anchor"] for row in rows)
    for epoch in (rows[:160], rows[160:]):
        assert sorted(row["label"] for row in epoch) == list(range(160))
        met = [len({row["positive"] for row in epoch[start : start + 8]}) for start in range(0, 160, 8)]
        assert np.mean(met) < 3  # of 8 pairs at random there are 6 topics
    batches = [
        {frozenset(row["label"] for row in part[i : i + 8]) for i in range(0, 160, 8)}
        for part in (rows[:160], rows[160:])
    ]
    assert batches[0] != batches[1]  # other ones in every epoch
    task.within(chunks=40, budget=12)
    assert {row["label"] for row in task.rows(list(range(8 * 200)))} == set(range(160))


def test_every_pair_of_a_cluster_gets_its_turn() -> None:
    pairs = [(f"{i}", f"{i}", str(i // 3)) for i in range(12)]
    rows = PairTask(pairs, noise(CLEAN), 4).rows(list(range(400)))
    assert {row["anchor"] for row in rows} == {f"{i}" for i in range(12)}


def test_noise_is_seeded_by_task_draw_and_view() -> None:
    text = "the mother paints the garden window"
    copies = [noise(seed=seed)(text, draw, view) for seed in "st" for draw in (1, 2) for view in (1, 2)]
    assert copies == [noise(seed=seed)(text, draw, view) for seed in "st" for draw in (1, 2) for view in (1, 2)]
    assert len(set(copies)) == 8


def test_noise_puts_real_misspellings_in_and_never_empties_a_text() -> None:
    real = {noise(CLEAN, real=1.0)("house", draw, 1) for draw in range(20)}
    assert "hosue" in real and real <= {"hosue", "house"}
    everything_goes = NoisePolicy(weights=(("delete", 1.0),), rates=(1.0, 1.0))
    assert noise(everything_goes)("a", 1, 1) == "a"


# what learns


def test_select_parameters_by_tier() -> None:
    model = make_model()
    chosen = select_parameters(model, ("tiers",))
    learning = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert chosen == learning
    assert learning and all(name.startswith("tiers.") for name in learning)
    assert set(chosen) == {f"tiers.{name}" for name, _ in model.tiers.named_parameters()}


def test_select_parameters_by_layer_norms() -> None:
    model = make_model()
    chosen = select_parameters(model, ("norms:tiers", "semantic_encoder"))
    norms = {
        f"tiers.{module}.{name}"
        for module, layer in model.tiers.named_modules()
        if isinstance(layer, nn.LayerNorm)
        for name in ("weight", "bias")
    }
    assert norms and {name for name in chosen if name.startswith("tiers.")} == norms
    assert not model.tiers.char_encoder.embedding.weight.requires_grad
    assert all(parameter.requires_grad for parameter in model.semantic_encoder.parameters())
    select_parameters(model, ("tiers",))  # choosing again starts over
    assert not any(parameter.requires_grad for parameter in model.semantic_encoder.parameters())


@pytest.mark.parametrize("entry", ["tier", "norms:pooling", "tiers.nothing"])
def test_select_parameters_refuses_what_names_none(entry: str) -> None:
    with pytest.raises(ValueError, match=f"learns='{entry}' names no parameter.*semantic_encoder"):
        select_parameters(make_model(), ("tiers", entry))


def test_weighted_multiplies() -> None:
    assert Weighted(nn.MSELoss(), 0.5)(torch.tensor([2.0]), torch.tensor([0.0])).item() == 2.0


# the teacher


class Echo:
    """A teacher whose vector of a text is its length; it remembers what it was asked."""

    device = torch.device("cpu")

    def __init__(self, factor: float = 1.0) -> None:
        self.factor = factor
        self.asked: list[list[str]] = []

    def encode(self, texts: list[str], **kwargs: Any) -> torch.Tensor:
        if texts != [PROBE]:  # by which models without weights are told apart
            self.asked.append(texts)
        return torch.tensor([[self.factor * len(text), 1.0] for text in texts])


def test_sentence_vectors_are_kept_shard_by_shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teachers, "_SHARD", 4)
    texts, echo = ["x" * i for i in range(10)], Echo()
    expected = torch.tensor([[float(i), 1.0] for i in range(10)]).half()
    ask = lambda: teachers.sentence_vectors(echo, texts, tmp_path)  # type: ignore[arg-type]  # noqa: E731
    assert torch.equal(ask(), expected)
    assert [len(asked) for asked in echo.asked] == [4, 4, 2]
    assert torch.equal(ask(), expected) and len(echo.asked) == 3
    shards = sorted(tmp_path.rglob("*.npy"))
    assert len(shards) == 3
    shards[1].unlink()
    assert torch.equal(ask(), expected)
    assert echo.asked[3:] == [texts[4:8]]  # the lost one alone
    assert not list(tmp_path.rglob(".*"))


def test_sentence_vectors_of_other_texts_are_asked_anew(tmp_path: Path) -> None:
    echo = Echo()
    teachers.sentence_vectors(echo, ["a", "bb"], tmp_path)  # type: ignore[arg-type]
    other = teachers.sentence_vectors(echo, ["abb", "\ud800"], tmp_path)  # type: ignore[arg-type]
    assert len(echo.asked) == 2 and other[:, 0].tolist() == [3.0, 1.0]


def test_sentence_vectors_of_another_teacher_are_asked_anew(tmp_path: Path) -> None:
    teachers.sentence_vectors(Echo(), ["a", "bb"], tmp_path)  # type: ignore[arg-type]
    other = teachers.sentence_vectors(Echo(2.0), ["a", "bb"], tmp_path)  # type: ignore[arg-type]
    assert other[:, 0].tolist() == [2.0, 4.0]


def test_word_vectors_by_hand(teacher: SentenceTransformer) -> None:
    table = teacher[0].auto_model.get_input_embeddings().weight.detach()
    place = {piece: i for i, piece in enumerate(PIECES)}
    vectors = teachers.word_vectors(teacher, ["cat", "cats", "catser", "", "é你"])
    assert torch.equal(vectors[0], table[place["cat"]])
    torch.testing.assert_close(vectors[1], (table[place["cat"]] + table[place["##s"]]) / 2)
    torch.testing.assert_close(vectors[2], table[[place["cat"], place["##s"], place["##er"]]].mean(dim=0))
    assert not vectors[3].any()
    assert vectors.shape == (5, 32) and vectors.dtype == torch.float32


def test_mark_vectors_are_those_of_the_special_tokens(teacher: SentenceTransformer) -> None:
    table = teacher[0].auto_model.get_input_embeddings().weight.detach()
    assert torch.equal(teachers.mark_vectors(teacher), table[[PIECES.index("[CLS]"), PIECES.index("[SEP]")]])


def test_warm_start_takes_the_teachers_layers(teacher: SentenceTransformer) -> None:
    body = body_config(teacher)
    json.dumps(body)
    encoder = make_model(TOY.replace(body=body)).semantic_encoder.eval()
    warm_start(encoder, teacher)
    inputs, mask = torch.randn(2, 5, 32), torch.ones(2, 5, dtype=torch.int64)
    with torch.no_grad():
        own = encoder({"chunk_embeddings": inputs, "attention_mask": mask})["token_embeddings"]
        theirs = teacher[0].auto_model.eval()(inputs_embeds=inputs, attention_mask=mask).last_hidden_state
    torch.testing.assert_close(own, theirs, atol=1e-5, rtol=1e-5)


def test_a_recipe_starts_e2_from_some_layers(recipe: Recipe, data: Path, tmp_path: Path) -> None:
    recipe = dataclasses.replace(recipe, warm_start=(1,))
    targets = targets_of(recipe, data, tmp_path, "cpu")
    own = build_model(recipe, targets)[1].body.model.encoder.layer
    theirs = targets.student.teacher[0].auto_model.encoder.layer
    assert len(own) == 1
    assert torch.equal(own[0].output.dense.weight, theirs[1].output.dense.weight)


def test_a_stage_checkpoints_gradients_where_it_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(stage_run, "set_gradient_checkpointing", lambda model, on: seen.append(on))
    saving = dataclasses.replace(SETTLE, name="saving", gradient_checkpointing=True)
    assert run(recipe=dataclasses.replace(run.recipe, stages=(saving, SETTLE))) == 0
    assert seen == [True, False]


def test_gradient_checkpointing_is_switched_on_e2() -> None:
    model = make_model()
    set_gradient_checkpointing(model, True)
    assert model[1].body.checkpoint is not None
    set_gradient_checkpointing(model, False)
    assert model[1].body.checkpoint is None


@pytest.mark.filterwarnings("ignore:.*gradient_checkpointing.*:FutureWarning")
def test_the_trainers_own_switch_changes_no_step(recipe: Recipe, tmp_path: Path) -> None:
    """`gradient_checkpointing=True` of the stock trainer reaches E2 through the model's own method."""
    weights = []
    for on in (False, True):
        model = make_model(TOY.replace(dropout=0.1))
        arguments = SentenceTransformerTrainingArguments(
            output_dir=str(tmp_path), max_steps=2, per_device_train_batch_size=8, learning_rate=1e-3, use_cpu=True,
            gradient_checkpointing=on, report_to="none", disable_tqdm=True, save_strategy="no", seed=1,
        )  # fmt: skip
        model.model_card_data.widget = [{"text": "a"}]
        SentenceTransformerTrainer(
            model=model,
            args=arguments,
            train_dataset=Dataset.from_dict({"anchor": TEXTS[:16], "positive": TEXTS[1:17]}),
            loss=MultipleNegativesRankingLoss(model),
        ).train()
        assert (model[1].body.checkpoint is not None) is on
        weights.append(model.state_dict())
    for name, value in weights[0].items():
        torch.testing.assert_close(weights[1][name], value, atol=1e-6, rtol=1e-4)


def test_warm_start_refuses_another_architecture(teacher: SentenceTransformer) -> None:
    body = body_config(teacher) | {"num_hidden_layers": 3}
    with pytest.raises(ValueError, match=r"The teacher has no .*layer\.2"):
        warm_start(make_model(TOY.replace(body=body)).semantic_encoder, teacher)


def test_a_teacher_package_that_is_not_installed_is_named() -> None:
    with pytest.raises(ValueError, match="package:no_such_package: the package is not installed"):
        teachers.load_teacher("package:no_such_package")


# sources and words


def test_sources_filter_limit_and_split(data: Path, tmp_path: Path) -> None:
    assert list(Source("texts", ("text",)).texts(data)) == TEXTS
    good = Source("texts", ("text",), where=(("source", "good"),))
    assert list(good.texts(data)) == TEXTS[0::2]
    assert list(dataclasses.replace(good, where=(("source", "!good"),)).texts(data)) == TEXTS[1::2]
    assert list(Source("texts", ("text",), limit=2).texts(data)) == [TEXTS[0], TEXTS[-1]]
    assert list(Source("texts", ("text",), lengths=(6, 9)).texts(data)) == []
    assert list(Source("lists", ("captions",)).texts(data)) == ["one", "two", "three", "four", "five"]
    pq.write_table(pa.table({"text": ["One two. Three?\nfour", ""]}), tmp_path / "t.parquet")
    assert list(Source("t", ("text",), split=True).texts(tmp_path)) == ["One two.", "Three?", "four"]


@pytest.mark.parametrize(
    "split",
    [False, True],
)
def test_sources_skip_nulls(split: bool, tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["one", None]}), tmp_path / "t.parquet")
    assert list(Source("t", ("text",), split=split).texts(tmp_path)) == ["one"]


def test_sources_of_pairs(data: Path) -> None:
    clustered = list(Source("pairs", ("anchor", "positive"), cluster="group").pairs(data))
    assert clustered[:3] == [
        (TEXTS[0], TEXTS[1], "pairs:0"), (TEXTS[2], TEXTS[3], "pairs:0"), (TEXTS[4], TEXTS[5], "pairs:1")
    ]  # fmt: skip
    alone = list(Source("pairs", ("anchor", "positive")).pairs(data))
    assert len({cluster for _, _, cluster in alone}) == len(alone)
    assert list(Source("lists", ("captions",)).pairs(data)) == [("one", "two", "lists:0"), ("four", "five", "lists:1")]


@pytest.mark.parametrize(
    ("source", "folder", "says"),
    [
        (Source("texts", ("nothing",)), True, "texts has no column nothing; it has text, source"),
        (Source("absent", ("text",)), True, r"absent\.parquet does not exist"),
        (Source("texts", ("text",)), False, "say where with --data DIR"),
    ],
)
def test_sources_name_what_is_missing(source: Source, folder: bool, says: str, data: Path) -> None:
    with pytest.raises(ValueError, match=says):
        source.rows(data if folder else None)


def test_words_are_counted_as_the_chunker_sees_them(data: Path) -> None:
    assert count_chunks(["The cat, the CAT!", "", "don't"]) == {"the": 2, "cat": 2, ",": 1, "!": 1, "don't": 1}
    assert list(chunks_of(["", "a b", "", "C"])) == [("a", 1), ("b", 1), ("c", 3)]
    assert [place for _, place in chunks_of(["a"] * 5_000)] == list(range(5_000))  # in several batches
    words, probabilities = lexicon(["a " * 8 + "b", "x" * 25], [Source("misspellings", ("correct",))], data)
    assert words == ["a", "b", "dog", "house"]  # longer than 24 characters are left out
    np.testing.assert_allclose(probabilities, np.array([2, 1, 1, 1]) / 5)
    _, as_they_come = lexicon(["a " * 8 + "b"], [], data, power=1.0)
    np.testing.assert_allclose(as_they_come, np.array([8, 1]) / 9)


def test_general_frequencies_count_for_as_much_as_all_the_texts(tmp_path: Path) -> None:
    pq.write_table(pa.table({"word": ["b", "C d"], "count": [300, 100]}), tmp_path / "frequencies.parquet")
    table = Source("frequencies", ("word",), label="count")
    words, probabilities = lexicon(["a " * 7 + "b"], [], tmp_path, power=1.0, frequencies=[table])
    assert words == ["a", "b", "c", "d"]  # cut as the model cuts
    np.testing.assert_allclose(probabilities, np.array([7, 1 + 6, 2, 2]) / 18)


def test_a_stage_practises_rare_words_by_a_power_of_its_own(recipe: Recipe, data: Path, tmp_path: Path) -> None:
    targets = targets_of(dataclasses.replace(recipe, word_power=0.5), data, tmp_path, "cpu")
    corpus = targets.corpus
    counts = corpus.words_by(1.0)[1]
    np.testing.assert_allclose(corpus.words_by(None)[1], counts**0.5 / (counts**0.5).sum())
    np.testing.assert_allclose(corpus.words_by(0.0)[1], 1 / len(counts))
    flat = dataclasses.replace(SPELL, word_power=0.0)
    task: Any = make_task(targets, flat, flat.objectives[0])
    np.testing.assert_allclose(task.probabilities, 1 / len(counts))
    with pytest.raises(ValueError, match="word_power=0, from which a stage's own cannot be reckoned: make it positive"):
        dataclasses.replace(recipe, word_power=0, stages=(flat,))


def test_the_most_frequent_words_have_slots(recipe: Recipe, data: Path, tmp_path: Path) -> None:
    config = TOY.replace(memory_slots=3, dropout=0.0)
    stage = dataclasses.replace(SPELL, objectives=(("recognition", 1.0),))
    recipe = dataclasses.replace(recipe, config=config, stages=(stage,))
    targets = targets_of(recipe, data, tmp_path, "cpu")
    words, probabilities = targets.corpus.lexicon
    chosen = [words[i] for i in targets.slots.nonzero().flatten().tolist()]
    assert set(chosen) == {word for _, word in sorted(zip(-probabilities, words, strict=True))[:3]} and "the" in chosen
    assert sorted(targets.slots.tolist())[-3:] == [1, 2, 3]
    expected = targets.slot_probabilities
    assert expected.sum().item() == pytest.approx(1.0)
    bias = build_model(recipe, targets)[0].chunk_projector.memory.prototypes.bias
    torch.testing.assert_close(bias.softmax(dim=0), expected.float())


def test_a_model_is_begun_on_the_cpu_and_learns_on_its_device(recipe: Recipe, data: Path, tmp_path: Path) -> None:
    config = TOY.replace(memory_slots=3, memory_values=8, dropout=0.0)
    stage = dataclasses.replace(SPELL, objectives=(("recognition", 0.5), ("mimicry", 0.5)))
    recipe = dataclasses.replace(recipe, config=config, stages=(stage,))
    targets = targets_of(recipe, data, tmp_path, "cpu")
    _ = targets.words  # the teacher's, on the CPU wherever it was asked
    targets.student.device = "meta"  # no more than a GPU's do its tensors mix with the CPU's
    model = build_model(recipe, targets)
    assert {parameter.device.type for parameter in model.parameters()} == {"meta"}


def test_a_recipe_takes_e1_over(recipe: Recipe, data: Path, tmp_path: Path) -> None:
    other = make_model(TOY, seed=5)
    other.save(str(tmp_path / "other"), create_model_card=False)
    taking = dataclasses.replace(recipe, e1=str(tmp_path / "other"))
    model = build_model(taking, targets_of(taking, data, tmp_path, "cpu"))
    theirs = other[0].state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in model[0].state_dict().items())
    wider = dataclasses.replace(taking, config=TOY.replace(projector_hidden=32))
    with pytest.raises(ValueError, match=r"takes E1 over from .*other, but its config describes another one"):
        build_model(wider, targets_of(wider, data, tmp_path, "cpu"))


def test_arguments_have_the_defaults_the_readme_promises(monkeypatch: pytest.MonkeyPatch, recipe: Recipe) -> None:
    seen: list[argparse.Namespace] = []
    monkeypatch.setattr(runner, "find_recipe", lambda name: recipe)
    monkeypatch.setattr(runner, "run", lambda chosen, args: seen.append(args))
    assert runner.main(["tiny", "--out", "somewhere"]) == 0
    assert (seen[0].save_minutes, seen[0].deadline, seen[0].cache, seen[0].data) == (5.0, None, None, None)
