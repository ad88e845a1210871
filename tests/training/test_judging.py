"""Judged while it learns: rows that are held out, lines that survive a kill, and the best checkpoint kept."""

from __future__ import annotations

import dataclasses
import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from conftest import TOY, make_model

import training.run as runner
import training.stage_run as stage_run
from tiered_st.evaluation import TypoRobustnessEvaluator
from tiered_st.model import load
from tiered_st.noise import NoisePolicy
from training.build import targets_of
from training.callbacks import JsonLog
from training.judging import HeldOut, Judge, Judging, Jury
from training.judging.held_out import drawn, told
from training.judging.judge import Pair
from training.judging.jury import Verdict, retrieval
from training.log import main as show
from training.recipe import Recipe, Stage
from training.recipe_files import check_record
from training.sources import Source
from training.streams.stream_config import StreamConfig
from training.tables import leave_out, tables

NOUNS = ["cat", "dog", "house", "river", "mother", "garden", "window", "letter"]
VERBS = ["sees", "likes", "paints", "leaves"]
TEXTS = [f"the {a} {verb} the {b}" for a in NOUNS for verb in VERBS for b in NOUNS[:2]]
TYPOS = NoisePolicy(weights=(("typos", 1.0),), rates=(0.1, 0.3))
RATES = (("tiers", 1e-3), ("semantic_encoder", 1e-3))
SCORED = Source("pairs", ("a", "b"), label="score")
SEARCH = Source("answers", ("question", "answer"), cluster="topic")
STS = Judge("sts", "similarity", SCORED, rows=6)
FIND = Judge("find", "retrieval", SEARCH, rows=6, rates=(0.0, 0.2), chunks=20, weight=2.0)
PLAIN = Stage(
    "learn", ("tiers", "semantic_encoder"), (("char_mlm", 1), ("simcse", 1), ("ranking", 1), ("sts", 1)), 8, 4, RATES,
    TYPOS,
)  # fmt: skip
STAGE = dataclasses.replace(PLAIN, judged=4)
RECIPE = Recipe(
    name="judged", config=TOY.replace(dropout=0.1), stages=(STAGE,), warm_start=False, judges=(STS, FIND),
    texts=(Source("texts", ("text",)), Source("answers", ("answer",)), Source("articles", ("text",), split=True)),
    pairs=(dataclasses.replace(SEARCH, limit=30), Source("pairs", ("a", "b"))), scored=(SCORED,),
    documents=(Source("articles", ("text",)),),
)  # fmt: skip


@pytest.fixture(autouse=True)
def float32_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_run, "has_bf16", lambda device: False)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("judged")
    half = len(TEXTS) // 2
    answers = [f"{text}, number {i}" for i, text in enumerate(TEXTS)]
    content: dict[str, dict[str, list[Any]]] = {
        "texts": {"text": [*TEXTS, "", "😂", "\ufffd"]},
        "pairs": {"a": TEXTS[0::2], "b": TEXTS[1::2], "score": [i % 5 + 0.1 for i in range(half)]},
        "answers": {
            "question": [f"who {i}" for i in range(len(TEXTS))], "answer": answers,
            "topic": [i // 2 for i in range(len(TEXTS))],
        },
        "articles": {"text": [f"{text.capitalize()}. And {text}. Then number {i}." for i, text in enumerate(TEXTS)]},
    }  # fmt: skip
    for name, columns in content.items():
        pq.write_table(pa.table(columns), folder / f"{name}.parquet")
    return folder


Train = Callable[..., int]


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch, data: Path) -> Train:
    """Call the runner as the command line does."""

    def call(recipe: Recipe, out: Path, *extra: str) -> int:
        monkeypatch.setattr(runner, "find_recipe", lambda name: recipe)
        paths = ["--data", str(data), "--out", str(out), "--device", "cpu", "--workers", "0", "--quiet"]
        return runner.main(["judged", *paths, "--log-steps", "1", *extra])

    return call


def lines(out: Path) -> list[dict[str, Any]]:
    found = map(json.loads, (out / "log.jsonl").read_text(encoding="utf-8").splitlines())
    return [line for line in found if "judged" in line]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load(folder, device="cpu").state_dict()


def held_of(recipe: Recipe, data: Path, stream: StreamConfig | None = None) -> HeldOut:
    return HeldOut(recipe.judges, data, data / "cache", stream)


def saying(monkeypatch: pytest.MonkeyPatch, mains: list[float]) -> list[int]:
    """Let the jury say one main figure after the other; return the list of steps that it was asked about."""
    asked: list[int] = []

    def say(self: Jury, model: Any, *, step: int, **settings: Any) -> Verdict:
        asked.append(step)
        main = mains[step // 2 - 1]
        return Verdict({"sts": main}, main)

    monkeypatch.setattr(Jury, "__call__", say)
    return asked


def test_a_judged_run_logs_each_figure_and_trains_as_one_that_holds_out_the_same(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert train(RECIPE, tmp_path / "judged") == 0
    found = lines(tmp_path / "judged")
    assert [line["step"] for line in found] == [2, 4, 6, 8]
    assert list(found[0]["judged"]) == ["sts", "sts typos 10 %", "find", "find typos 20 %"]
    for line in found:
        sts, find = (sum(value for name, value in line["judged"].items() if name.startswith(j)) / 2 for j in ("s", "f"))
        assert line["main"] == pytest.approx((sts + 2 * find) / 3, abs=1e-3)
        assert -100 <= sts <= 100 and 0 < find <= 100 and line["stage"] == "learn" and line["judging_minutes"] >= 0
    monkeypatch.setattr(Judging, "on_step_end", lambda *args, **kwargs: None)  # held out all the same, never judged
    assert train(RECIPE, tmp_path / "unjudged") == 0 and lines(tmp_path / "unjudged") == []
    expected = weights(tmp_path / "unjudged" / "model")
    assert all(torch.equal(value, expected[name]) for name, value in weights(tmp_path / "judged" / "model").items())


# what is held out


def drawn_in_training(recipe: Recipe, data: Path, cache: Path, stream: StreamConfig | None = None) -> set[str]:
    """Return all texts that the rows of all objectives of a stage are made of, as they are told."""
    clean = dataclasses.replace(recipe.stages[0], noise=NoisePolicy(weights=()))
    recipe = dataclasses.replace(recipe, stages=(clean,), stream=stream)
    targets = targets_of(recipe, data, cache, "cpu")
    texts: set[str] = set()
    for row in clean.objectives:
        task: Any = stage_run.make_task(targets.corpus, clean, row)
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


# what they say


def test_the_jury_says_what_the_evaluators_say_and_leaves_the_model_as_it_was(data: Path) -> None:
    model = make_model().train()
    model.max_seq_length = 7
    held = held_of(RECIPE, data)
    random = torch.random.get_rng_state()
    figures, _ = Jury(held, 30)(model, chunks=50)
    assert torch.equal(torch.random.get_rng_state(), random) and model.training and model.max_seq_length == 7
    pairs, model.max_seq_length = held.pairs["sts"], 30
    first, second, scores = [pair.first for pair in pairs], [pair.second for pair in pairs], [p.score for p in pairs]
    expected = TypoRobustnessEvaluator(first, second, scores, rates=(0.0, 0.1), seeds=(0,))(model.eval())
    assert figures["sts"] == pytest.approx(expected["spearman_0"], abs=1e-3)
    assert figures["sts typos 10 %"] == pytest.approx(expected["spearman_10"], abs=1e-3)
    assert Jury(held)(model, chunks=30).figures == figures  # noise included


def test_the_jury_reads_as_far_as_the_judge_says_then_the_recipe_then_the_model(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, seen = make_model(), []
    monkeypatch.setattr(Jury, "_similarity", lambda *args: seen.append(model.max_seq_length) or [0.0, 0.0])
    monkeypatch.setattr(Jury, "_retrieval", lambda *args: seen.append(model.max_seq_length) or [0.0, 0.0])
    held = held_of(RECIPE, data)
    Jury(held, 30)(model, chunks=10)
    Jury(held)(model, chunks=10)
    assert seen == [30, 20, 10, 20]


def test_all_of_a_cluster_answer_and_equal_texts_are_one() -> None:
    pairs = [Pair("q", "a", "1"), Pair("p", "b", "1"), Pair("q", "c", "2"), Pair("r", "c", "3"), Pair("😂", "d", "4")]
    clean, noisy = retrieval(dataclasses.replace(FIND, rates=(0.0, 1.0)), pairs)
    assert clean.queries == ["q", "p", "r", "😂"] and sorted(clean.corpus) == ["a", "b", "c", "d"]
    text = dict(zip(clean.corpus_ids, clean.corpus, strict=True))
    relevant = {
        q: {text[d] for d in clean.relevant_docs[id]} for q, id in zip(clean.queries, clean.queries_ids, strict=True)
    }
    assert relevant == {"q": {"a", "b", "c"}, "p": {"a", "b"}, "r": {"c"}, "😂": {"d"}}
    assert noisy.queries != clean.queries and all(noisy.queries) and noisy.corpus == clean.corpus


def test_a_body_is_read_without_the_title_that_opens_it() -> None:
    judge = Judge("long", "retrieval", Source("docs", ("title", "text"), lengths=(2, 5)))
    assert [pair.second for pair in judge.pairs({"title": "Cats", "text": "# Cats\n are animals"}, 0)] == [
        "are animals"
    ]
    assert [pair.second for pair in judge.pairs({"title": "Cats", "text": "All cats"}, 0)] == ["All cats"]
    for text in ("Cats", "# cats", "one", "", None, "one two three four five six"):
        assert judge.pairs({"title": "Cats", "text": text}, 0) == []


def test_embeddings_that_are_not_finite_are_refused(data: Path) -> None:
    model = make_model()
    with torch.no_grad():
        model[1].body.norm.weight.fill_(float("nan")) if hasattr(model[1].body, "norm") else [
            parameter.fill_(float("nan")) for parameter in model[1].parameters()
        ]
    for judge in (STS, FIND):
        held = HeldOut((judge,), data, data)
        with pytest.raises(ValueError, match="NaN or infinite"):
            Jury(held)(model)


# the best


def test_the_best_step_is_kept_or_the_last_as_the_stage_says(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    found = {}
    for name, keep, mains in (
        ("worse", "best", [1.0, 3.0, 3.0, 2.0]),  # of equal ones the earliest
        ("better", "best", [1.0, 2.0, 3.0, 4.0]),
        ("last", "last", [1.0, 3.0, 3.0, 2.0]),
    ):
        saying(monkeypatch, mains)
        saved: dict[int, Path] = {}

        def keep_copy(checkpoint: Path, saved: dict[int, Path] = saved, name: str = name, **facts: Any) -> None:
            step = int(checkpoint.name.rpartition("-")[2])
            saved[step] = shutil.copytree(checkpoint, tmp_path / f"{name}-{step}")

        monkeypatch.setattr("training.callbacks.seal", keep_copy)
        recipe = dataclasses.replace(RECIPE, stages=(dataclasses.replace(STAGE, keep=keep),))
        with caplog.at_level(logging.INFO, "training"):
            assert train(recipe, tmp_path / name) == 0
        found[name] = weights(tmp_path / name / "0_learn" / "model"), sorted(saved)
        assert [line["main"] for line in lines(tmp_path / name)] == mains
        assert not (tmp_path / name / "0_learn" / "checkpoints").exists()
    assert [found[name][1] for name in found] == [[2, 4], [2, 4, 6], []]  # each best of its time, but for the last step
    assert same(found["worse"][0], weights(tmp_path / "worse-4"))
    assert same(found["better"][0], found["last"][0]) and not same(found["worse"][0], found["last"][0])
    assert caplog.text.count("step 4 was the best") == 1


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(value, b[name]) for name, value in a.items())


class Killed(BaseException):
    """What no handler of the runner catches, as kill -9 would not be."""


@pytest.mark.parametrize("dies_at", [3, 4, 6, 7])
def test_a_killed_run_goes_on_to_the_same_lines_and_the_same_best(
    dies_at: int, train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It dies after the line of step 4 or 6 was written and before its checkpoint was, or between two of them."""
    mains = [1.0, 4.0, 2.0, 3.0]
    recipe = dataclasses.replace(RECIPE, stages=(dataclasses.replace(STAGE, keep="best"),))
    asked = saying(monkeypatch, mains)
    with monkeypatch.context() as patch:

        def dies(self: Any, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.global_step == dies_at:
                raise Killed

        patch.setattr(stage_run.Clock, "on_step_end", dies)
        with pytest.raises(Killed):
            train(recipe, tmp_path / "out")
    checkpoints = tmp_path / "out" / "0_learn" / "checkpoints"
    assert sorted(path.name for path in checkpoints.iterdir()) == ["checkpoint-2", "checkpoint-4"][: 1 + (dies_at > 4)]
    assert train(recipe, tmp_path / "out") == 0
    assert [(line["step"], line["main"]) for line in lines(tmp_path / "out")] == list(
        zip([2, 4, 6, 8], mains, strict=True)
    )
    assert asked == {3: [2, 4, 6, 8], 4: [2, 4, 4, 6, 8], 6: [2, 4, 6, 6, 8], 7: [2, 4, 6, 6, 8]}[dies_at]
    assert train(recipe, tmp_path / "whole") == 0
    expected = weights(tmp_path / "whole" / "model")
    for name, value in weights(tmp_path / "out" / "model").items():
        torch.testing.assert_close(value, expected[name], atol=1e-6, rtol=1e-5)


def test_the_best_checkpoint_outlives_later_ones(train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saying(monkeypatch, [4.0, 1.0, 1.0, 1.0])
    recipe = dataclasses.replace(RECIPE, stages=(dataclasses.replace(STAGE, keep="best"),))
    left: list[list[str]] = []
    monkeypatch.setattr(
        stage_run.RankTrainer, "_load_from_checkpoint",
        lambda self, path: left.append([path, *sorted(p.name for p in Path(path).parent.iterdir())]),
    )  # fmt: skip
    assert train(recipe, tmp_path / "out", "--save-minutes", "0") == 0
    folder = tmp_path / "out" / "0_learn" / "checkpoints"
    assert left == [[str(folder / "checkpoint-2"), "checkpoint-2", "checkpoint-6", "checkpoint-7"]]


def test_a_best_checkpoint_that_is_gone_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = JsonLog(tmp_path / "log.jsonl", "learn")
    for step, main in ((2, 1.0), (4, 4.0), (6, 3.0)):
        log.write(step, {"judged": {"sts": main}, "main": main})
    for step in (2, 6):
        (tmp_path / f"checkpoint-{step}").mkdir()
    judging = Judging(Jury(HeldOut((), tmp_path, tmp_path)), make_model(), log, times=4, keep_best=True)
    judging.restore(tmp_path)
    assert judging.best == (3.0, 6) and "the checkpoint of step 4, the best so far, is gone" in caplog.text
    judging = Judging(Jury(HeldOut((), tmp_path, tmp_path)), make_model(), log, times=4, keep_best=False)
    judging.restore(tmp_path)
    assert judging.best == (4.0, 4)  # no checkpoint is kept for it


def test_a_step_that_came_after_the_deadline_is_judged_when_the_run_goes_on(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = saying(monkeypatch, [4.0, 1.0])
    recipe = dataclasses.replace(RECIPE, stages=(dataclasses.replace(STAGE, keep="best", steps=4, judged=2),))
    for step in (1, 2, 3):  # every start takes one step
        assert train(recipe, tmp_path / "out", "--max-minutes", "1e-9") == 0
        assert asked == [2][: step > 2]
    assert train(recipe, tmp_path / "out") == 0
    assert [line["step"] for line in lines(tmp_path / "out")] == asked == [2, 4]
    assert not (tmp_path / "out" / "0_learn" / "checkpoints").exists()


# what is refused, and what is not ignored


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"kind": "order"}, "kind='order' is neither 'similarity' nor 'retrieval'"),
        ({"operator": "typo"}, "operator='typo' is not one of typos, "),
        ({"rates": ()}, r"rates=\(\) need one at least"),
        ({"rates": (0.1, 0.1)}, "each of them once"),
        ({"rates": (1.5,)}, r"in \[0, 1\]"),
        ({"rows": 1}, "rows=1 are too few"),
        ({"chunks": 2}, "chunks=2 are too few"),
        ({"weight": 0}, "weight=0 must be more than 0"),
        ({"source": SEARCH}, "similarity reads two columns and a label"),
        ({"kind": "retrieval"}, "and no label"),
        ({"source": dataclasses.replace(SCORED, split=True)}, "which neither split nor words cuts"),
    ],
)
def test_a_judge_refuses_what_it_would_ignore(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=f"Judge sts: .*{says}"):
        dataclasses.replace(STS, **change)


def test_a_recipe_refuses_judges_that_nobody_asks_and_a_best_that_nobody_knows() -> None:
    with pytest.raises(ValueError, match=r"judged=0, keep='best'.*which step is best is known of a stage that is jud"):
        dataclasses.replace(PLAIN, keep="best")
    with pytest.raises(ValueError, match="keep='first'"):
        dataclasses.replace(STAGE, keep="first")
    with pytest.raises(ValueError, match="has 2 judges, and 0 stages are judged: give both"):
        dataclasses.replace(RECIPE, stages=(PLAIN,))
    with pytest.raises(ValueError, match="has 0 judges, and 1 stages are judged: give both"):
        dataclasses.replace(RECIPE, judges=())
    with pytest.raises(ValueError, match="two judges' figures called sts, sts typos 10 %: name them apart"):
        dataclasses.replace(RECIPE, judges=(STS, dataclasses.replace(STS, rows=7)))


def test_tables_of_judges_are_told_and_left_out_with_their_judge() -> None:
    told_of = {table.name: str(table) for table in tables(RECIPE)}
    assert "columns a, b, score   (pairs, scored, judges; needed by sts, which has no other scored" in told_of["pairs"]
    answers = dataclasses.replace(RECIPE, stages=(dataclasses.replace(STAGE, objectives=(("sts", 1.0),)),))
    assert str(tables(answers)[-1]) == (
        "answers.parquet   columns question, answer, topic   (judges; can be left out: --without answers)"
    )
    left = leave_out(answers, ["answers"])
    assert left.judges == (STS,)
    with pytest.raises(ValueError, match="--without pairs: it is needed by stage learn to be judged, which has no oth"):
        leave_out(left, ["pairs"])
    with pytest.raises(ValueError, match="--without answers: it is needed by stage learn to be judged, which has no o"):
        leave_out(dataclasses.replace(answers, judges=(FIND,)), ["answers"])


def test_too_few_rows_are_told_before_training(
    train: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short = dataclasses.replace(STS, source=dataclasses.replace(SCORED, lengths=(50, 60)))
    assert train(dataclasses.replace(RECIPE, judges=(short, FIND)), tmp_path / "out") == 1
    assert "Judge sts finds 0 pairs in pairs, within the words that its lengths=(50, 60)" in capsys.readouterr().err
    assert not (tmp_path / "out" / "log.jsonl").exists()


def test_a_smoke_is_judged_once_and_a_streamed_run_too(train: Train, tmp_path: Path) -> None:
    recipe = dataclasses.replace(RECIPE, stages=(dataclasses.replace(STAGE, keep="best", judged=3),))
    assert recipe.smoke().judges[0].rows == 6 and dataclasses.replace(STS, rows=400).source == STS.source
    assert train(recipe, tmp_path / "smoke", "--smoke") == 0
    assert [line["step"] for line in lines(tmp_path / "smoke")] == [4]  # a step of each objective
    assert train(recipe, tmp_path / "streamed", "--stream", "32") == 0
    assert [line["step"] for line in lines(tmp_path / "streamed")] == [3, 6, 8]


def test_a_run_begun_before_there_were_judges_goes_on(data: Path, tmp_path: Path) -> None:
    recipe = dataclasses.replace(RECIPE, judges=(), stages=(PLAIN,))
    check_record(recipe, data, tmp_path)
    record = tmp_path / "recipe.json"
    before = json.loads(record.read_text(encoding="utf-8"))
    del before["judges"], before["stages"][0]["judged"], before["stages"][0]["keep"]
    record.write_text(json.dumps(before), encoding="utf-8")
    with pytest.raises(ValueError, match=r"another recipe .*; stages, judges"):
        check_record(RECIPE, data, tmp_path)
    check_record(recipe, data, tmp_path)
    assert json.loads(record.read_text(encoding="utf-8"))["judges"] == []


# curves


def test_a_log_is_shown_with_its_curves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = JsonLog(tmp_path / "log.jsonl", "spell")
    for step in range(1, 1001):
        log.write(step, {"loss": 1 / step})
    assert show([str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"drawn: {tmp_path / 'curves.svg'}\n"
    first = (tmp_path / "curves.svg").read_bytes()
    assert b"loss of the stage" in first and b"judged" not in first and len(first) < 40_000
    log = JsonLog(tmp_path / "log.jsonl", "learn")
    for step, main in ((10, 1.0), (20, 4.0), (30, 4.0)):
        log.write(step, {"loss": -0.1})
        log.write(step, {"judged": {"sts": main, "<&> 10 %": 2.0}, "main": main})
    for name in ("one.svg", "two.svg"):
        assert show([str(tmp_path / "log.jsonl"), "--out", str(tmp_path / name)]) == 0
    assert capsys.readouterr().out.splitlines()[:3] == [
        "learn 10: 1.00   (sts 1.0   <&> 10 % 2.0)", "learn 20: 4.00   (sts 4.0   <&> 10 % 2.0)  best",
        "learn 30: 4.00   (sts 4.0   <&> 10 % 2.0)",
    ]  # fmt: skip
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    assert b"&lt;&amp;&gt; 10 %" in (tmp_path / "one.svg").read_bytes()


def test_what_cannot_be_drawn_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert show([str(tmp_path)]) == 1
    assert f"{tmp_path / 'log.jsonl'} does not exist: give the folder of a run" in capsys.readouterr().err
    log = JsonLog(tmp_path / "log.jsonl", "spell")
    log.write(1, {"train_loss": 1.0})
    assert show([str(tmp_path)]) == 1 and "no line with a loss" in capsys.readouterr().err
    assert show([str(tmp_path), "--out", str(tmp_path / "a.png")]) == 1
    assert "curves are drawn as SVG" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.jsonl"]
