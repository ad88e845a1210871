"""Suite `long`: how far into a document a model should read: documents found by titles and questions, per read length.

Three collections ask a title for its body (Wikipedia and Microsoft's documentation: bodies of at least 300 words;
arXiv: abstracts of at least 200), which the beginning alone may tell; three ask questions (XQuAD in English, Cranfield,
CISI), whose answers may lie anywhere. Wikipedia's articles are those that training leaves out. So a length that is best
in the mean of all six neither drowns a text in its tail nor cuts answers off. A length counts the chunks or tokens that
are read, marks included; questions are cut there too.

Rows with "windows" read Wikipedia's bodies whole, in windows of so many chunks or tokens: "mean" compares the mean of a
body's windows, as `tiered_st.encode_long` gives it, "best" the window that fits best.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.ndcg import DEPTH, ndcg
from benchmarks.peers import Candidate
from benchmarks.suite import Condition, Suite
from benchmarks.texts.collections import COLLECTIONS, Collection, read_collection
from benchmarks.texts.columns import read_columns
from benchmarks.texts.windows import mean_of, windows_of
from tiered_st.evaluation import digest, unit_vectors
from tiered_st.noise import seeded
from training import english

LENGTHS = (32, 48, 64, 96, 128, 160, 256, 510)
WINDOWS = (48, 64)
WAYS = ("mean", "best")
WINDOWED = "Wikipedia"
BODIES = {  # by file: its columns of titles and bodies, and the least words of a body
    "Wikipedia": ("docs_wikipedia_en.parquet", "title", "text", 300),
    "MS docs": ("docs_msdocs.parquet", "title", "text", 300),
    "arXiv": ("dev_arxiv_title_abstract.parquet", "title", "abstract", 200),
}
SAMPLE = 150  # documents of a collection
WORDS = max(LENGTHS)  # of a body that are kept: a chunk or token is a word at most


class ReadLengths:
    """Rank the documents of each collection by cosine, all texts cut at a length, or in windows of it."""

    def __init__(self, collections: Mapping[str, Collection]) -> None:
        self.sets = dict(collections)
        counts = (f"{name}, {len(s.queries):,} queries, {len(s.corpus):,} documents" for name, s in self.sets.items())
        self.data = "; ".join(counts)

    def conditions(self, seeds: int) -> list[Condition]:
        return [Condition(metric, 0) for metric in METRICS]  # nothing is drawn: one seed says it all

    def takes(self, model: Candidate) -> bool:
        """Tell whether a model has a `max_seq_length`, which may be set to the longest of the lengths."""
        try:
            with reading(model, max(LENGTHS)):
                return True
        except ValueError:
            return False

    def checksum(self, condition: Condition) -> str:
        queries, corpus, qrels = self.sets[_parts(condition.metric)[0]]
        grades = (f"{id} {sorted(qrels[id].items())!r}" for id in queries)
        return digest([condition.metric, *queries, *queries.values(), *corpus, *corpus.values(), *grades])

    def score(self, model: Candidate, condition: Condition) -> float:
        name, length, way = _parts(condition.metric)
        queries, corpus, qrels = self.sets[name]
        with reading(model, length):
            # (queries, dimension)
            asked = unit_vectors(model.queries, list(queries.values()), batch_size=model.batch_size)
            if way:
                windows, first = windows_of(model, list(corpus.values()), length)  # (windows, dimension)
                scores = asked @ mean_of(windows, first).T if way == "mean" else best_of(asked @ windows.T, first)
            else:
                scores = asked @ unit_vectors(model.documents, list(corpus.values()), batch_size=model.batch_size).T
        best, ids = np.argsort(-scores, axis=1, kind="stable")[:, :DEPTH], list(corpus)
        found = [ndcg([ids[i] for i in row], qrels[id]) for row, id in zip(best, queries, strict=True)]
        return 100.0 * sum(found) / len(found)


def best_of(scores: np.ndarray, first: Sequence[int]) -> np.ndarray:
    """Return the best of each document's windows, (queries, windows) to (queries, documents).

    Args:
        scores: A column per window, those of a document side by side.
        first: The column of each document's first window.
    """
    return np.maximum.reduceat(scores, first, axis=1)


@contextmanager
def reading(model: Candidate, length: int) -> Iterator[None]:
    """Let a model read so many chunks or tokens of a text.

    Raises:
        ValueError: If it has no `max_seq_length`.
    """
    if getattr(model.model, "max_seq_length", None) is None:
        raise ValueError(f"{model.name} cuts no text: it cannot be measured by how far it reads (suite long).")
    before, model.model.max_seq_length = model.model.max_seq_length, length
    try:
        yield
    finally:
        model.model.max_seq_length = before


def sampled(collection: Collection, name: str, count: int = SAMPLE) -> Collection:
    """Return so many documents, drawn by a seed of the collection's name, and the queries that they answer."""
    queries, corpus, qrels = collection
    kept = sorted(seeded("long", name).sample(sorted(corpus), min(count, len(corpus))))
    documents = {id: " ".join(corpus[id].split()[:WORDS]) for id in kept}
    grades = {
        id: {doc: rel for doc, rel in found.items() if rel > 0 and doc in documents} for id, found in qrels.items()
    }
    asked = {id: text for id, text in queries.items() if grades.get(id)}
    return Collection(asked, documents, {id: grades[id] for id in asked})


def titles_and_bodies(rows: Sequence[tuple[str, str]], least: int) -> Collection:
    """Return bodies of at least so many words, each asked for by its title, which does not open it any more."""
    pairs = {title: without(title, body or "") for title, body in rows if title}
    kept = {f"{i:05}": (title, body) for i, (title, body) in enumerate(pairs.items()) if len(body.split()) >= least}
    return Collection(
        {id: title for id, (title, _) in kept.items()},
        {id: body for id, (_, body) in kept.items()},
        {id: {id: 1.0} for id in kept},
    )


def asked_by(collection: Collection, titles: Container[str]) -> Collection:
    """Return the documents that some titles ask for.

    Raises:
        ValueError: If there is none.
    """
    queries, corpus, qrels = collection
    kept = [id for id, title in queries.items() if title in titles]
    if not kept:
        raise ValueError(
            f"None of the {len(queries)} long articles of {BODIES['Wikipedia'][0]} is among those that training leaves "
            "out (training/held_out_articles.txt): measure with the table that it was written for."
        )
    return Collection({id: queries[id] for id in kept}, {id: corpus[id] for id in kept}, {id: qrels[id] for id in kept})


def without(title: str, body: str) -> str:
    """Return a body without the title, and without a heading's mark, that it may open with."""
    opened = body.lstrip("# \n")
    return opened[len(title) :].lstrip() if opened.lower().startswith(title.lower()) else opened


def load(data: Path | None) -> ReadLengths:
    """Read the kit's files."""
    whole = {
        name: titles_and_bodies(read_columns(data, file, *columns), least)
        for name, (file, *columns, least) in BODIES.items()
    }
    whole["Wikipedia"] = asked_by(whole["Wikipedia"], english.HELD_OUT)
    whole |= {name: read_collection(data, file) for name, file in COLLECTIONS.items()}
    return ReadLengths({name: sampled(collection, name) for name, collection in whole.items()})


def _parts(metric: str) -> tuple[str, int, str]:
    """Return the collection of a metric, its length, and the way that windows are compared, if it is of windows."""
    name, _, rest = metric.partition("@")
    length, _, way = rest.partition(", windows: ")
    return name, int(length), way


METRICS = (
    *(f"{name}@{length}" for name in (*BODIES, *COLLECTIONS) for length in LENGTHS),
    *(f"{WINDOWED}@{length}, windows: {way}" for length in WINDOWS for way in WAYS),
)
SUITE = Suite(
    name="long",
    title="Documents found by how many chunks or tokens of them are read (nDCG@10 × 100)",
    metrics=METRICS,
    load=load,
    means={f"mean of all six@{n}": tuple(f"{name}@{n}" for name in (*BODIES, *COLLECTIONS)) for n in LENGTHS},
    tall=True,
)
