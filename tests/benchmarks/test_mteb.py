"""The dev sets as mteb tasks, on a few texts in memory and a toy model; no hub."""

import pytest

pytest.importorskip("mteb")

import mteb as package

from benchmarks.mteb import choose, main, wrap
from benchmarks.mteb_tasks import tasks_of
from benchmarks.peers import Candidate
from benchmarks.suite import Condition
from benchmarks.suites.classification import Labelled, TextClassification
from benchmarks.suites.clustering import Clustering
from benchmarks.suites.reranking import Reranking
from benchmarks.suites.retrieval import TypoRetrieval
from benchmarks.suites.sts import Pairs, SentencePairs
from benchmarks.texts.collections import Collection

TEXTS = [f"the {word} station" for word in ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel")]
LABELS = ["a", "b"] * 4
PAIRS = SentencePairs(
    {
        "STS-B": Pairs(TEXTS, TEXTS[::-1], [float(i) for i in range(8)], graded=True),
        "Quora": Pairs(TEXTS, TEXTS, [1.0, 0.0] * 4, graded=False),
    }
)
SUITES = [
    PAIRS,
    TextClassification({"offensive": (Labelled(TEXTS * 2, LABELS * 2), Labelled(TEXTS, LABELS))}),
    Clustering(TEXTS, LABELS),
    Reranking([TEXTS[:4], TEXTS[4:]]),
    TypoRetrieval({"XQuAD": Collection({"q": TEXTS[0]}, dict(zip("abcdefgh", TEXTS, strict=True)), {"q": {"a": 1}})}),
]


def evaluate(model, tasks, **options):
    return package.evaluate(model, tasks, encode_kwargs={"batch_size": 8}, show_progress_bar=False, **options)


def test_every_kind_of_task_runs_and_is_filed_under_the_models_name_and_weights(toy, tmp_path):
    candidate = Candidate("toy", toy)
    tasks = [tasks_of(suite)[0] for suite in SUITES] + [tasks_of(PAIRS)[2]]
    cache = package.ResultCache(cache_path=tmp_path)
    found = evaluate(wrap(candidate), tasks, cache=cache)
    scores = {result.task_name: result.get_score() for result in found.task_results}
    assert list(scores) == [
        "STSBSTSDev", "OffensiveClassificationDev", "Banking77ClusteringDev", "Multi30kRerankingDev",
        "XQuADRetrievalDev", "QuoraPairClassificationDev",
    ]  # fmt: skip
    assert scores["XQuADRetrievalDev"] == 1.0  # the question is the document
    assert all(-1.0 <= score <= 1.0 for score in scores.values())
    folder = tmp_path / "results" / "tiered-st__toy" / candidate.revision
    assert {f"{name}.json" for name in scores} <= {file.name for file in folder.iterdir()}


def test_mteb_agrees_with_the_suite_on_the_same_mistyped_texts(toy):
    [_, noisy, *_] = tasks_of(PAIRS)
    condition = Condition("STS-B 10 %", 0)
    assert noisy.metadata.name == "STSBSTSDevTypos10" and noisy.metadata.revision == PAIRS.checksum(condition)[:16]
    score = evaluate(wrap(Candidate("toy", toy)), noisy, cache=None).task_results[0].get_score()
    assert 100 * score == pytest.approx(PAIRS.score(Candidate("toy", toy), condition), abs=1e-3)


def test_mteb_is_told_name_revision_parameters_and_licence(toy):
    candidate = Candidate("en-small", toy)
    meta = wrap(candidate).mteb_model_meta
    assert (meta.name, meta.revision) == ("tiered-st/en-small", candidate.revision)
    assert meta.n_parameters == candidate.parameters > 0 and meta.license == "apache-2.0" and meta.open_weights
    assert wrap(Candidate("my-model", toy)).mteb_model_meta.license is None

    class Other:
        def encode(self, texts, **options):
            return [[1.0]] * len(texts)

    with pytest.raises(ValueError, match="none: leave it out"):
        wrap(Candidate("other", Other()))


def test_names_that_are_not_local_are_mtebs_own(tmp_path, capsys):
    assert [task.metadata.name for task in choose(["STSBenchmark"], None)] == ["STSBenchmark"]
    assert main(["minilm", "--tasks", "NoSuchTask"]) == 2
    assert "NoSuchTask" in capsys.readouterr().err
    assert main(["minilm", "--data", str(tmp_path)]) == 2
    assert "give the folder of the data kit" in capsys.readouterr().err
