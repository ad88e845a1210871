"""`tiered-st embed`, and what `info` says of its folders: values, exit codes, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from conftest import make_model

from tiered_st import runtime
from tiered_st.cli import main
from tiered_st.scale import Embeddings

TEXTS = ["the cat sat on the mat", "parse a json file", "delete a folder", "le café est fermé", "機械学習", "a"]


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("models") / "toy"
    make_model().save(str(folder), create_model_card=False)
    return str(folder)


@pytest.fixture
def rows(tmp_path: Path) -> str:
    path = tmp_path / "rows.jsonl"
    lines = [{"key": f"k{number}", "body": text, "price": number} for number, text in enumerate(TEXTS)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return str(path)


def test_fields_columns_and_dtype(toy: str, rows: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--field", "body", "--id-field", "key", "--columns", "price,key", "--dtype", "float16", "--threads", "1"]
    assert main(["embed", rows, "-o", str(tmp_path / "out"), "--model", toy, *options]) == 0
    assert f"6 embeddings of 32 dimensions in {tmp_path / 'out'}" in capsys.readouterr().err
    found = Embeddings(tmp_path / "out")
    block = next(found.blocks())
    assert block.ids == [f"k{number}" for number in range(6)] and block.texts == TEXTS
    np.testing.assert_allclose(block.vectors, runtime.load(toy, threads=1).encode(TEXTS), atol=1e-3)
    table = pq.read_table(found.parts[0])
    assert table.schema.names == ["id", "vector", "text", "price", "key"]
    assert table["price"].to_pylist() == [str(number) for number in range(6)]
    assert main(["info", str(tmp_path / "out"), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["count"], facts["dtype"], facts["complete"], facts["model"]) == (6, "float16", True, "toy")
    assert main(["info", str(tmp_path / "out")]) == 0
    assert "complete" in capsys.readouterr().out


def test_without_text_and_without_ids(toy: str, rows: str, tmp_path: Path) -> None:
    options = ["--field", "body", "--no-id-field", "--no-text", "--quiet", "--model", toy]
    assert main(["embed", rows, "-o", str(tmp_path / "out"), *options]) == 0
    block = next(Embeddings(tmp_path / "out").blocks())
    assert block.texts is None and block.ids == [f"{rows}:{number}" for number in range(1, 7)]


def test_broken_rows_stop_a_run_or_are_set_aside(
    toy: str, rows: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with open(rows, "a") as file:
        file.write("no json\n" * 30 + '{"body": " "}\n')
    command = ["embed", rows, "-o", str(tmp_path / "out"), "--field", "body", "--model", toy]
    assert main(command) == 1
    assert capsys.readouterr().err.startswith(f"tiered-st: {rows}:7: not JSON")
    assert main([*command, "--on-error", "skip", "--quiet"]) == 3
    said = capsys.readouterr().err
    assert said.count("skipped: not JSON") == 20 and "… and 10 more" in said
    assert "6 embeddings" in said and "1 blank text left out; 30 rows set aside: see rejected.jsonl" in said


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["-"], 2, "standard input is read once"),
        (["ROWS", "--device", "cuda"], 2, "--device cuda is of --backend torch"),
        (["ROWS", "--encoding", "klingon"], 2, "is no encoding"),
        (["ROWS", "--field", "body", "--columns", "text"], 1, "--columns text"),
        (["nothing.txt"], 1, "nothing.txt: no such file or folder"),
        (["ROWS", "--model", "nothing"], 1, "'nothing' is neither a shipped model"),
    ],
)
def test_what_cannot_be_done_is_refused(
    options: list[str], code: int, message: str, toy: str, rows: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [rows if option == "ROWS" else option for option in options]
    assert (
        main(["embed", "-o", str(tmp_path / "out"), *([] if "--model" in given else ["--model", toy]), *given]) == code
    )
    assert message in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_other_settings_are_refused_until_it_is_restarted(
    toy: str, rows: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["embed", rows, "-o", str(tmp_path / "out"), "--field", "body", "--model", toy]
    assert main(command) == main(command) == 0
    assert main([*command, "--dtype", "int8"]) == 1
    assert "it was begun with dtype='float32', not 'int8'" in capsys.readouterr().err
    assert main([*command, "--dtype", "int8", "--restart"]) == 0
    assert Embeddings(tmp_path / "out").dtype == "int8"
