"""Collections of documents with questions that they answer: XQuAD (English), Cranfield, CISI."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks.texts.columns import read_columns

COLLECTIONS = {"XQuAD": "xquad", "Cranfield": "cranfield", "CISI": "cisi"}


class Collection(NamedTuple):
    """Questions, documents, and for each question the grade of its relevant documents, all by id."""

    queries: Mapping[str, str]
    corpus: Mapping[str, str]
    qrels: Mapping[str, Mapping[str, float]]


def read_collection(data: Path | None, file: str) -> Collection:
    """Read one of the kit's collections, of XQuAD the English half."""
    language = ("lang",) if file == "xquad" else ()
    queries = read_columns(data, f"dev_{file}_queries.parquet", "query_id", "text", *language)
    corpus = read_columns(data, f"dev_{file}_corpus.parquet", "doc_id", "text", *(language or ("title",)))
    qrels: dict[str, dict[str, float]] = {}
    for query, document, grade in read_columns(data, f"dev_{file}_qrels.parquet", "query_id", "doc_id", "rel"):
        qrels.setdefault(query, {})[document] = grade
    if language:
        return Collection(
            {id: text for id, text, lang in queries if lang == "en"},
            {id: text for id, text, lang in corpus if lang == "en"},
            qrels,
        )
    return Collection(dict(queries), {id: f"{title or ''} {text or ''}".strip() for id, text, title in corpus}, qrels)
