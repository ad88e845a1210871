"""A run that is killed again and again gives what an undisturbed one does: nothing lost, nothing doubled."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import pytest
from conftest import make_model
from embeddings_tools import files_of
from interrupted import command, ended, kill_after_parts, parts_of, started

from tiered_st.scale import Embeddings, embed

KILLS = 6
ROWS = 1_600  # 200 parts: six kills, each some ten parts after the one before, leave most of them to write


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is of POSIX")
def test_a_run_that_is_killed_again_and_again_gives_what_an_undisturbed_one_does(tmp_path: Path) -> None:
    make_model().save(str(tmp_path / "toy"), create_model_card=False)
    source = tmp_path / "in"
    source.mkdir()
    texts = [f"text {number} of many {'longer ' * (number % 7)}" for number in range(ROWS)]
    (source / "a.txt").write_text("".join(f"{text}\n" for text in texts[:800]))
    (source / "b.csv").write_text("id,text\n" + "".join(f"b{number},{texts[number]}\n" for number in range(800, ROWS)))
    whole = embed(source, tmp_path / "whole", model=tmp_path / "toy", threads=1, part_rows=8)
    target, draw, killed = tmp_path / "out", random.Random(0), 0
    line = command(source, target, str(tmp_path / "toy"))
    while killed < KILLS:
        before = parts_of(target)
        run = started(line)
        killed += kill_after_parts(run, target, draw.randint(0, 8), draw)
        assert parts_of(target) >= before
        assert run.returncode != 0, "it came to its end before it was killed often enough"
    assert not Embeddings(target, allow_incomplete=True).meta["complete"]
    done = ended(line)
    assert done.returncode == 0, done.stderr
    assert whole.count == ROWS
    assert files_of(target) == files_of(tmp_path / "whole")  # no half-written file, no lock, no part too many
    Embeddings(target).verify(ids=True)
    assert os.listdir(tmp_path / "out" / "parts") and not (target / "units").exists()
