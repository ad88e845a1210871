"""What is encoded when speed is measured: real texts, none of them twice."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import cycle
from pathlib import Path

from benchmarks.texts.columns import read_columns
from tiered_st.demo.docstrings import stdlib_docstrings
from tiered_st.noise import add_typos, seeded

MIXED = "mixed"
MESSAGE, NEW = 15, 3  # words of a chat message, and how many of them are misspelt as no word was before
# A message, a tweet, a question, a caption-like sentence, a paragraph: what a collection of one application holds.
COLLECTION = (
    ("dev_banking77.parquet", "text"),
    ("dev_stsb_en_es.parquet", "s1"),
    ("dev_xquad_queries.parquet", "text"),
    ("dev_xquad_corpus.parquet", "text"),
)


@cache
def docstrings() -> tuple[tuple[str, str], ...]:
    """Return (name, text) of the standard library's docstrings; its sources are parsed once a process."""
    return tuple(stdlib_docstrings())


def texts_of(words: int, rate: float) -> Iterator[str]:
    """Yield texts of exactly ``words`` words without end, each read on from where the one before stopped.

    They are docstrings of the standard library; each non-space character is mistyped with probability ``rate``.
    """
    stream = (word for _, text in cycle(docstrings()) for word in text.split())
    for number, first in enumerate(stream):
        rest = [next(stream) for _ in range(words - 1)]
        yield add_typos(" ".join([first, *rest]), rate, seeded("speed", number))


def chat_messages() -> Iterator[tuple[str, str]]:
    """Yield (message, the same with `NEW` typos that no message before had) of `MESSAGE` words, without end."""
    seen: set[str] = set()
    for number, text in enumerate(texts_of(MESSAGE, 0.0)):
        words, random = text.split(), seeded("chat", number)
        places = [place for place, word in enumerate(words) if word.isalpha() and len(word) > 3]
        random.shuffle(places)
        left = NEW
        for place in places:
            typed = add_typos(words[place], 0.2, random)
            if left and typed != words[place] and typed not in seen:
                seen.add(typed)
                words[place], left = typed, left - 1
        if not left:
            yield text, " ".join(words)


def mixed_texts(data: Path | None, rate: float) -> Iterator[str]:
    """Yield texts of all lengths without end: of the kit's collections by turns, or whole docstrings without a kit."""
    if data is None:
        sources = [[text for _, text in docstrings()]]
    else:
        sources = [list(dict.fromkeys(text for (text,) in read_columns(data, *source))) for source in COLLECTION]
    streams = [cycle(texts) for texts in sources]
    for number, stream in enumerate(cycle(streams)):
        yield add_typos(next(stream), rate, seeded("speed", number))
