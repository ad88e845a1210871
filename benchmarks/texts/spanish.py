"""Spanish texts of the kit, alone and beside English ones, and how they are mistyped: on the Spanish keyboard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.texts.collections import Collection
from benchmarks.texts.columns import read_columns
from tiered_st.noise import OPERATORS, seeded

# By language: an operator of tiered_st.noise. None types on a German keyboard; the American one's keys are near it.
KEYBOARDS = {"es": "es_typos", "en": "typos", "de": "typos"}


def mistyped_in(language: str, suite: str, texts: Sequence[str], *, rate: float, seed: int) -> list[str]:
    """Mistype every text on the keyboard of its language; text i depends on suite, seed, rate and i alone."""
    if not rate:
        return list(texts)
    operate, permille = OPERATORS[KEYBOARDS[language]], round(1000 * rate)
    return [operate(text, rate, seeded(suite, language, seed, permille, i)) for i, text in enumerate(texts)]


def read_xquad_across(data: Path | None, asked: str, answered: str) -> Collection:
    """Read XQuAD's questions in one language and its paragraphs in one, which may be another ("en", "es")."""
    queries = read_columns(data, "dev_xquad_queries.parquet", "query_id", "text", "lang")
    corpus = read_columns(data, "dev_xquad_corpus.parquet", "doc_id", "text", "lang")
    rows = read_columns(data, "dev_xquad_qrels.parquet", "query_id", "doc_id", "rel")
    qrels: dict[str, dict[str, float]] = {}
    for query, document, grade in rows:  # a paragraph's number is the same in both languages: en-7, es-7
        qrels.setdefault(query, {})[f"{answered}-{document.partition('-')[2]}"] = grade
    return Collection(
        {id: text for id, text, language in queries if language == asked},
        {id: text for id, text, language in corpus if language == answered},
        qrels,
    )


def read_mlqa(data: Path | None, asked: str) -> Collection:
    """Read MLQA's questions in a language, and its Spanish passages among the Spanish paragraphs of XQuAD."""
    queries = read_columns(data, "es_dev_mlqa_queries.parquet", "query_id", "text", "lang")
    corpus = read_columns(data, "es_dev_mlqa_corpus.parquet", "doc_id", "text")
    others: Mapping[str, str] = read_xquad_across(data, "es", "es").corpus
    qrels: dict[str, dict[str, float]] = {}
    for query, document, grade in read_columns(data, "es_dev_mlqa_qrels.parquet", "query_id", "doc_id", "rel"):
        qrels.setdefault(query, {})[document] = grade
    return Collection(
        {id: text for id, text, language in queries if language == asked}, dict(corpus) | dict(others), qrels
    )


def read_ntrex(data: Path | None, asked: str, answered: str) -> Collection:
    """Read sentences in a language as questions whose one answer is the same sentence in another ("eng", "spa")."""
    rows = read_columns(data, "dev_ntrex_parallel.parquet", asked, answered)
    queries, corpus = ({str(i): row[side] for i, row in enumerate(rows)} for side in (0, 1))
    return Collection(queries, corpus, {id: {id: 1.0} for id in queries})
