"""Texts of every length in one stage: rows with a length and a budget of their own, passages and who teaches them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from conftest import TOY, make_model
from sentence_transformers import SentenceTransformer
from torch.nn import functional as F

from tiered_st.noise import NoisePolicy
from training import teacher as teachers
from training.build import targets_of
from training.recipe import Recipe, Stage
from training.sources import Source
from training.stage_objectives import make_losses, make_task
from training.streams.stream_config import StreamConfig
from training.targets import pieces_of
from training.tasks import Noise, PairTask, TextTask
from training.tasks.collator import TaskCollator
from training.tasks.epochs import NO_ROOM, BudgetedEpochs

CLEAN = NoisePolicy(weights=())
NOISE = Noise(CLEAN, None, 0.0, "s")
SHORT, LONG = "three words here", " ".join(f"w{i}" for i in range(500))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    tables: dict[str, dict[str, list[Any]]] = {
        "passages": {"text": [SHORT, LONG, LONG, "one two three four five six"]},
        "searches": {"question": ["who", "what", "when"], "passage": [LONG, SHORT, "a passage"]},
    }
    for name, columns in tables.items():
        pq.write_table(pa.table(columns), tmp_path / f"{name}.parquet")
    return tmp_path


def stage(*objectives: tuple[Any, ...], **changes: Any) -> Stage:
    return Stage("some", ("semantic_encoder",), objectives, 4, 2, (("semantic_encoder", 1e-3),), CLEAN, **changes)


def recipe(**changes: Any) -> Recipe:
    settings: dict[str, Any] = dict(
        name="tiny", config=TOY, texts=(), warm_start=False, teacher="toy",
        stages=(stage(("passage_distillation", 1.0)),),
        passages=(Source("passages", ("text",), lengths=(1, 600)),),
        searches=(Source("searches", ("question", "passage"), lengths=(1, 600)),),
    )  # fmt: skip
    return Recipe(**(settings | changes))


# sources


def test_passages_are_cut_at_a_number_of_words(data: Path) -> None:
    cut = list(Source("passages", ("text",), words=200, lengths=(1, 600)).texts(data))
    assert [text.count(" ") + 1 for text in cut] == [3, 200, 200, 100, 200, 200, 100, 6]
    assert " ".join(cut[1:4]) == LONG
    assert len(list(Source("passages", ("text",), words=200, lengths=(101, 600)).texts(data))) == 4
    with pytest.raises(ValueError, match="split cuts texts into sentences, words=9 into passages"):
        Source("passages", ("text",), split=True, words=9)
    short = list(Source("passages", ("text",), words=200, most=499, lengths=(1, 600)).texts(data))
    assert short == list(Source("passages", ("text",), lengths=(1, 499)).texts(data))
    with pytest.raises(ValueError, match="most=9 is of texts that are cut, and these are whole: give lengths"):
        Source("passages", ("text",), most=9)


def test_a_passage_is_read_by_the_teacher_in_pieces_of_one_length() -> None:
    assert [piece.count(" ") + 1 for piece in pieces_of(LONG)] == [166, 167, 167]
    assert " ".join(pieces_of(LONG)) == LONG
    assert pieces_of(SHORT) == [SHORT] and pieces_of("") == [""]
    assert [len(pieces_of(" ".join(["w"] * count), 10)) for count in (9, 10, 11, 20, 21)] == [1, 1, 2, 2, 3]


def test_the_target_of_a_passage_is_the_mean_of_its_pieces(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def answer(teacher: SentenceTransformer, texts: list[str], *rest: Any) -> torch.Tensor:
        asked.extend(texts)
        return F.normalize(torch.randn(len(texts), TOY.d_sem, generator=torch.Generator().manual_seed(1)), dim=1)

    monkeypatch.setattr(teachers, "sentence_vectors", answer)
    monkeypatch.setattr(teachers, "load_teacher", lambda *_, **__: make_model())
    monkeypatch.setattr("training.student.load_teacher", lambda *_, **__: make_model())
    targets = targets_of(recipe(), data, tmp_path, "cpu")
    assert targets.corpus.passages == [SHORT, LONG, "one two three four five six"]
    found = targets.passages
    assert asked == [SHORT, *pieces_of(LONG), "one two three four five six"]
    pieces = answer(None, asked.copy())  # type: ignore[arg-type]
    wanted = F.normalize(torch.stack([pieces[0], pieces[1:4].sum(dim=0), pieces[4]]), dim=1)
    torch.testing.assert_close(found.float(), wanted, atol=1e-3, rtol=0)
    assert make_losses(targets, make_model(), stage(("passage_distillation", 1.0)))["passage_distillation"]


# rows


def test_a_batch_of_long_texts_has_fewer_rows_and_takes_more_steps() -> None:
    task = TextTask([SHORT] * 16 + [LONG] * 8, NOISE, batch=8, views=1)
    task.within(chunks=100, budget=1_000)  # five texts of a hundred chunks, in two columns
    batches = [task.rows(list(range(8 * n, 8 * n + 8))) for n in range(8)]
    sizes = [(row["clean"], len(rows)) for rows in batches for row in rows[:1]]
    assert sorted(sizes[:4]) == [(SHORT, 5), (SHORT, 8), (LONG, 5), (LONG, 6)] or sorted(sizes[:4])
    assert sorted(row["label"] for rows in batches[:4] for row in rows) == list(range(24))  # each once in an epoch
    assert sorted(row["label"] for rows in batches[4:] for row in rows) == list(range(24))
    assert [row["label"] for row in batches[0]] != [row["label"] for row in batches[4]]


def test_a_walk_within_a_budget_is_the_same_from_any_draw_on() -> None:
    lengths = [10 * (i % 37) for i in range(200)]
    walk = [BudgetedEpochs(lengths, 8, 3, chunks=60, budget=120).item(draw) for draw in range(400)]
    whole = BudgetedEpochs(lengths, 8, 3, chunks=60, budget=120)
    assert [whole.item(draw) for draw in range(400)] == walk
    assert NO_ROOM in walk and walk[0] != NO_ROOM and walk[1] != NO_ROOM


def test_two_rows_are_made_however_long_texts_are() -> None:
    task = TextTask([LONG] * 8, NOISE, batch=8, views=1)
    task.within(chunks=510, budget=3)
    assert len(task.rows(list(range(8)))) == 2


def test_pairs_are_batched_by_the_length_of_either_side() -> None:
    pairs = [("a " * (8 - i), "b " * i, str(i)) for i in range(1, 9)]
    lengths = [[len(row["positive"]) for row in PairTask(pairs, NOISE, 4, alike=alike).rows(list(range(4)))]
               for alike in (0, 1)]  # fmt: skip
    assert lengths[0] == sorted(lengths[0], reverse=True) and lengths[1] == sorted(lengths[1])


@pytest.mark.parametrize("name", ["chunks", "budget"])
@pytest.mark.parametrize("value", [2, 0, -1, 4.0, "9"])
def test_a_length_that_is_none_is_refused(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"Stage some: {name}={value!r} of retrieval is a number of chunks"):
        stage(("retrieval", 1.0, 1.0, {name: value}))


def test_rows_say_their_own_length_and_budget(data: Path) -> None:
    some = stage(("retrieval", 1.0, 1.0, {"chunks": 64, "budget": 700}), chunks=9)
    assert (some.objectives[0].chunks, some.objectives[0].budget) == (64, 700)
    task = make_task(targets_of(recipe(), data, data, "cpu"), some, some.objectives[0])
    epochs = task._epochs  # type: ignore[attr-defined]
    assert isinstance(epochs, BudgetedEpochs) and (epochs.chunks, epochs.budget, epochs.columns) == (64, 700, 1)
    assert {row["anchor"] for row in task.rows([0, 1])} < {"who", "what", "when"}
    plain = stage(("retrieval", 1.0)).objectives[0]
    assert (plain.chunks, plain.budget, plain.stop) == (None, None, False)


def test_a_batch_is_read_as_far_as_its_row_says_and_the_next_as_before() -> None:
    model = make_model()
    model.max_seq_length = 9
    tasks = {name: TextTask([LONG] * 4, NOISE, batch=2, views=0) for name in ("short", "long")}
    collate = TaskCollator(
        preprocess_fn=model.preprocess, tasks=tasks, model=model, chunks={"long": TOY.max_chunks}
    )  # fmt: skip
    widths = [
        np.asarray(collate([{"dataset_name": name, "draw": draw} for draw in range(2)])["clean_input_ids"]).shape[1]
        for name in ("short", "long", "short")
    ]
    assert widths == [9, TOY.max_chunks, 9] and model.max_seq_length == 9


def test_a_budget_is_refused_where_it_would_be_ignored() -> None:
    with pytest.raises(ValueError, match="Stage some: sts has batches of one size, and no budget"):
        stage(("sts", 1.0, 1.0, {"budget": 700}))
    with pytest.raises(ValueError, match="windows are batches of one size: leave out the budget of retrieval"):
        recipe(stream=StreamConfig(), stages=(stage(("retrieval", 1.0, 1.0, {"budget": 700})),))


def test_passages_of_a_stream_are_refused(data: Path) -> None:
    with pytest.raises(ValueError, match=r"passage_distillation \(stage some\) must know all classes before, or ask"):
        recipe(stream=StreamConfig(), texts=(Source("passages", ("text",)),))
