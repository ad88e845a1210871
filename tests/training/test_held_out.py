"""What judges ask about is drawn by what is in it, and never trained on, in whatever table it stands."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from judged import FIND, PLAIN, RECIPE, STAGE, STS, held_of, write_tables

from tiered_st.noise import NoisePolicy
from training.build import targets_of
from training.judging import HeldOut
from training.judging.held_out import drawn, told
from training.recipe import Recipe
from training.sources import Source
from training.stage_objectives import make_task
from training.streams.stream_config import StreamConfig


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tables(tmp_path_factory.mktemp("judged"))


def drawn_in_training(recipe: Recipe, data: Path, cache: Path, stream: StreamConfig | None = None) -> set[str]:
    """Return all texts that the rows of all objectives of a stage are made of, as they are told."""
    clean = dataclasses.replace(recipe.stages[0], noise=NoisePolicy(weights=()))
    recipe = dataclasses.replace(recipe, stages=(clean,), stream=stream)
    targets = targets_of(recipe, data, cache, "cpu")
    texts: set[str] = set()
    for row in clean.objectives:
        task: Any = make_task(targets, clean, row)
        if stream is not None:
            writer, draw = targets.corpus.streams.writer_of(task), 0  # type: ignore[union-attr]
            while (place := writer.open(draw, clean.batch)).epoch == 0:
                texts |= seen(task.rows(list(range(place.first, place.end))))
                draw = place.end
        else:
            texts |= seen(task.rows(list(range(1200))))
    return texts


def seen(rows: list[dict[str, Any]]) -> set[str]:
    return {told(value) for row in rows for value in row.values() if isinstance(value, str)}


@pytest.mark.parametrize("stream", [None, StreamConfig(buffer=32)])
def test_what_is_held_out_is_never_drawn(stream: StreamConfig | None, data: Path, tmp_path: Path) -> None:
    objectives = (("simcse", 1), ("ranking", 1), ("sts", 1), ("next_sentence", 1))
    recipe = dataclasses.replace(RECIPE, stages=(dataclasses.replace(STAGE, objectives=objectives),))
    held = held_of(recipe, data)
    asked = {name: {told(text) for pair in pairs for text in pair[:2]} for name, pairs in held.pairs.items()}
    assert len(held.pairs["sts"]) == len(held.pairs["find"]) == 6 and asked["sts"] | asked["find"] == set(held.texts)
    everything = dataclasses.replace(recipe, judges=(), stages=(dataclasses.replace(recipe.stages[0], judged=0),))
    before = drawn_in_training(everything, data, tmp_path / "all", stream)
    # Of the answers a limit of the pairs leaves 30 rows, but all are read as texts.
    assert asked["sts"] <= before and {told(pair.second) for pair in held.pairs["find"]} <= before
    after = drawn_in_training(recipe, data, tmp_path / "held", stream)
    assert not after & held.texts
    assert len(before) - len(held.texts) - 12 * 3 <= len(after) < len(before)  # articles with a held sentence go whole


def test_streams_and_lists_hold_out_the_same_rows_in_whatever_order(data: Path, tmp_path: Path) -> None:
    whole, streamed = held_of(RECIPE, data), held_of(RECIPE, data, StreamConfig(buffer=8))
    assert whole.pairs == streamed.pairs and whole.texts == streamed.texts and whole.digest == streamed.digest
    for name in ("pairs", "answers"):
        table = pq.read_table(data / f"{name}.parquet")
        pq.write_table(table.take(list(range(len(table) - 1, -1, -1))), tmp_path / f"{name}.parquet")
    assert HeldOut(RECIPE.judges, tmp_path, tmp_path).texts == whole.texts
    other = dataclasses.replace(RECIPE, judges=(dataclasses.replace(STS, seed=1), FIND))
    assert held_of(other, data).texts != whole.texts


def test_rows_of_a_cluster_are_held_out_together() -> None:
    rows = [{"question": f"q{i}", "answer": f"a{i}", "topic": i // 5} for i in range(5_000)]
    judge = dataclasses.replace(FIND, rows=12)
    found = drawn(judge, enumerate(rows))
    topics = [row["topic"] for _, row in found]
    assert len(found) == 15 and all(topics.count(topic) == 5 for topic in topics)
    again = drawn(judge, reversed(list(enumerate(rows))))
    assert sorted(number for number, _ in again) == sorted(number for number, _ in found)
    assert len(drawn(dataclasses.replace(judge, rows=9_999), enumerate(rows))) == 5_000


def test_texts_are_told_by_letters_and_digits() -> None:
    assert told("  The Cat's No. 1!") == told("the cats no1") == "thecatsno1"
    assert told("😂 ") == "😂" and told("") == told(" ") == "" and told("ﬁ\ud800") == "fi"
    held = HeldOut((), Path(), Path())
    held.texts = frozenset({"thecat", "one"})  # type: ignore[misc]
    assert held.holds(Source("t", ("a", "b")), {"a": None, "b": "THE cat."})
    assert held.holds(Source("t", ("a",)), {"a": ["two", "One"]})
    assert held.holds(Source("t", ("a",), split=True), {"a": "It is so.\nThe cat?"})
    assert not held.holds(Source("t", ("a",)), {"a": "It is so.\nThe cat?"})
    assert not held.holds(Source("t", ("a",)), {"a": "the cat sat"})


def test_the_teacher_is_asked_once_whatever_is_held_out(data: Path, tmp_path: Path) -> None:
    targets = targets_of(RECIPE, data, tmp_path, "cpu")
    asked, kept = targets._asked("texts")
    assert [asked[i] for i in kept] == targets.corpus.texts and len(asked) > len(targets.corpus.texts)
    everything = dataclasses.replace(RECIPE, judges=(), stages=(PLAIN,))
    unjudged = targets_of(everything, data, tmp_path, "cpu")
    assert asked == unjudged.corpus.texts == unjudged._asked("texts")[0]
