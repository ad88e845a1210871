"""Every recipe runs, a few small steps of every stage, on tables made up to have the columns it asks for."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from small_bert import save_bert

import training.run as runner
import training.stage_run as stage_run
from tiered_st.model import load
from training import teacher as teachers
from training.recipe import Recipe
from training.recipe_files import find_recipe
from training.sources import Source
from training.tables import KINDS

RECIPES = Path(runner.__file__).parent / "recipes"
WORDS = [
    "river",
    "house",
    "letter",
    "window",
    "garden",
    "mother",
    "story",
    "winter",
    "paper",
    "silver",
    "market",
    "bridge",
]


def names() -> list[str]:
    """Return every recipe, as given on the command line; the first row of a question where no other file has it."""
    found: list[str] = []
    for path in sorted(RECIPES.glob("[a-z]*.py")):
        module = import_module(f"training.recipes.{path.stem}")
        rows = [row for row in getattr(module, "RECIPES", ()) if not any(name.endswith(f"/{row}") for name in found)]
        found += [f"{path.stem}/{row}" for row in rows] or [path.stem]
    return found


def sentence(number: int) -> str:
    """Return a sentence of its own for every number."""
    rest = [WORDS[(number * step + step) % len(WORDS)] for step in (1, 3, 5, 7)]
    return " ".join(["Number", str(number), *rest]) + "."


def value(column: str, number: int) -> Any:
    """Return what a table of the kit would hold in a column."""
    if column in ("captions_en", "captions", "turns", "members"):
        return [sentence(number), sentence(number + 1000)]
    if column in ("word", "form", "correct", "misspelt"):
        return WORDS[number % len(WORDS)] + "xyz"[number % 3]
    if column in ("source", "cluster"):
        return f"group {number % 97}"
    if column == "split":
        return "train"
    if column == "lang":
        return ("en", "es")[number % 2]
    if column == "count":
        return 1 + number
    if column == "score":
        return number % 6 / 5
    if column in ("passage", "foreign"):  # what a judge finds is not what it asks
        return sentence(number + 500)
    if column == "text":
        return "\n".join([f"## {WORDS[number % 3]}", *(sentence(10 * number + i) for i in range(4))])
    return sentence(number)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All tables that any recipe names."""
    folder = tmp_path_factory.mktemp("data")
    columns: dict[str, set[str]] = {}
    for name in names():
        for source in sources_of(find_recipe(name)):
            wanted = {*source.columns, *(column for column, _ in source.where), source.cluster, source.label}
            columns.setdefault(source.name, set()).update(column for column in wanted if column)
        for table in find_recipe(name).misspelling_tables:
            columns.setdefault(table, set()).update(("misspelt", "correct"))
    for table, names_of_columns in columns.items():
        content = {column: [value(column, i) for i in range(120)] for column in sorted(names_of_columns)}
        pq.write_table(pa.table(content), folder / f"{table}.parquet")
    return folder


def sources_of(recipe: Recipe) -> Iterable[Source]:
    for kind in KINDS:
        yield from getattr(recipe, kind)
    yield from (judge.source for judge in recipe.judges)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A teacher as wide as the students."""
    return saved_teacher(tmp_path_factory.mktemp("teacher"), 256)


@pytest.fixture(scope="module")
def wide_teacher(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A teacher as wide as the models that ship."""
    return saved_teacher(tmp_path_factory.mktemp("wide_teacher"), 384)


def saved_teacher(folder: Path, width: int) -> str:
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *"abcdefghijklmnopqrstuvwxyz0123456789."]
    save_bert(
        folder / "bert", pieces, hidden_size=width, num_hidden_layers=6, num_attention_heads=4, intermediate_size=1024,
        max_position_embeddings=512,
    )  # fmt: skip
    model = SentenceTransformer(modules=[Transformer(str(folder / "bert")), Pooling(width, "mean")], device="cpu")
    model.save(str(folder / "model"), create_model_card=False)
    return str(folder / "model")


STARTED = [name for name in names() if find_recipe(name).start is not None]


@pytest.mark.parametrize("name", STARTED)
def test_a_recipe_that_goes_on_runs(
    name: str, data: Path, wide_teacher: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    it_runs(name, data, wide_teacher, tmp_path, monkeypatch)


@pytest.mark.parametrize("name", [name for name in names() if name not in STARTED])
def test_a_recipe_runs(name: str, data: Path, teacher: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    it_runs(name, data, teacher, tmp_path, monkeypatch)


def it_runs(name: str, data: Path, teacher: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_run, "has_bf16", lambda device: False)
    monkeypatch.setattr(teachers, "has_bf16", lambda device: False)
    command = [name, "--smoke", "--data", str(data), "--out", str(tmp_path / "out"), "--device", "cpu", "--quiet"]
    command += ["--cache", str(data / "cache"), "--workers", "0", "--log-steps", "1"]
    command += [] if find_recipe(name).teacher is None else ["--teacher", teacher]
    command += ["--relater", teacher] if find_recipe(name).asks_relater else []
    assert runner.main(command) == 0
    model = runner.reload(tmp_path / "out" / "model", "cpu")
    vectors = model.encode(["Number 7 runs past.", "", "😂"], convert_to_tensor=True)
    assert vectors.isfinite().all()
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(3), atol=1e-4, rtol=0)
    assert not torch.equal(vectors[0], vectors[2])


def test_rows_of_a_question_differ_in_what_they_ask_and_in_nothing_else() -> None:
    for path in sorted(RECIPES.glob("ablate_*.py")):
        recipes = import_module(f"training.recipes.{path.stem}").RECIPES
        described = [repr((recipe.config, recipe.stages)) for recipe in recipes.values()]
        assert len(set(described)) == len(recipes) > 1
        base, *others = recipes.values()
        assert all((row.texts, row.pairs, row.words, row.seed) == (base.texts, base.pairs, base.words, base.seed)
                   for row in others)  # fmt: skip


def test_fine_tuning_leaves_e1_and_projector_bitwise(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage_run, "has_bf16", lambda device: False)
    command = ["tune_similarity", "--smoke", "--data", str(data), "--out", str(tmp_path / "out"), "--device", "cpu"]
    assert runner.main([*command, "--workers", "0", "--quiet"]) == 0
    before = load("en-small", device="cpu").state_dict()
    after = load(tmp_path / "out" / "0_tune" / "model", device="cpu").state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items() if name.startswith("tiers."))
    moved = [name for name, value in before.items() if not torch.equal(after[name], value)]
    assert moved and all(name.startswith("semantic_encoder.") for name in moved)
