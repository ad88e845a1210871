from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from conftest import TOY, make_model
from test_chunks_variants import TEXTS, vectors_of, without_torch

from tiered_st import tabulate
from tiered_st.runtime.chunks import chunk_table
from tiered_st.runtime.chunks.chunk_cache import ChunkCache
from tiered_st.runtime.chunks.chunk_vectors import ChunkVectors
from tiered_st.suspects import keys_of


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> ChunkVectors:
    return without_torch(make_model(), tmp_path_factory.mktemp("model"))


def test_more_new_chunks_than_are_free_leave_empty_slots_alone() -> None:
    cache = ChunkCache(64, 2)
    few, many = [bytes([1, i]) for i in range(6)], [bytes([2, i]) for i in range(60)]
    cache.store(few, np.ones((6, 2), np.float32))
    cache.store(many, np.full((60, 2), 2.0, np.float32))
    found = cache.find(many)
    assert not found.missing
    np.testing.assert_array_equal(found.vectors, np.full((60, 2), 2.0))


def random_rows(count: int, seed: int = 0) -> np.ndarray:
    """Return chunks of 1 to 31 characters, (count, 32) int64."""
    random = np.random.default_rng(seed)
    rows = random.integers(32, 512, (count, 32))
    rows[:, 0] = random.integers(4, 22, count)
    rows[np.arange(32) > random.integers(1, 32, count)[:, None]] = 0
    return rows


def counted(vectors: ChunkVectors, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that grows by how many chunks each call to E1 encodes."""
    calls: list[int] = []
    encode = vectors.encode
    monkeypatch.setattr(vectors, "encode", lambda rows: (calls.append(len(rows)), encode(rows))[1])
    return calls


def test_equal_chunks_are_encoded_once_and_kept(vectors: ChunkVectors, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors.cache.clear()
    calls = counted(vectors, monkeypatch)
    rows = random_rows(5)[[0, 1, 0, 2, 1, 1]].reshape(2, 3, 32)
    first = vectors.fill(rows)
    second = vectors.fill(np.concatenate([rows, random_rows(5)[None, 2:]]))
    assert calls == [3, 2]
    np.testing.assert_array_equal(second[:2], first)
    np.testing.assert_array_equal(first[0, 0], first[0, 2])
    assert len(vectors.cache) == 5


def test_a_chunk_does_not_depend_on_its_company(vectors: ChunkVectors) -> None:
    rows = random_rows(300)
    together = vectors.encode(rows)
    alone = np.concatenate([vectors.encode(row[None]) for row in rows])
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-6)


def test_edges(vectors: ChunkVectors) -> None:
    assert vectors.fill(np.zeros((0, 3, 32), dtype=np.int64)).shape == (0, 3, TOY.d_sem)
    assert vectors.fill(np.zeros((2, 0, 32), dtype=np.int64)).shape == (2, 0, TOY.d_sem)
    assert not vectors.fill(np.zeros((2, 3, 32), dtype=np.int64)).any()
    padded = random_rows(4).reshape(2, 2, 32)
    padded[1, 1] = 0
    filled = vectors.fill(padded)
    assert filled[0].all(axis=1).all() and not filled[1, 1].any()
    narrow = np.array([[[4, 0, 0, 0], [6, 40, 0, 0]]])  # a mark, and one character
    np.testing.assert_array_equal(vectors.fill(narrow), vectors.fill(np.pad(narrow, ((0, 0), (0, 0), (0, 28)))))


def test_without_a_cache_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_model()
    uncached = without_torch(model, tmp_path, cache_size=0)
    calls = counted(uncached, monkeypatch)
    ids, expected = vectors_of(model, TEXTS)
    for _ in range(2):
        np.testing.assert_allclose(uncached.fill(ids), expected, rtol=0, atol=1e-5)
    assert uncached.cache is None and calls[0] == calls[1] > 0


@pytest.mark.parametrize("capacity", [1, 2, 7, 64])
def test_a_cache_is_bounded_and_right(capacity: int) -> None:
    cache = ChunkCache(capacity, 3)
    random = np.random.default_rng(0)
    for _ in range(200):
        numbers = random.choice(200, 20, replace=False)
        keys = [str(n).encode() for n in numbers]
        found = cache.find(keys)
        np.testing.assert_array_equal(found.vectors, np.repeat(numbers[found.at, None], 3, axis=1))
        assert sorted([*found.at.tolist(), *found.missing]) == list(range(20))
        cache.store([keys[i] for i in found.missing], np.repeat(numbers[found.missing, None], 3, axis=1))
        assert len(cache) <= capacity
    assert len(cache) > capacity // 2


def test_what_is_used_stays() -> None:
    cache = ChunkCache(16, 1)
    for n in range(100):
        cache.store([str(n).encode()], np.full((1, 1), n, dtype=np.float32))
        assert cache.find([b"0"]).vectors.tolist() == [[0.0]]


def test_vectors_are_handed_out_as_copies(vectors: ChunkVectors) -> None:
    rows = random_rows(3)[None]
    vectors.fill(rows)[:] = 7
    handed = vectors.fill(rows)
    assert not (handed == 7).any()
    handed[:] = 7
    assert not (vectors.fill(rows) == 7).any()


def test_keys_tell_rows_apart() -> None:
    rows = np.array([[5, 256, 0], [5, 1, 0], [5, 0, 1], [5, 0, 0], [261, 0, 0]])
    assert len(set(keys_of(rows))) == 5
    assert keys_of(rows[:, :2])[1] == keys_of(rows)[1]


def test_threads_get_what_one_thread_gets(vectors: ChunkVectors, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = random_rows(400)
    expected = vectors.encode(rows)
    monkeypatch.setattr(vectors, "cache", ChunkCache(150, vectors.columns))

    def ask(seed: int) -> None:
        random = np.random.default_rng(seed)
        for _ in range(60):
            at = random.integers(0, len(rows), (3, 17))
            np.testing.assert_allclose(vectors.fill(rows[at]), expected[at], rtol=0, atol=1e-6)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(8)))
    assert len(vectors.cache) <= 150


def test_a_table_survives_collisions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:

    model = tabulate(make_model(), TEXTS[:4], storage="float32")
    monkeypatch.setattr(chunk_table, "hash_rows", lambda rows: np.zeros(len(rows), dtype=np.uint64))
    ids, expected = vectors_of(model, TEXTS)
    np.testing.assert_allclose(without_torch(model, tmp_path).fill(ids), expected, rtol=0, atol=1e-5)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_does_not_wait_for_a_thread_it_does_not_have() -> None:
    cache = ChunkCache(4, 1)
    cache.store([b"a"], np.ones((1, 1), dtype=np.float32))
    held, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with cache._lock:
            held.set()
            leave.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    child = os.fork()
    if child == 0:
        os._exit(0 if cache.find([b"a"]).missing == [0] else 1)
    assert os.waitpid(child, 0)[1] == 0
    leave.set()
    thread.join()
