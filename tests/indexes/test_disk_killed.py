"""A kill at any moment leaves an index that holds whole chunks; readers in other processes see one state."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("faiss")
pytest.importorskip("pyarrow", reason="folders of embeddings are parquet: pip install pyarrow")
from disk_tools import ToyModel, write_texts

from tiered_st.indexes import DiskIndex, IndexConfig

CHUNK = 5
BASE = {f"base {n}": f"text {n} of the base" for n in range(300)}
START = """
import os, signal, sys
from disk_tools import ToyModel
from tiered_st.indexes import DiskIndex
def die(*args, **options):
    os.kill(os.getpid(), signal.SIGKILL)
index = DiskIndex.load(sys.argv[1], ToyModel())
def chunks(first):
    for number in range(first, 10**6):
        yield f"new {number}", f"new text {number}"
print("ready", flush=True)
"""


def start(code: str, path: Path) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    command = [sys.executable, "-c", START + code, str(path)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


@pytest.fixture
def path(tmp_path) -> Path:
    folder = write_texts(tmp_path / "e", ToyModel(), BASE)
    config = IndexConfig("ivf_pq", lists=2, probes=2, code_bytes=8)
    DiskIndex.build(tmp_path / "i", folder, config=config)
    return tmp_path / "i"


def check(path: Path, added: int) -> DiskIndex:
    """Assert that an index holds the base and ``added`` more, and takes another change."""
    index = DiskIndex.load(path, ToyModel())
    assert list(index.ids) == [*BASE, *(f"new {n}" for n in range(added))]
    index.verify()
    hits = index.search(["text 7 of the base", *(f"new text {n}" for n in range(added))], k=1)
    assert {hit.text for (hit,) in hits} >= {f"new text {n}" for n in range(added)}
    assert index.add([("last", "the last one")]) == 1 and index.search("the last one", k=1)[0].id == "last"
    assert index.remove("last") == 1 and len(index) == len(BASE) + added
    return index


@pytest.mark.parametrize(
    ("where", "added"),
    [
        # After the vectors are written, before their records are; within the transaction; after it.
        ("sys.modules['tiered_st.indexes.disk.actions'].append = die", 0),
        ("sys.modules['tiered_st.indexes.disk.actions'].count = die", 2 * CHUNK),
        ("row_records = sys.modules['tiered_st.indexes.disk.row_records']; row_records.as_bytes = "
         "lambda text, kept=row_records.as_bytes: die() if text == 'new text 8' else kept(text)", CHUNK),
    ],
)  # fmt: skip
def test_killed_while_adding(path: Path, where: str, added: int) -> None:
    code = where + f"\nindex.add([r for r, _ in zip(chunks(0), range({2 * CHUNK}))], chunk_size={CHUNK}); len(index)"
    process = start(code, path)
    assert process.wait(60) == -signal.SIGKILL
    check(path, added)


def test_killed_while_removing_removes_all_or_none(path: Path) -> None:
    code = (
        "actions = sys.modules['tiered_st.indexes.disk.actions']\n"
        "drop = actions.drop\n"
        "actions.drop = lambda connection, rows: (drop(connection, rows), die())\n"
        "index.remove(['base 1', 'base 2'])"
    )
    process = start(code, path)
    assert process.wait(60) == -signal.SIGKILL
    check(path, 0)


@pytest.mark.parametrize(
    "where",
    [
        "sys.modules['tiered_st.indexes.disk.disk_index'].write_disk_index = die",
        "sys.modules['tiered_st.indexes.disk.build'].measured_recall = die",
        "rename = os.rename; os.rename = lambda a, b: (rename(a, b), die())",  # one set aside, the other not in place
        "os.rename = lambda a, b, n=[]: (n.append(kept(a, b)), len(n) == 2 and die()); ",
    ],
)
def test_killed_while_compacting(path: Path, where: str) -> None:
    index = DiskIndex.load(path, ToyModel())
    index.add([(f"new {n}", f"new text {n}") for n in range(CHUNK)])
    process = start(f"kept = os.rename\n{where}\nindex.compact()", path)
    assert process.wait(60) == -signal.SIGKILL
    assert len(index) == len(BASE) + CHUNK  # a reader goes on, wherever the folder stands
    check(path, CHUNK).compact()
    assert sorted(name for name in os.listdir(path.parent) if name.startswith(".")) == []


def test_killed_again_and_again_beside_a_reader(path: Path) -> None:
    reader, before = DiskIndex.load(path, ToyModel()), 0
    for turn in range(3):
        process = start(f"index.add(chunks({before}), chunk_size={CHUNK})", path)
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        until, seen = time.monotonic() + 60, before
        while seen < before + (2 + turn) * CHUNK and time.monotonic() < until:
            seen = sum(id.startswith("new") for id in reader.ids)
            newest = f"new text {max(seen - 1, 0)}"
            assert reader.search(newest, k=1)[0].text == newest or not seen
        process.kill()
        process.wait(60)
        after = sum(id.startswith("new") for id in reader.ids)
        assert after >= seen > before and after % CHUNK == 0
        before = after
    check(path, before)
