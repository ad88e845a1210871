"""What the demo searches, by language: docstrings in English, a shop's help pages in Spanish."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from tiered_st.demo.docstrings import stdlib_docstrings
from tiered_st.demo.spanish import QUESTIONS as SPANISH_QUESTIONS
from tiered_st.demo.spanish import TEXTS
from tiered_st.model import DEFAULT_MODEL

QUESTIONS = (  # misspelt, spelt correctly
    ("delte a directroy and evrything insde it", "delete a directory and everything inside it"),
    ("fidn the diffrences betwen two txet fiels", "find the differences between two text files"),
    ("avrage of a lsit of nubmers", "average of a list of numbers"),
    ("compres a fiel with gzpi", "compress a file with gzip"),
    ("run a comand in a sub proces and captrue its otuput", "run a command in a subprocess and capture its output"),
    ("dowload a web paeg form a ulr", "download a web page from a url"),
)


class Subject(NamedTuple):
    """What is asked, of what.

    Attributes:
        model: the shipped model that reads it.
        what: the texts in short.
        whose: where they are from.
        name: part of the folder that keeps their index; says what it holds.
        questions: pairs of a question as it is typed and spelt correctly.
        texts: gives pairs of a name and a text.
    """

    model: str
    what: str
    whose: str
    name: str
    questions: Sequence[tuple[str, str]]
    texts: Callable[[], Iterable[tuple[str, str]]]


_DIGEST = f"{zlib.crc32(repr(TEXTS).encode()):08x}"  # an index of other texts than these is not found

SUBJECTS = {
    "en": Subject(
        DEFAULT_MODEL, "docstrings", f"of Python {sys.version.split()[0]}'s standard library",
        f"python{'.'.join(map(str, sys.version_info[:3]))}", QUESTIONS, stdlib_docstrings,
    ),
    "es": Subject(
        "en-es", "Spanish texts", "of a shop's help pages", f"spanish-{_DIGEST}", SPANISH_QUESTIONS, TEXTS.items
    ),
}  # fmt: skip
