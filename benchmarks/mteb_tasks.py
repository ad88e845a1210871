"""The suites' data as tasks of mteb: ``mteb.evaluate(model, local_tasks(folder))``, no hub needed.

Each data set is there clean, and with 10 % of the characters mistyped (its name then ends in Typos10), the very texts
of the suite's seed 0; the revision of a task's data is the checksum of its texts. mteb's own protocol measures them:
classification, for one, learns from 8 texts per label, ten times.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from datasets import Dataset, DatasetDict
from mteb.abstasks import (
    AbsTask,
    AbsTaskClassification,
    AbsTaskClusteringLegacy,
    AbsTaskPairClassification,
    AbsTaskRetrieval,
    AbsTaskSTS,
)
from mteb.abstasks.task_metadata import TaskMetadata

from benchmarks.suite import Condition
from benchmarks.suites import suites
from benchmarks.texts.clean_and_noisy import NOISY, CleanAndNoisy

SEED = 0
SPLIT = "test"
SUITES = ("sts", "classification", "retrieval", "reranking", "clustering")


class Kind(NamedTuple):
    """A type of task under the name that mteb has for it."""

    title: str
    base: type[AbsTask]
    main_score: str
    category: str


STS = Kind("STS", AbsTaskSTS, "cosine_spearman", "t2t")
PAIRS = Kind("PairClassification", AbsTaskPairClassification, "max_ap", "t2t")
CLASSES = Kind("Classification", AbsTaskClassification, "accuracy", "t2c")
CLUSTERS = Kind("Clustering", AbsTaskClusteringLegacy, "v_measure", "t2c")
RETRIEVAL = Kind("Retrieval", AbsTaskRetrieval, "ndcg_at_10", "t2t")
RERANKING = Kind("Reranking", AbsTaskRetrieval, "map_at_1000", "t2t")


def local_tasks(data: Path | None, names: Iterable[str] | None = None) -> list[AbsTask]:
    """Build tasks from a folder of the kit's parquet files.

    Args:
        data: The folder.
        names: Only these; by default all of them.

    Raises:
        ValueError: If a name is not one of the local tasks', or a file is missing.
    """
    known = suites()
    loaded = [known[name].load(data) for name in SUITES]
    found = {
        task.metadata.name: task for suite in loaded if isinstance(suite, CleanAndNoisy) for task in tasks_of(suite)
    }
    if unknown := [name for name in names or () if name not in found]:
        raise ValueError(f"no local task is called {', '.join(unknown)}: choose from {', '.join(found)}.")
    return [task for name, task in found.items() if names is None or name in names]


def tasks_of(suite: CleanAndNoisy) -> list[AbsTask]:
    """Return each data set of a loaded suite as two tasks: clean and mistyped."""
    names = suite.names[:1] if suite.suite == "clustering" else suite.names  # its names are measures of one data set
    return [_task(suite, name, noise) for name in names for noise in ("", NOISY)]


def _task(suite: CleanAndNoisy, name: str, noise: str) -> AbsTask:
    """Make a class of its own for the data set, as mteb wants it, and return its only instance."""
    kind, dataset = _BUILDERS[suite.suite](suite, name, suite.seen(Condition(name + noise, SEED)))
    title = "Banking77" if kind is CLUSTERS else re.sub(r"\W", "", name).capitalize() if name.islower() else name
    metadata = TaskMetadata(
        name=f"{title.replace('-', '')}{kind.title}Dev{'Typos10' if noise else ''}",
        description=f"{title}, dev texts of the tiered_st data kit"
        + (", 10 % of characters mistyped." if noise else "."),
        dataset={"path": f"tiered-st/{suite.suite}", "revision": suite.checksum(Condition(name + noise, SEED))[:16]},
        type=kind.title,  # type: ignore[arg-type]
        category=kind.category,  # type: ignore[arg-type]
        eval_splits=[SPLIT],
        eval_langs=["eng-Latn"],
        main_score=kind.main_score,
        sample_creation="found",
    )

    def load_data(self: AbsTask, num_proc: int | None = None, **options: Any) -> None:
        self.dataset = dataset
        self.data_loaded = True

    return type(metadata.name, (kind.base,), {"metadata": metadata, "load_data": load_data})()


def _pairs(suite: Any, name: str, texts: Sequence[str]) -> tuple[Kind, Any]:
    gold, half = suite.sets[name].gold, len(texts) // 2
    columns: dict[str, Any] = {"sentence1": texts[:half], "sentence2": texts[half:]}
    if suite.sets[name].graded:
        return STS, DatasetDict({SPLIT: Dataset.from_dict(columns | {"score": list(gold)})})
    return PAIRS, DatasetDict({SPLIT: Dataset.from_dict(columns | {"labels": [int(label) for label in gold]})})


def _classes(suite: Any, name: str, texts: Sequence[str]) -> tuple[Kind, Any]:
    train, test = suite.sets[name]
    numbers = {label: number for number, label in enumerate(sorted(set(train.labels)))}
    splits = {"train": (train.texts, train.labels), SPLIT: (texts, test.labels)}
    return CLASSES, DatasetDict(
        {
            split: Dataset.from_dict({"text": list(some), "label": [numbers[label] for label in labels]})
            for split, (some, labels) in splits.items()
        }
    )


def _clusters(suite: Any, name: str, texts: Sequence[str]) -> tuple[Kind, Any]:
    numbers = {label: number for number, label in enumerate(sorted(set(suite.labels)))}
    labels = [numbers[label] for label in suite.labels]
    return CLUSTERS, DatasetDict({SPLIT: Dataset.from_dict({"sentences": [list(texts)], "labels": [labels]})})


def _retrieval(suite: Any, name: str, texts: Sequence[str]) -> tuple[Kind, Any]:
    queries, corpus, qrels = suite.sets[name]
    relevant = {id: {doc: int(grade) for doc, grade in qrels[id].items()} for id in queries}
    return RETRIEVAL, _collection(dict(zip(queries, texts, strict=True)), corpus, relevant, None)


def _reranking(suite: Any, name: str, texts: Sequence[str]) -> tuple[Kind, Any]:
    queries = {f"q{i}": text for i, text in enumerate(texts)}
    corpus = {f"d{i}": text for i, text in enumerate(suite.documents)}
    candidates = dict(zip(queries, suite.candidates, strict=True))
    relevant = {
        id: {f"d{row}": 1 for row, good in zip(rows, grades, strict=True) if good}
        for id, (rows, grades) in candidates.items()
    }
    ranked = {id: [f"d{row}" for row in rows] for id, (rows, _) in candidates.items()}
    return RERANKING, _collection(queries, corpus, relevant, ranked)


def _collection(queries: Any, corpus: Any, relevant: Any, ranked: Any) -> Any:
    rows = {
        part: Dataset.from_dict({"id": list(texts), "text": list(texts.values())})
        for part, texts in (("queries", queries), ("corpus", corpus))
    }
    return {"default": {SPLIT: rows | {"relevant_docs": relevant, "top_ranked": ranked}}}


_BUILDERS: dict[str, Callable[[Any, str, Sequence[str]], tuple[Kind, Any]]] = {
    "sts": _pairs,
    "classification": _classes,
    "clustering": _clusters,
    "retrieval": _retrieval,
    "reranking": _reranking,
}
