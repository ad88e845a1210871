"""Generate rows from the kit's sentences: ``python -m benchmarks.scale.texts --data DIR -o FOLDER --rows 1e6``.

A row is the first half of one sentence and the second half of another: its words are as frequent as in real texts, it
is about as long as they are (9 words), and of 230,000 sentences there are 50 billion such rows. Each file of `SHARD`
rows depends on the seed and its number alone, and only one is in memory at a time.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.texts.columns import read_columns
from tiered_st.files import replace_file

SHARD = 100_000  # rows of a file
WORDS = (4, 24)  # of a sentence that is taken
# Captions, questions, statements and everyday sentences: what is short and of one sentence in the kit.
SENTENCES = (
    ("train_nli_labelled.parquet", "premise"),
    ("train_nli_labelled.parquet", "hypothesis"),
    ("train_pairs_quora.parquet", "anchor"),
    ("train_pairs_quora.parquet", "positive"),
    ("train_pairs_tatoeba_pivot_en_en.parquet", "anchor"),
    ("train_pairs_qa_passage.parquet", "question"),
)


def sentences(data: Path) -> list[str]:
    """Return the kit's short sentences, each once, in the order of its files.

    Raises:
        ValueError: If a file or column is missing; the text says what to do.
    """
    every = (text for name, column in SENTENCES for (text,) in read_columns(data, name, column))
    return [text for text in dict.fromkeys(every) if text and WORDS[0] <= len(text.split()) <= WORDS[1]]


def rows_of(known: Sequence[str], shard: int, count: int, seed: int) -> list[str]:
    """Return the first rows of a shard.

    Args:
        known: The sentences that are recombined.
        shard: The shard's number.
        count: How many rows.
        seed: What the shards depend on.
    """
    chosen = np.random.default_rng([seed, shard]).integers(len(known), size=(SHARD, 2))[:count]  # (count, 2)
    return [" ".join([*_half(known[first], 0), *_half(known[second], 1)]) for first, second in chosen.tolist()]


def generate(known: Sequence[str], rows: int, seed: int) -> Iterator[tuple[int, list[str]]]:
    """Yield (number of the first row, texts) of each shard."""
    for shard, start in enumerate(range(0, rows, SHARD)):
        yield start, rows_of(known, shard, min(SHARD, rows - start), seed)


def write_texts(folder: Path, known: Sequence[str], rows: int, seed: int) -> list[Path]:
    """Write rows as parquet files of the columns id and text; return the files.

    Files that are there stay as they are: the same seed gives the same, and a stopped run goes on.

    Raises:
        ValueError: If there are files of other rows in the folder.
    """
    import pyarrow as pa
    from pyarrow import parquet

    folder.mkdir(parents=True, exist_ok=True)
    starts = range(0, rows, SHARD)
    files = [folder / f"texts-seed{seed}-{min(rows, start + SHARD):010d}.parquet" for start in starts]
    if foreign := sorted(set(folder.iterdir()) - set(files)):
        raise ValueError(f"{folder} holds {foreign[0].name}, which is not of these rows: give an empty folder.")
    for path, (start, texts) in zip(files, generate(known, rows, seed), strict=True):
        if path.is_file():
            continue
        ids = [f"row-{number:09d}" for number in range(start, start + len(texts))]
        with replace_file(path) as beside:
            parquet.write_table(pa.table({"id": ids, "text": texts}), beside, row_group_size=10_000)
    return files


def main(argv: Sequence[str] | None = None) -> int:
    """Write the rows; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale.texts", description=(__doc__ or "").split("\n\n")[0]
    )
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the kit's folder")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="FOLDER", help="where the files go")
    parser.add_argument("--rows", type=float, default=1e6, help="default: 1e6")
    parser.add_argument("--seed", type=int, default=0, help="default: 0")
    args = parser.parse_args(argv)
    try:
        files = write_texts(args.out, sentences(args.data), int(args.rows), args.seed)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{int(args.rows):,} rows in {len(files)} files, {sum(path.stat().st_size for path in files) / 1e6:.0f} MB")
    return 0


def _half(sentence: str, side: int) -> list[str]:
    words = sentence.split()
    middle = (len(words) + 1) // 2
    return words[middle:] if side else words[:middle]


if __name__ == "__main__":
    sys.exit(main())
