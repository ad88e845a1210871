"""Suite `cross_lingual`: questions and sentences in English or Spanish, what answers or translates them in the other.

- XQuAD and MLQA: nDCG@10 × 100 of the paragraph that answers a question, XQuAD's among the 240 of its language, MLQA's
  Spanish passages among XQuAD's Spanish paragraphs.
- NTREX: recall@1, in per cent, of a sentence's translation among 1,997 sentences of news.

Questions and sentences are clean, then mistyped at 10 % on the keyboard of their language; what is found is clean.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers import Candidate
from benchmarks.suite import Suite
from benchmarks.suites.real import recall_at_1
from benchmarks.suites.retrieval import TypoRetrieval
from benchmarks.texts.clean_and_noisy import metrics_of, retained_of
from benchmarks.texts.collections import Collection
from benchmarks.texts.spanish import mistyped_in, read_mlqa, read_ntrex, read_xquad_across
from tiered_st.evaluation import unit_vectors

SENTENCES = "NTREX"  # opens the names of what is measured by recall
LANGUAGES = {"en": "eng", "es": "spa", "de": "deu"}  # as NTREX calls them
NAMES = ("XQuAD es→en", "XQuAD en→es", "MLQA es→es", "MLQA en→es", "NTREX es→en", "NTREX en→es")


class CrossLingual(TypoRetrieval):
    """Find documents and translations by cosine, across languages."""

    suite = "cross_lingual"
    takes_rankings = False  # of sentences, vectors are compared

    def mistyped(self, name: str, *, rate: float, seed: int) -> list[str]:
        return mistyped_in(_languages(name)[0], f"{self.suite} {name}", self.texts(name), rate=rate, seed=seed)

    def measure(self, model: Candidate, name: str, texts: Sequence[str], seed: int) -> float:
        if not name.startswith(SENTENCES):
            return super().measure(model, name, texts, seed)
        queries, corpus, qrels = self.sets[name]
        sentences, row = list(corpus.values()), {id: i for i, id in enumerate(corpus)}
        vectors = self.once(model, name, lambda: unit_vectors(model, sentences, batch_size=model.batch_size))
        asked = unit_vectors(model, texts, batch_size=model.batch_size)  # (sentences, dimension)
        return recall_at_1(asked, vectors, [{row[found] for found in qrels[id]} for id in queries])


def _languages(name: str) -> tuple[str, str]:
    """Return the language that a data set asks in and the one that answers."""
    asked, _, answered = name.rpartition(" ")[2].partition("→")
    return asked, answered


def load(data: Path | None) -> CrossLingual:
    """Read the kit's collections and parallel sentences."""
    found: dict[str, Collection] = {}
    for name in NAMES:
        asked, answered = _languages(name)
        if name.startswith("XQuAD"):
            found[name] = read_xquad_across(data, asked, answered)
        elif name.startswith("MLQA"):
            found[name] = read_mlqa(data, asked)
        else:
            found[name] = read_ntrex(data, LANGUAGES[asked], LANGUAGES[answered])
    return CrossLingual(found)


SUITE = Suite(
    name="cross_lingual",
    title="Across English and Spanish (XQuAD, MLQA: nDCG@10 × 100; NTREX: recall@1, %)",
    metrics=metrics_of(*NAMES),
    load=load,
    retained=retained_of(*NAMES),
    tall=True,
)
