"""Which tables a recipe reads is said before it reads them, and a table of any kind is read whole or not at all."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import training.run as runner
from tiered_st.config import PRESETS
from tiered_st.noise import NoisePolicy
from training.read_table import columns_of, find_table, read_table
from training.recipe import Recipe, Stage
from training.recipe_files import find_recipe
from training.sources import Source
from training.tables import leave_out, tables

TYPOS = NoisePolicy(weights=(("typos", 1.0),), rates=(0.1, 0.3))
STAGE = Stage("read", ("tiers",), (("identity", 0.5), ("ranking", 0.5)), 2, 4, (("tiers", 1e-3),), TYPOS, real=0.2)
RECIPE = Recipe(
    name="mine", config=PRESETS["toy"], stages=(STAGE,), warm_start=False, misspellings="slips",
    texts=(Source("a", ("text",)), Source("b", ("title", "body"), where=(("lang", "en"),))),
    pairs=(Source("b", ("title", "body"), cluster="group"),), words=(Source("forms", ("word",)),),
    documents=(Source("unread", ("text",)),),
)  # fmt: skip


def test_tables_are_told_with_columns_and_whether_they_can_be_left_out() -> None:
    assert [str(table) for table in tables(RECIPE)] == [
        "a.parquet   columns text   (texts; can be left out: --without a)",
        "b.parquet   columns title, body, lang, group   (texts, pairs; needed by ranking, which has no other pairs)",
        "forms.parquet   columns word   (words; can be left out: --without forms)",
        "slips.parquet   columns misspelt, correct   (misspellings; can be left out: --without slips)",
    ]


def test_every_shipped_recipe_tells_its_tables() -> None:
    told = {table.name: table for table in tables(find_recipe("scratch"))}
    assert len(told) == 23 and told["train_misspellings"].columns == ("correct", "misspelt")
    assert not told["train_misspellings"].needed


def test_a_table_that_is_made_of_others_says_by_what() -> None:
    told = {table.name: str(table) for table in tables(find_recipe("es_asked"))}
    assert "; `python -m training.made_questions spanish --data DIR` makes it)" in told["asked_spanish"]
    assert "`python -m training.machine_translation eng-spa --data DIR` makes it" in told["translated_eng-spa_articles"]
    assert "makes it" not in told["docs_wikipedia_en"]


def test_what_is_left_out_is_not_read() -> None:
    left = leave_out(RECIPE, ["slips", "forms", "a"])
    assert left.misspellings is None and left.stages[0].real == 0.0 and left.words == ()
    assert [source.name for source in left.texts] == ["b"]
    with pytest.raises(ValueError, match="--without b: it is needed by"):
        leave_out(RECIPE, ["a", "b"])
    with pytest.raises(ValueError, match="--without nothing: recipe mine reads a, b, forms, slips"):
        leave_out(RECIPE, ["nothing"])


def recipe_file(folder: Path, recipe: str = "RECIPE = test_training_tables.RECIPE") -> str:
    (folder / "mine.py").write_text(f"import test_training_tables\n{recipe}\n", encoding="utf-8")
    return str(folder / "mine.py")


def test_the_command_line_names_all_that_is_missing_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = recipe_file(tmp_path)
    assert runner.main([mine, "--tables"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4
    assert runner.main([mine, "--out", str(tmp_path / "out")]) == 1
    assert "reads 4 local tables: say where with --data DIR" in capsys.readouterr().err
    pq.write_table(pa.table({"text": ["x"]}), tmp_path / "a.parquet")
    (tmp_path / "forms.csv").write_text("form\nx\n", encoding="utf-8")
    assert runner.main([mine, "--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert "lacks 2 of the 4 tables of recipe mine" in said and "\n  b.parquet" in said and "\n  slips.parquet" in said
    both = ["--without", "slips", "--without", "b"]
    assert runner.main([mine, "--data", str(tmp_path), "--out", str(tmp_path / "out"), *both]) == 1
    assert "--without b: it is needed by ranking" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_missing_column_is_named_before_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = "RECIPE = test_training_tables.dataclasses.replace(test_training_tables.RECIPE, misspellings='a')"
    pq.write_table(pa.table({"text": ["x"], "correct": ["y"]}), tmp_path / "a.parquet")
    (tmp_path / "b.jsonl").write_text('{"title": "t", "body": "b", "lang": "en", "group": 1}\n', encoding="utf-8")
    (tmp_path / "forms.csv").write_text("word\nx\n", encoding="utf-8")
    with pytest.raises(ValueError, match="real is the share of real misspellings, and misspellings=None"):
        dataclasses.replace(RECIPE, misspellings=None)
    mine = recipe_file(tmp_path, recipe)
    assert runner.main([mine, "--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert f"{tmp_path / 'a.parquet'} has no column misspelt; it has text, correct" in capsys.readouterr().err


def test_tables_of_every_kind(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_bytes('\ufeffone, "two\r\nthrée\n'.encode())
    assert read_table(tmp_path / "t.txt")["text"][:2] == ['one, "two', "thrée"]
    (tmp_path / "c.csv").write_text('a,b\n"x, ""y""\nz",1\nNA,\n', encoding="utf-8")
    assert read_table(tmp_path / "c.csv") == {"a": ['x, "y"\nz', "NA"], "b": ["1", ""]}
    (tmp_path / "j.jsonl").write_text('{"a": ["x", "y"], "n": 1}\n{"a": [], "n": null}\n', encoding="utf-8")
    assert read_table(tmp_path / "j.jsonl") == {"a": [["x", "y"], []], "n": [1, None]}
    assert [columns_of(tmp_path / name) for name in ("t.txt", "c.csv", "j.jsonl")] == [["text"], ["a", "b"], ["a", "n"]]
    assert find_table(tmp_path, "c") == tmp_path / "c.csv" and find_table(tmp_path, "x") is None
    (tmp_path / "c.txt").touch()
    with pytest.raises(ValueError, match=r"has c\.csv and c\.txt: remove all but the one"):
        find_table(tmp_path, "c")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("t.csv", "a,b\n1,2\n3\n", "Row 2 of .* does not have its columns, a, b"),
        ("t.csv", "a,b\n1,2\n3,4,5\n", "Row 2 of .* does not have its columns, a, b"),
        ("t.csv", 'a,b\n1,"2\n3,4\n', "is not CSV"),
        ("t.jsonl", '{"a": 1}\n{"b": 1}\n', "Row 2 of .* does not have its columns, a"),
        ("t.jsonl", '{"a": 1}\n{"a"\n', "Line 2 of .* is not JSON"),
    ],
)
def test_a_row_that_does_not_fit_is_named(name: str, content: str, says: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=says):
        read_table(tmp_path / name)


def test_a_recipe_of_ones_own_is_found_by_its_path(tmp_path: Path) -> None:
    mine = recipe_file(tmp_path, "RECIPES = {'one': test_training_tables.RECIPE}")
    assert find_recipe(f"{mine}/one").name == "mine"
    with pytest.raises(ValueError, match=r"mine\.py holds no 'two': choose from .*mine\.py/one"):
        find_recipe(f"{mine}/two")
    with pytest.raises(ValueError, match="give the path of a recipe"):
        find_recipe(str(tmp_path / "other.py"))


def test_the_old_place_of_recipes_works_and_says_where_they_are_now() -> None:
    with pytest.warns(DeprecationWarning, match=r"training\.stage\.Recipe is training\.recipe\.Recipe now"):
        from training.stage import Recipe as old
    assert old is Recipe


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"objectives": (("identity", 0.5), ("identity", 0.5))}, "two rows of identity: make them one"),
        ({"learns": ("tiers", "semantic_encoder")}, "semantic_encoder learns, but rates=.* gives it no rate"),
        ({"learns": ("norms:semantic_encoder",)}, "norms:semantic_encoder learns, but"),
    ],
)
def test_a_stage_refuses_what_it_would_ignore(change: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        dataclasses.replace(STAGE, **change)  # type: ignore[arg-type]
    dataclasses.replace(STAGE, learns=("tiers.chunk_projector",))  # whose tier has a rate


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--teacher", "x"], "--teacher x: recipe mine learns from none"),
        (["--smoke", "--e1", "x"], "--smoke takes a few steps with an E1 of its own"),
        (["--smoke", "--scale", "2"], "--smoke takes a few steps with an E1 of its own"),
        (["--stage", "write"], "Recipe mine has no stage 'write', but read."),
        (["--start", "en-small"], "--start en-small is what --stage goes on from"),
    ],
)
def test_an_argument_that_would_change_nothing_is_refused(
    arguments: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert runner.main([recipe_file(tmp_path), "--out", str(tmp_path / "out"), *arguments]) == 1
    assert says in capsys.readouterr().err


def test_a_stage_alone_goes_on_from_a_model() -> None:
    whole = find_recipe("en_es")
    alone = whole.only("again")
    assert (alone.start, alone.growth, alone.config) == ("en-es", None, None)
    assert [stage.name for stage in alone.stages] == ["again"] and not alone.judges  # nobody judges this stage
    assert whole.only("both", "mine").start == "mine" and whole.only("both", "mine").judges == whole.judges
    assert find_recipe("en_mini").only("asked").e1 is None


def test_no_minutes_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        runner.main([recipe_file(tmp_path), "--out", str(tmp_path / "out"), "--max-minutes", "0"])
    assert "--max-minutes 0 must be more than 0" in capsys.readouterr().err
