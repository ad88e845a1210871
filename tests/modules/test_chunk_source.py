"""Where chunk vectors come from: the order of the steps, and what is a model's own."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest
import torch
from conftest import TOY, make_model
from sentence_transformers import SentenceTransformer
from torch import nn

from tiered_st.compression import tabulate
from tiered_st.modules.chunk_source import ChunkSource

Counted = Callable[[SentenceTransformer], list[int]]


def test_each_step_asks_the_next_for_what_it_does_not_know(model: SentenceTransformer, counted: Counted) -> None:
    plain = make_model(TOY.replace(cache_size=0))
    rows = model[0].preprocess(["cat dog cat", "bird cat"])["input_ids"].flatten(0, 1)
    rows = rows[rows[:, 0] > 0]  # 9 chunks, of which BEGIN, FINISH, cat, dog, bird are 5
    tabulate(model, ["cat"])  # and BEGIN and FINISH
    calls = counted(model)
    with torch.no_grad():
        first, again = model[0].source.share(rows), model[0].source.share(rows)
    assert calls == [2] and len(model[0].cache) == 2  # dog and bird; then none
    assert torch.equal(first, again)
    torch.testing.assert_close(first, plain[0].encode_chunks(rows).detach(), atol=1e-2, rtol=0)  # of a float16 table


def test_it_is_no_module_and_nothing_of_it_is_saved(model: SentenceTransformer) -> None:
    source = model[0].source
    assert isinstance(source, ChunkSource) and not isinstance(source, nn.Module)
    assert not any("source" in name for name, _ in [*model.named_modules(), *model.state_dict().items()])


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))], ids=["deepcopy", "pickle"]
)
@pytest.mark.parametrize("size", [0, 7])
def test_a_copy_has_one_of_its_own(
    size: int, duplicate: Callable[[SentenceTransformer], SentenceTransformer], model: SentenceTransformer
) -> None:
    model[0].set_cache(size)
    twin = duplicate(model)
    assert twin[0].source.tiers is twin[0] is not model[0]
    assert twin[0].cache is None if size == 0 else twin[0].cache.capacity == size


def runs_of(model: SentenceTransformer, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list of how many chunks each run of E1 is given."""
    runs: list[int] = []
    run = model[0].source.run
    monkeypatch.setattr(model[0].source, "run", lambda rows: runs.append(len(rows)) or run(rows))
    return runs


@pytest.mark.parametrize(("short", "long", "expected"), [(3, 2, [5]), (64, 63, [127]), (70, 64, [70, 64])])
def test_long_chunks_run_apart_where_there_are_many(
    short: int, long: int, expected: list[int], model: SentenceTransformer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = torch.zeros(short + long, 20, dtype=torch.int64)
    rows[:, :5] = torch.arange(1, 6)
    rows[::2, 4] = 30
    rows[short:, 5:15] = 40
    rows = rows[torch.arange(len(rows)).flip(0)]
    runs = runs_of(model, monkeypatch)
    with torch.no_grad():
        vectors = model[0].encode_chunks(rows)
        assert runs == expected
        torch.testing.assert_close(vectors, torch.cat([model[0].source.run(row[None]) for row in rows]))
