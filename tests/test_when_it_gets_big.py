"""README, "When it gets big": its commands and lines run as they are written there, one after the other."""

from __future__ import annotations

import gzip
import json
import shlex
from pathlib import Path

import pytest
from readme import block

from tiered_st.cli import main as cli

HEADING = "When it gets big"
QUESTIONS = [f"Question {number} about {thing}." for number in range(8) for thing in ("shoes", "hats", "trains")]
pytest.importorskip("faiss", reason="the section's indexes need FAISS: pip install 'tiered-st[faiss]'")
parquet = pytest.importorskip("pyarrow.parquet", reason="the section's parts need pyarrow: pip install pyarrow")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with texts in two files of different kinds, and further ones."""
    monkeypatch.chdir(tmp_path)
    import pyarrow

    rows = [{"id": f"j{number}", "text": text} for number, text in enumerate(QUESTIONS)]
    Path("texts").mkdir()
    with gzip.open("texts/questions.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    parquet.write_table(pyarrow.table({"id": ["a"], "text": ["How do I receive a refund?"]}), "texts/more.parquet")
    Path("more-texts").mkdir()
    Path("more-texts/notes.txt").write_text("Where is my parcel?\nMy card was stolen.\n", encoding="utf-8")
    return tmp_path


def test_commands_and_lines_run_as_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("ray.data", reason="the section's workers are Ray's: pip install 'tiered-st[ray]'")
    commands = [shlex.split(line) for line in block(HEADING, "bash").splitlines()]
    assert [command[:2] for command in commands] == [
        ["tiered-st", "embed"], ["tiered-st", "index"], ["tiered-st", "search"], ["tiered-st", "info"],
    ]  # fmt: skip
    for command in commands:
        assert cli(command[1:]) == 0, command
    said = capsys.readouterr().out
    assert said.index("How do I receive a refund?") < said.index("recall@10")
    exec(compile(block(HEADING, "python"), HEADING, "exec"), names := {})
    assert capsys.readouterr().out.startswith("How do I receive a refund?")
    assert len(names["both"]) == len(QUESTIONS) + 3 and names["both"].search("my parcle", k=1)[0].id.endswith(
        "notes.txt:1"
    )
