"""What judges say, what they and recipes refuse, and which tables they need."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import make_model
from judged import FIND, PLAIN, RECIPE, SCORED, SEARCH, STAGE, STS, held_of, write_tables

from tiered_st.evaluation import TypoRobustnessEvaluator
from training.judging import HeldOut, Judge, Jury
from training.judging.judge import Pair
from training.judging.jury import retrieval
from training.sources import Source
from training.tables import leave_out, tables


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tables(tmp_path_factory.mktemp("judged"))


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
    with pytest.raises(ValueError, match="two judges called sts: name them apart"):
        dataclasses.replace(RECIPE, judges=(STS, dataclasses.replace(STS, operator="ocr", rates=(0.2,))))


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
