"""Files and folders in their places: whole at every failing step, after every kill, and for every writer at once."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tiered_st.files import on_one_rank, recover, replace_file, replace_folder, standing

ROOT = Path(__file__).parents[1]
STEPS = [(module, name) for module, names in {
    os: ("mkdir", "fsync", "rename", "replace", "stat", "open", "close", "chmod", "listdir", "unlink"),
    shutil: ("rmtree",),
}.items() for name in names]  # fmt: skip


def write_file(place: Path, text: str) -> None:
    with replace_file(place) as beside:
        beside.write_text(text)


def write_folder(place: Path, text: str) -> None:
    with replace_folder(place) as staging:
        (staging / "one").write_text(text)
        (staging / "deep").mkdir()
        (staging / "deep" / "two").write_text(text)


def read(place: Path) -> str | None:
    """Return what stands at a place, None for nothing; it must be whole."""
    place = standing(place)
    if place.is_file():
        return place.read_text()
    if not place.exists():
        return None
    texts = {(place / name).read_text() for name in ("one", "deep/two")}
    assert len(texts) == 1, "half of one and half of the other"
    return texts.pop()


WRITERS = [write_file, write_folder]


@contextmanager
def failing(monkeypatch: pytest.MonkeyPatch, module: object, name: str, at: int) -> Iterator[list[int]]:
    """Let the call number ``at`` of a function fail; what is yielded counts the calls."""
    real, calls = getattr(module, name), [0]

    def call(*args: object, **kwargs: object) -> object:
        calls[0] += 1
        if calls[0] == at:
            raise OSError(5, "disk gone")
        return real(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(module, name, call)
        yield calls


@pytest.mark.parametrize("write", WRITERS)
def test_the_first_and_the_next(write: Callable[[Path, str], None], tmp_path: Path) -> None:
    for text in ("old", "new"):
        write(tmp_path / "place", text)
        assert read(tmp_path / "place") == text
        assert os.listdir(tmp_path) == ["place"]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("before", [None, "old"])
@pytest.mark.parametrize(("module", "name"), STEPS)
def test_whatever_step_fails_one_is_whole_and_the_next_write_succeeds(
    write: Callable[[Path, str], None], before: str | None, module: object, name: str,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for at in range(1, 100):
        place = tmp_path / str(at) / "place"
        place.parent.mkdir()
        if before is not None:
            write(place, before)
        error = None
        with failing(monkeypatch, module, name, at) as calls:
            try:
                write(place, "new")
            except OSError as caught:
                error = caught
        found = read(place)
        assert found == "new" if error is None else found in (before, "new")
        write(place, "newer")
        assert read(place) == "newer" and os.listdir(place.parent) == ["place"]
        if calls[0] < at:
            return
    pytest.fail(f"{name} is called more than 98 times")


@pytest.mark.parametrize("write", WRITERS)
def test_a_block_that_fails_or_is_interrupted_leaves_the_old(
    write: Callable[[Path, str], None], tmp_path: Path
) -> None:
    place = tmp_path / "place"
    write(place, "old")
    replace = replace_file if write is write_file else replace_folder
    for kind in (ValueError, KeyboardInterrupt):
        with pytest.raises(kind), replace(place) as beside:
            (beside if write is write_file else beside / "one").write_text("half")
            raise kind
        assert read(place) == "old" and os.listdir(tmp_path) == ["place"]


def test_a_failing_second_rename_is_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_folder(tmp_path / "place", "old")
    with failing(monkeypatch, os, "rename", 2), pytest.raises(OSError, match="disk gone"):
        write_folder(tmp_path / "place", "new")
    assert os.listdir(tmp_path) == ["place"] and read(tmp_path / "place") == "old"


def test_what_a_kill_set_aside_is_read_where_it_is_and_put_back(tmp_path: Path) -> None:
    place = tmp_path / "place"
    write_folder(place, "old")
    place.rename(tmp_path / ".place.set-aside")
    assert standing(place) == tmp_path / ".place.set-aside" and os.listdir(tmp_path) == [".place.set-aside"]
    assert recover(place) and not recover(place)
    assert read(place) == "old" and os.listdir(tmp_path) == ["place"]
    assert standing(tmp_path / "nothing") == tmp_path / "nothing" and not recover(tmp_path / "nothing")


def test_what_must_stay_is_asked_for_before_anything_is_written(tmp_path: Path) -> None:
    asked = []

    def accept(place: Path) -> None:
        asked.append(place)
        raise ValueError("mine")

    write_folder(tmp_path / "place", "old")
    with pytest.raises(ValueError, match="mine"), replace_folder(tmp_path / "place", accept=accept):
        pytest.fail("the block ran")
    with replace_folder(tmp_path / "other", accept=accept):
        pass
    assert asked == [tmp_path / "place"] and sorted(os.listdir(tmp_path)) == ["other", "place"]
    (tmp_path / "file").write_text("x")
    with pytest.raises(NotADirectoryError, match="is a file"):
        write_folder(tmp_path / "file", "new")
    with pytest.raises(FileNotFoundError):
        write_file(tmp_path / "no folder" / "file", "new")


@pytest.mark.parametrize("write", WRITERS)
def test_symlinks_and_permissions_stay(write: Callable[[Path, str], None], tmp_path: Path) -> None:
    link, real = tmp_path / "link", tmp_path / "real"
    link.symlink_to(real)  # to nothing yet
    write(link, "old")
    real.chmod(0o750)
    write(link, "new")
    assert link.is_symlink() and read(real) == "new" and real.stat().st_mode & 0o777 == 0o750
    assert sorted(os.listdir(tmp_path)) == ["link", "real"]


CHILD = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from test_files import write_file, write_folder
place, write, name, at = Path(sys.argv[2]), globals()[sys.argv[3]], sys.argv[4], int(sys.argv[5])
real, calls = getattr(os, name), 0
def stop(*args, **kwargs):
    global calls
    calls += 1
    if calls == at:
        print("here", flush=True)
        time.sleep(600)
    return real(*args, **kwargs)
setattr(os, name, stop)
write(place, "new")
"""


def child(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a process that can import these tests."""
    command = [sys.executable, "-c", code, str(Path(__file__).parent), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)


@pytest.mark.skipif(sys.platform == "win32", reason="kills a process")
@pytest.mark.parametrize(("write", "name", "at", "left"), [
    (write_file, "fsync", 1, "old"), (write_file, "replace", 1, "old"), (write_file, "fsync", 2, "new"),
    (write_folder, "fsync", 2, "old"), (write_folder, "rename", 1, "old"), (write_folder, "rename", 2, "old"),
    (write_folder, "fsync", 5, "new"), (write_folder, "rmdir", 1, "new"),
])  # fmt: skip
def test_a_kill_leaves_a_whole_one_and_is_in_nobodys_way(
    write: Callable[[Path, str], None], name: str, at: int, left: str, tmp_path: Path
) -> None:
    place = tmp_path / "place"
    write(place, "old")
    with child(CHILD, place, write.__name__, name, at) as process:
        assert process.stdout is not None and process.stdout.readline() == "here\n"
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert read(place) == left
    recover(place)
    assert read(place) == left and place.exists()
    write(place, "newer")
    assert read(place) == "newer" and os.listdir(tmp_path) == ["place"]


MANY = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from test_files import write_file, write_folder
for _ in range(4):
    globals()[sys.argv[3]](Path(sys.argv[2]), sys.argv[4])
"""


@pytest.mark.parametrize("write", WRITERS)
def test_sixteen_writers_at_once_all_succeed(write: Callable[[Path, str], None], tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    place = tmp_path / "place"
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: write(place, f"thread {number}"), range(16)))
    processes = [child(MANY, place, write.__name__, f"process {number}") for number in range(4)]
    assert [process.wait() for process in processes] == [0] * 4
    text = read(place)
    assert text is not None and text.startswith("process") and os.listdir(tmp_path) == ["place"]


def test_who_waits_too_long_is_told_for_whom(tmp_path: Path) -> None:
    place = tmp_path / "place"
    with replace_file(place) as beside:
        beside.write_text("first")
        who = f"place: process {os.getpid()} on .* is writing it"
        with pytest.raises(TimeoutError, match=who), replace_file(place, wait=0):
            pytest.fail("let in")
        with pytest.raises(TimeoutError), replace_folder(place, wait=0.1):
            pytest.fail("let in")
    assert read(place) == "first" and os.listdir(tmp_path) == ["place"]


def test_a_lock_that_a_kill_left_holds_nobody_up(tmp_path: Path) -> None:
    (tmp_path / ".place.lock").write_text("process 1 on elsewhere")
    started = time.monotonic()
    write_file(tmp_path / "place", "new")
    assert read(tmp_path / "place") == "new" and os.listdir(tmp_path) == ["place"] and time.monotonic() - started < 60


RANK = """
import sys, time, weakref
import torch.distributed as dist
from tiered_st.files import on_one_rank
rank, store, folder = int(sys.argv[2]), sys.argv[3], sys.argv[4]
dist.init_process_group("gloo", init_method="file://" + store, rank=rank, world_size=2)
def make():
    time.sleep(0.5)
    with open(folder + "/made", "a") as file:
        file.write(f"{rank}")
on_one_rank(make)
print(open(folder + "/made").read())
def fail():
    raise OSError("disk gone")
try:
    on_one_rank(fail)
except OSError as error:
    print("own", error)
except RuntimeError as error:
    print("told", error)
on_one_rank(make)
print(open(folder + "/made").read())
world = weakref.ref(dist.group.WORLD)
dist.destroy_process_group()
assert world() is None, "its threads would still run when the interpreter ends, and may abort it"
"""


def test_one_rank_acts_and_the_other_waits(tmp_path: Path) -> None:
    done = []
    on_one_rank(lambda: done.append("alone"))
    assert done == ["alone"]
    ranks = [child(RANK, rank, tmp_path / "store", tmp_path) for rank in (0, 1)]
    outputs = [rank.communicate(timeout=300)[0].splitlines() for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0]
    assert outputs[0] == ["0", "own disk gone", "00"]
    assert outputs[1] == ["0", "told Rank 0 failed while the others waited: OSError: disk gone", "00"]


def test_a_new_file_may_be_read_by_whom_the_umask_lets(tmp_path: Path) -> None:
    path = tmp_path / "new"
    with replace_file(path) as beside:
        beside.touch(mode=0o600)  # as safetensors writes
    (tmp_path / "usual").touch()
    assert path.stat().st_mode == (tmp_path / "usual").stat().st_mode and len(list(tmp_path.iterdir())) == 2
