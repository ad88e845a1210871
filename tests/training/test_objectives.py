"""What recipes say of objectives, schedules and data, beyond the one recipe that ships."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from conftest import TOY, make_model
from torch import nn

from tiered_st.config import TieredConfig
from tiered_st.losses import StopAtProjector
from tiered_st.noise import NoisePolicy
from training import teacher as teachers
from training.baselines.subword import SubwordConfig
from training.build import build_model, targets_of
from training.callbacks import Progress
from training.freezing import select_parameters
from training.objectives import E1_OBJECTIVES, E2_OBJECTIVES, OBJECTIVES
from training.recipe import Recipe, Stage
from training.row import Ramp, Row
from training.sources import Source
from training.stage_objectives import Weighted, make_losses, make_task
from training.tasks import LabelledTask, NextSentenceTask, Noise, SpacingTask

CLEAN = NoisePolicy(weights=())
NOISE = Noise(CLEAN, None, 0.0, "s")
SENTENCES = [[f"Document {d} says thing {s}." for s in range(6)] for d in range(5)]
ARTICLE = """Opening words of it all.
## Early life
Born in a town.
One.
## Career
Worked in another town. And then rested."""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    tables: dict[str, dict[str, list[Any]]] = {
        "articles": {"text": [ARTICLE, ARTICLE.replace("town", "city")]},
        "talks": {"turns": [["Hello there friend.", "Hi.", "How are you today?"], ["One turn only here."]]},
        "scored": {"a": ["one", "two"], "b": ["uno", None], "score": [5.0, 0.5]},
        "classes": {"text": ["good", "bad", "good"], "label": ["plus", "minus", "plus"]},
    }
    for name, columns in tables.items():
        pq.write_table(pa.table(columns), tmp_path / f"{name}.parquet")
    return tmp_path


def stage(*objectives: tuple[Any, ...], **changes: Any) -> Stage:
    return Stage("some", ("tiers",), objectives, 4, 2, (("tiers", 1e-3),), CLEAN, **changes)


def recipe(**changes: Any) -> Recipe:
    settings: dict[str, Any] = dict(
        name="tiny", config=TOY, stages=(stage(("simcse", 1.0)),), texts=(Source("articles", ("text",)),),
        warm_start=False,
    )  # fmt: skip
    return Recipe(**(settings | changes))


# what a stage says


def test_lists_of_objectives_are_those_of_the_classes() -> None:
    assert tuple(OBJECTIVES) == E1_OBJECTIVES + E2_OBJECTIVES
    assert E1_OBJECTIVES == (
        "mimicry", "recognition", "identity", "char_mlm", "span_mlm", "char_clm", "reconstruction", "boundary",
    )  # fmt: skip
    assert E2_OBJECTIVES == (
        "distillation", "word_distillation", "passage_distillation", "parallel_distillation", "parallel_passages",
        "ranking", "retrieval",
        "cached_ranking", "simcse", "chunk_order", "next_chunk", "masked_chunk", "next_sentence", "section_topic",
        "sts", "classification", "relevance", "relations",
    )  # fmt: skip
    assert OBJECTIVES["next_chunk"].title == "next chunk" and OBJECTIVES["sts"].title == "CoSENT"


def test_rows_of_objectives_have_defaults() -> None:
    (row,) = stage(("simcse", 0.5)).objectives
    assert row == Row("simcse", 0.5, 1.0, False) and not row.stop


@pytest.mark.parametrize(
    ("row", "attribute", "value"),
    [
        (("char_mlm", 1.0, 1.0, {"masking": "span", "rate": 0.3}), "masking", (("span", 1.0),)),
        (("span_mlm", 1.0), "masking", (("span", 1.0),)),
        (("char_mlm", 1.0), "masking", (("char", 1.0),)),
        (("simcse", 1.0, 1.0, {"scale": 7.0}), "scale", 7.0),
        (("cached_ranking", 1.0), "mini_batch_size", 32),
        (("cached_ranking", 1.0, 1.0, {"mini_batch_size": 4}), "mini_batch_size", 4),
    ],
)  # fmt: skip
def test_a_row_gives_its_loss_arguments(row: tuple[Any, ...], attribute: str, value: Any, data: Path) -> None:
    model = make_model(TOY.replace(dropout=0.1))
    loss = make_losses(targets_of(recipe(), data, data, "cpu"), model, stage(row))[row[0]]
    assert getattr(loss, attribute) == value


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (("char_mlm", 1.0, 1.0, {"maskng": "span"}), "Stage some: char_mlm takes no maskng, but rate, masking"),
        (("next_sentence", 1.0, 1.0, {"scale": 2.0}), "Stage some: next_sentence takes no scale, but no argument"),
        (("mimicry", 1.0, 1.0, {"targets": 1}), "Stage some: mimicry takes no targets, but no argument"),
    ],
)
def test_an_argument_that_an_objective_does_not_take_is_refused(row: tuple[Any, ...], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        stage(row)


def test_a_stop_stands_beside_arguments(data: Path) -> None:
    with pytest.raises(ValueError, match="identity trains E1, but stop=True"):
        stage(("identity", 1.0, 1.0, {"stop": True}))
    some = stage(("masked_chunk", 1.0, 1.0, {"stop": True, "buckets": 16}))
    loss = make_losses(targets_of(recipe(), data, data, "cpu"), make_model(), some)["masked_chunk"]
    assert isinstance(loss, StopAtProjector) and loss.get_config_dict()["buckets"] == 16


def test_a_stop_before_e1_is_refused_for_what_trains_e1() -> None:
    with pytest.raises(ValueError, match="identity trains E1, but stop=True"):
        stage(("identity", 1.0, 1.0, True))
    assert stage(("masked_chunk", 1.0, 1.0, True)).objectives[0].stop


def test_a_ramp_moves_then_stays() -> None:
    ramp = Ramp(0.2, 1.0, over=0.5)
    assert [round(ramp.at(progress), 6) for progress in (0.0, 0.25, 0.5, 1.0)] == [0.2, 0.6, 1.0, 1.0]
    with pytest.raises(ValueError, match=r"Ramp\(over=0\)"):
        Ramp(0.0, 1.0, over=0)


def test_progress_moves_the_weight_of_a_loss() -> None:
    loss = Weighted(nn.MSELoss(), Ramp(0.0, 1.0))
    told = Progress({"a": loss, "b": nn.MSELoss()})
    seen = []
    for step in range(5):
        state = type("State", (), {"global_step": step, "max_steps": 5})()
        told.on_step_begin(None, state, None)  # type: ignore[arg-type]
        seen.append(loss(torch.tensor([2.0]), torch.tensor([0.0])).item())
    assert seen == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_losses_are_stopped_and_weighted_as_the_rows_say(data: Path) -> None:
    targets = targets_of(recipe(), data, data, "cpu")
    some = stage(("simcse", 1.0), ("masked_chunk", 1.0, 0.5, True))
    made = make_losses(targets, make_model(TOY.replace(dropout=0.1)), some)
    assert type(made["simcse"]).__name__ == "SimCSELoss"
    assert isinstance(made["masked_chunk"], Weighted) and isinstance(made["masked_chunk"].loss, StopAtProjector)
    assert made["masked_chunk"].model is made["masked_chunk"].loss.get_submodule("model")


def test_fine_tuning_e2_leaves_e1_and_projector_bitwise(data: Path, tmp_path: Path) -> None:
    model = make_model()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    chosen = select_parameters(model, ("semantic_encoder",))
    optimizer = torch.optim.AdamW(
        [p for n, p in model.named_parameters() if n in set(chosen)], lr=0.1, weight_decay=0.1
    )
    for _ in range(3):
        model.train()
        features = model(model.preprocess(["some words", "other words"]))
        features["sentence_embedding"][:, 0].sum().backward()
        optimizer.step()
    after = model.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before if name.startswith("tiers."))
    assert not any(torch.equal(after[name], before[name]) for name in before if name.endswith("qkv.weight")
                   and name.startswith("semantic_encoder."))  # fmt: skip


@pytest.mark.parametrize("settings", [{"config": None}, {"start": "en-small"}])
def test_a_recipe_begins_with_one_thing(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Recipe tiny has config and start, or neither"):
        recipe(**settings)


# rows


def test_next_sentences_follow_or_come_from_another_document() -> None:
    task = NextSentenceTask(SENTENCES, NOISE, 5)
    rows = task.rows(list(range(200)))
    assert rows == NextSentenceTask(SENTENCES, NOISE, 5).rows(list(range(200)))
    for row in rows:
        (_, d1, _, _, s1), (_, d2, _, _, s2) = row["first"].split(), row["second"].split()
        follows = d1 == d2 and int(s2[:-1]) == int(s1[:-1]) + 1
        assert follows == bool(row["label"]) and (follows or d1 != d2)
    assert 70 < sum(row["label"] for row in rows) < 130


@pytest.mark.parametrize(("documents", "batch"), [(SENTENCES[:1], 2), ([["a", "b"], ["c", "d"]], 3)])
def test_too_few_documents_are_refused(documents: list[list[str]], batch: int) -> None:
    with pytest.raises(ValueError, match=r"documents|cannot fill a batch of 3"):
        NextSentenceTask(documents, NOISE, batch)


def test_labelled_rows_have_a_column_per_text() -> None:
    rows = LabelledTask([(("a", "b"), 0.5), (("c", "d"), 1.0)], NOISE, 2).rows([0, 1])
    assert sorted(rows, key=str) == [
        {"text_1": "a", "text_2": "b", "label": 0.5}, {"text_1": "c", "text_2": "d", "label": 1.0},
    ]  # fmt: skip


def test_spacing_changes_spaces_and_nothing_else() -> None:
    texts = [f"the old house number {i} stands by the river" for i in range(40)]
    rows = SpacingTask(texts, 4).rows(list(range(40)))
    assert sorted(row["clean"] for row in rows) == sorted(texts)
    assert all(row["noisy"].replace(" ", "") == row["clean"].replace(" ", "") for row in rows)
    assert sum(row["noisy"] != row["clean"] for row in rows) > 20


@pytest.mark.parametrize(
    ("objective", "columns"),
    [("simcse", {"clean", "label"}), ("boundary", {"clean", "noisy"}), ("next_sentence", {"first", "second", "label"}),
     ("section_topic", {"text_1", "label"}), ("sts", {"text_1", "text_2", "label"}),
     ("classification", {"text_1", "label"})],
)  # fmt: skip
def test_each_objective_gets_its_columns(objective: str, columns: set[str], data: Path) -> None:
    made = recipe(
        documents=(Source("articles", ("text",), lengths=(2, 60)),),
        scored=(Source("scored", ("a", "b"), label="score"),),
        labelled=(Source("classes", ("text",), label="label"),),
    )
    some = stage((objective, 1.0))
    task = make_task(targets_of(made, data, data), some, some.objectives[0])
    assert set(task.rows([0])[0]) == columns


@pytest.mark.parametrize("objective", ["ranking", "next_sentence", "sts", "classification"])
def test_an_objective_without_its_data_is_named(objective: str, data: Path) -> None:
    with pytest.raises(ValueError, match=r"Recipe tiny has an objective that reads .*, but names none"):
        make_task(targets_of(recipe(), data, data), stage((objective, 1.0)), Row(objective, 1.0))


def test_a_recipe_without_a_teacher_says_what_needs_one(data: Path) -> None:
    with pytest.raises(ValueError, match="Recipe tiny names no teacher"):
        _ = targets_of(recipe(), data, data).texts


# sources


def test_documents_are_sentences_in_order_without_headings(data: Path) -> None:
    assert next(Source("articles", ("text",), lengths=(2, 60)).documents(data)) == [
        "Opening words of it all.", "Born in a town.", "Worked in another town.", "And then rested.",
    ]  # fmt: skip
    talks = list(Source("talks", ("turns",), lengths=(2, 60)).documents(data))
    assert talks == [["Hello there friend.", "How are you today?"], ["One turn only here."]]


def test_sections_carry_their_titles(data: Path) -> None:
    sections = list(Source("articles", ("text",), lengths=(2, 60)).sections(data))
    assert sections[:2] == [
        ("Early life", "Born in a town."), ("Career", "Worked in another town. And then rested."),
    ]  # fmt: skip
    read = targets_of(recipe(documents=(Source("articles", ("text",), lengths=(2, 60)),)), data, data).corpus
    assert set(read.topics) == {"Early life", "Career"}
    assert [read.topics[label] for _, label in read.sections] == ["Early life", "Career"] * 2


def test_labels_come_with_their_texts(data: Path) -> None:
    assert list(Source("scored", ("a", "b"), label="score").labelled(data)) == [
        (("one", "uno"), 5.0),
        (("two", ""), 0.5),
    ]
    with pytest.raises(ValueError, match="scored is to be read with labels, but names no column"):
        list(Source("scored", ("a",)).labelled(data))
    read = targets_of(recipe(labelled=(Source("classes", ("text",), label="label"),)), data, data).corpus
    assert read.classes == ["minus", "plus"] and [label for _, label in read.labelled] == [1, 0, 1]


# a teacher wider than the model


def test_principal_axes_keep_the_dot_products_that_matter() -> None:
    generator = torch.Generator().manual_seed(0)
    plane = torch.linalg.qr(torch.randn(8, 2, generator=generator)).Q
    vectors = torch.randn(50, 2, generator=generator) @ plane.T  # 8 dimensions, of which 2 are used
    axes = teachers.principal_axes(vectors, 2)
    torch.testing.assert_close(vectors @ axes @ (vectors @ axes).T, vectors @ vectors.T, atol=1e-4, rtol=1e-4)
    assert torch.equal(teachers.principal_axes(vectors, 8), torch.eye(8))
    with pytest.raises(ValueError, match="d_sem=9 exceeds the 8 dimensions"):
        teachers.principal_axes(vectors, 9)


def test_a_subword_model_is_as_large_as_its_settings_say(data: Path) -> None:
    config = SubwordConfig(vocabulary=60, d_sem=32, sem_layers=1, sem_heads=2, sem_ffn=64, max_tokens=16)
    made = recipe(config=config)
    model = build_model(made, targets_of(made, data, data, "cpu"))
    assert [name for name, _ in model.named_children()] == ["semantic_encoder", "pooling", "normalize"]
    assert model.get_embedding_dimension() == 32 and model.max_seq_length == 16
    assert 40 <= len(model.tokenizer) <= 60
    assert model.tokenizer.tokenize("Town")[0] in model.tokenizer.get_vocab()
    assert "[UNK]" not in model.tokenizer.tokenize("Worked in another town")


def test_configurations_of_both_kinds_are_frozen() -> None:
    for config in (TieredConfig(), SubwordConfig()):
        with pytest.raises(AttributeError):
            config.d_sem = 1  # type: ignore[misc]
