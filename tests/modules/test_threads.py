"""Many threads, one model: the vectors of one thread, whatever happens in between."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from conftest import TOY, make_model
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn

from benchmarks.soak import make_texts, soak
from tiered_st.model import load
from tiered_st.modules.chunk_cache import ChunkCache
from tiered_st.modules.chunk_table import ChunkTable

TEXTS = ["the cat sat on the mat", "The dog, a CAT and the mat!", "", "你好 😂", "supercalifragilisticexpialidocious"]


def fresh(model: SentenceTransformer, texts: list[str]) -> Tensor:
    """Encode by an equal model that has no cache."""
    twin = make_model(TOY.replace(cache_size=0))
    if model[0].encoder != "float":
        twin[0].set_encoder(model[0].encoder)
    twin.to(model.dtype).load_state_dict(model.state_dict())
    return twin.encode(texts, convert_to_tensor=True)


@pytest.mark.parametrize("make", [make_model, lambda: load("en-nano", device="cpu")], ids=["toy", "en-nano"])
def test_threads_get_the_vectors_of_one_thread(make: Callable[[], SentenceTransformer]) -> None:
    assert soak(make(), make_texts(300), threads=8, calls=30, cache=64) == (240, 0, 0)


def test_a_cold_model_and_then_one_thread_alone(model: SentenceTransformer) -> None:
    texts = make_texts(80)
    expected = fresh(model, texts)
    with ThreadPoolExecutor(8) as pool:
        vectors = torch.stack(list(pool.map(lambda text: model.encode(text, convert_to_tensor=True), texts * 3)))
    torch.testing.assert_close(vectors, expected.repeat(3, 1), atol=1e-5, rtol=0)
    torch.testing.assert_close(model.encode(texts, convert_to_tensor=True), expected, atol=1e-5, rtol=0)


def test_chunk_vectors_are_right_while_another_thread_switches_training_on_and_off(model: SentenceTransformer) -> None:
    tiers, texts = model[0], make_texts(100)
    expected = {text: tiers(tiers.preprocess([text]))["chunk_embeddings"].detach() for text in texts}
    done = threading.Event()

    def switch() -> None:
        while not done.is_set():
            tiers.train()
            tiers.eval()

    def read(text: str) -> float:
        with torch.no_grad():
            return float((tiers(tiers.preprocess([text]))["chunk_embeddings"] - expected[text]).abs().max())

    switching = threading.Thread(target=switch)
    switching.start()
    try:
        with ThreadPoolExecutor(4) as pool:
            assert max(pool.map(read, texts * 4)) < 1e-5
    finally:
        done.set()
        switching.join()


# while E1 runs


def change_in_place(model: SentenceTransformer) -> None:
    with torch.no_grad():
        model[0].char_encoder.embedding.weight.add_(1.0)


def train_a_step(model: SentenceTransformer) -> None:
    model[0].train()
    change_in_place(model)
    model[0].eval()


@pytest.mark.parametrize(
    "change",
    [
        change_in_place,
        train_a_step,
        lambda model: model.load_state_dict({k: v + 0.1 for k, v in model.state_dict().items()}),
        lambda model: model[0].set_encoder("int8"),
        lambda model: model.double(),
    ],
    ids=["in place", "training", "load_state_dict", "set_encoder", "double"],
)
def test_what_was_encoded_by_weights_that_changed_meanwhile_is_not_kept(
    change: Callable[[SentenceTransformer], object], model: SentenceTransformer, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = model[0].source.encode

    def encode_chunks(rows: Tensor) -> Tensor:
        vectors = encode(rows)
        monkeypatch.undo()  # once
        change(model)  # as another thread may do
        return vectors

    monkeypatch.setattr(model[0].source, "encode", encode_chunks)
    with torch.no_grad():
        model[0](model.preprocess(TEXTS))
    assert len(model[0].cache) == 0
    torch.testing.assert_close(model.encode(TEXTS, convert_to_tensor=True), fresh(model, TEXTS), atol=1e-5, rtol=0)


def test_a_cache_that_was_cleared_takes_nothing_from_before(model: SentenceTransformer) -> None:
    cache, rows = model[0].cache, torch.tensor([[5, 7, 0]])
    *_, form = cache.find([1], rows)
    cache.clear()
    cache.store([1], rows, torch.ones(1, 2), form)
    assert len(cache) == 0


def test_autocast_and_none_each_keep_their_own(
    model: SentenceTransformer, counted: Callable[[SentenceTransformer], list[int]]
) -> None:
    calls = counted(model)
    exact = model.encode(TEXTS, convert_to_tensor=True)
    for _ in range(2):
        with torch.autocast("cpu", torch.bfloat16):
            rounded = model.encode(TEXTS, convert_to_tensor=True)
        torch.testing.assert_close(model.encode(TEXTS, convert_to_tensor=True), exact, atol=1e-6, rtol=0)
    assert 1e-4 < (rounded.float() - exact).abs().max() < 0.1
    assert len(calls) == 2  # one of each: neither empties the other's


def test_a_store_that_breaks_off_leaves_no_row_beside_anothers_vector() -> None:
    cache, rows = ChunkCache(4, nn.Linear(2, 2)), torch.tensor([[1, 7], [2, 7]])
    *_, form = cache.find([], rows)
    cache.store([1, 2], rows, torch.ones(2, 3), form)
    with pytest.raises((RuntimeError, IndexError)):
        cache.store([3, 4], rows + 2, torch.ones(3, 3), form)  # rows fit in, vectors do not
    assert len(cache.find([1, 2, 3, 4], torch.cat([rows, rows + 2]))[0]) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_process_forked_while_a_thread_holds_the_lock_can_go_on() -> None:
    cache, rows = ChunkCache(4, nn.Linear(2, 2)), torch.tensor([[1, 7]])
    *_, form = cache.find([], rows)
    cache.store([1], rows, torch.ones(1, 3), form)
    with cache._lock:
        child = os.fork()
        if child == 0:
            os._exit(42 if cache._lock.acquire(timeout=5) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42
    assert len(cache) == 1


def test_threads_may_share_a_table_that_nobody_has_read_yet() -> None:
    rows = torch.arange(1, 401).reshape(200, 2)
    rows[:, 0] %= 20
    table = ChunkTable.of(rows, rows.float())
    start = threading.Barrier(8)

    def read(_: int) -> bool:
        start.wait()
        at, vectors = table.find(rows)
        return len(at) == 200 and torch.equal(vectors, rows.float())

    with ThreadPoolExecutor(8) as pool:
        for _ in range(10):
            table._forget_index()
            assert all(pool.map(read, range(8)))


def test_a_vector_does_not_depend_on_its_company_its_padding_the_cache_or_torchs_threads() -> None:
    model = load("en-nano", device="cpu")
    texts = ["wher is my refnud", "", "zwitterion", "a " * 60, "definately the borborygmus of a gymnosperm 😂"]
    together = model.encode(texts)
    threads = torch.get_num_threads()
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            for size in (0, 16, 1000):
                model[0].set_cache(size)
                for _ in range(2):
                    alone = np.stack([model.encode(text) for text in texts])
                    # float32 rounds after its 24th bit, and a softmax over 12,288 prototypes makes more of it
                    np.testing.assert_allclose(alone, together, atol=5e-6, rtol=0)
    finally:
        torch.set_num_threads(threads)
