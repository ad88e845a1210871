"""Bulk embedding by Ray Data: the same parts as in one process, whoever is killed on the way."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import make_model
from embeddings_tools import files_of
from interrupted import ROOT, command, ended, kill_after_parts, started

from tiered_st.records.rows import InputError
from tiered_st.scale import embed

ray = pytest.importorskip("ray", reason="Ray embeds in many processes: pip install 'tiered-st[ray]'")
psutil = pytest.importorskip("psutil", reason="finds the processes to kill: pip install psutil")

TEXTS = [f"text {number} of many {'longer ' * (number % 7)}" for number in range(200)]


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
        ray.init(
            address="local", num_cpus=2, include_dashboard=False, object_store_memory=80_000_000, log_to_driver=False,
            logging_level="ERROR",
        )  # fmt: skip
    yield ray.get_runtime_context().gcs_address
    ray.shutdown()


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("models") / "toy"
    make_model().save(str(folder), create_model_card=False)
    return str(folder)


def notes(folder: Path, texts: list[str] = TEXTS) -> Path:
    folder.mkdir()
    for name, some in (("a", texts[:100]), ("b", texts[100:])):
        (folder / f"{name}.txt").write_text("".join(f"{text}\n" for text in some), encoding="utf-8")
    return folder


def workers() -> list[int]:
    """Return the processes of this one's actors."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            found += [process.pid] if "EmbedActor" in " ".join(process.cmdline()) else []
        except psutil.Error:
            continue
    return found


def test_two_workers_give_what_one_process_does_though_they_are_killed(cluster: str, toy: str, tmp_path: Path) -> None:
    source = notes(tmp_path / "in", [*TEXTS[:120], "a \0 byte", *TEXTS[120:]])
    embed(source, tmp_path / "whole", model=toy, threads=1, part_rows=4, on_error="skip")
    killed, ended = [], threading.Event()

    def kill() -> None:
        draw = random.Random(0)
        while len(killed) < 2 and not ended.is_set():
            parts = len(list((tmp_path / "out" / "parts").glob("part-*")))
            if parts > 5 * len(killed) and (found := workers()):
                os.kill(found[draw.randrange(len(found))], signal.SIGKILL)
                killed.append(parts)
            time.sleep(0.01)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        found = embed(source, tmp_path / "out", model=toy, workers=2, part_rows=4, on_error="skip")
    finally:
        ended.set()
        killer.join()
    assert killed and (found.count, found.rejected) == (200, 1)
    assert files_of(tmp_path / "out") == files_of(tmp_path / "whole")


def test_a_row_that_cannot_be_embedded_is_named_and_not_rays_stack(cluster: str, toy: str, tmp_path: Path) -> None:
    source = notes(tmp_path / "in", [*TEXTS[:120], "a \0 byte", *TEXTS[120:]])
    with pytest.raises(InputError, match=r"^\S+b\.txt:21: holds a NUL byte, which no text does \(\S+skip"):
        embed(source, tmp_path / "out", model=toy, workers=1, ray=True, part_rows=8)


def test_memory_of_one_process_is_refused(toy: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="memory:// is of this process alone"):
        embed(notes(tmp_path / "in"), "memory://out", model=toy, workers=2)


def test_a_driver_that_is_killed_leaves_what_the_next_one_goes_on_with(
    cluster: str, toy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", cluster)
    source = notes(tmp_path / "in")
    embed(source, tmp_path / "whole", model=toy, threads=1, part_rows=4)
    line = command(source, tmp_path / "out", toy, "--workers", "2", "--part-rows", "4")
    run = started(line)
    assert kill_after_parts(run, tmp_path / "out", 3, random.Random(0))
    done = ended(line)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    assert files_of(tmp_path / "out") == files_of(tmp_path / "whole")
