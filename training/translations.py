"""Write what foreign words mean in English, mined from parallel texts: ``python -m training.translations --data DIR``.

E1 aims a word of another language at what its translations mean. The table has columns word, translation, weight (the
weights of a word sum to 1) and texts (how many have the word), the words in order. Spanish texts are those of
``training.spanish``; another language names its own: ``--pairs train_parallel_tatoeba_en_de:foreign:en``.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from tiered_st.config import ChunkConfig
from training.lexicon_mining import Translation, mine_translations
from training.sources import Source
from training.spanish import PARALLEL
from training.write_table import write_table


def read_pairs(sources: Sequence[Source], data: Path) -> list[tuple[str, str]]:
    """Return the distinct (foreign text, English text) pairs of sources whose columns are English and foreign.

    Raises:
        ValueError: if a table or a column is missing.
    """
    pairs = ((foreign, english) for source in sources for english, foreign, _ in source.pairs(data))
    return list(dict.fromkeys(pairs))


def source_of(given: str) -> Source:
    """Return the source that NAME:FOREIGN:ENGLISH names.

    Raises:
        ValueError: if it has other parts.
    """
    parts = given.rsplit(":", 2)
    if len(parts) != 3 or not all(parts):
        raise ValueError(f"--pairs {given}: give NAME:FOREIGN:ENGLISH, a table and its columns of either language.")
    name, foreign, english = parts
    return Source(name, (english, foreign))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0].partition(":")[0] + ".")
    parser.add_argument("--data", type=Path, required=True, help="folder of the tables")
    parser.add_argument("--out", type=Path, required=True, help="parquet file to write")
    parser.add_argument("--pairs", action="append", metavar="NAME:FOREIGN:ENGLISH", help="a table; Spanish by default")
    parser.add_argument("--limit", type=int, default=0, help="pairs of texts read at most; 0 reads all")
    parser.add_argument("--fold-accents", action="store_true", help="read words as a model of fold_accents does")
    parser.add_argument("--own-letters", default="", help="accented letters that it leaves")
    for name, value, what in (
        ("rounds", 6, "of expectation maximisation"),
        ("top", 3, "most translations of a word"),
        ("least", 3, "texts that a word must be in"),
    ):
        parser.add_argument(f"--{name}", type=int, default=value, help=what)
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        reading = ChunkConfig(fold_accents=options.fold_accents, own_letters=options.own_letters)
        sources = [source_of(given) for given in options.pairs] if options.pairs else PARALLEL
        pairs = read_pairs(sources, options.data)
        pairs = pairs[: options.limit] if options.limit else pairs
        rows = mine_translations(
            pairs, rounds=options.rounds, top=options.top, least=options.least, reading=reading
        )  # fmt: skip
        columns = zip(*rows, strict=True) if rows else ((),) * len(Translation._fields)
        write_table(options.out, dict(zip(Translation._fields, columns, strict=True)))
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{options.out}: {len({row.word for row in rows}):,} words from {len(pairs):,} pairs of texts")
    return 0


if __name__ == "__main__":
    sys.exit(main())
