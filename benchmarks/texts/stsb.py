"""STS-B's dev pairs, which four suites read."""

from __future__ import annotations

from pathlib import Path

from benchmarks.texts.columns import read_columns

FILE = "dev_stsb_en_es.parquet"
HUB = "sentence-transformers/stsb"


def read_stsb(data: Path | None) -> tuple[list[str], list[str], list[float]]:
    """Return first texts, second texts and gold of the kit's dev pairs, or of all 1,500 on the hub without a folder."""
    if data is None:
        from datasets import load_dataset

        pairs = load_dataset(HUB, split="validation")
        return pairs["sentence1"][:], pairs["sentence2"][:], pairs["score"][:]
    return read_kit_pairs(data, "en")


def read_kit_pairs(data: Path | None, language: str) -> tuple[list[str], list[str], list[float]]:
    """Return first texts, second texts and gold of the kit's dev pairs in a language: "en", or "es" by machine.

    Raises:
        ValueError: If the file holds none.
    """
    rows = read_columns(data, FILE, "s1", "s2", "score", "lang", "split")
    kept = [row[:3] for row in rows if row[3:] == (language, "dev")]
    if len(kept) < 2:
        assert data is not None  # what was read
        raise ValueError(f"{data / FILE} has no rows with lang {language!r} and split 'dev': it is not the kit's file.")
    first, second, scores = zip(*kept, strict=True)
    return list(first), list(second), list(scores)
