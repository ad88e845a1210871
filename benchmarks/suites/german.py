"""Suite `german`: sentences of news in English or German and their translations: what a third language comes to.

NTREX: recall@1, in per cent, of a sentence's translation among 1,997, as in suite `cross_lingual`. Sentences are clean,
then mistyped at 10 %; what is found is clean.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.suite import Suite
from benchmarks.suites.cross_lingual import LANGUAGES, CrossLingual
from benchmarks.texts.clean_and_noisy import metrics_of, retained_of
from benchmarks.texts.spanish import read_ntrex

NAMES = {"NTREX de→en": ("de", "en"), "NTREX en→de": ("en", "de")}


class German(CrossLingual):
    """Find translations across English and German."""

    suite = "german"


def load(data: Path | None) -> German:
    """Read the kit's parallel sentences."""
    return German(
        {name: read_ntrex(data, LANGUAGES[asked], LANGUAGES[found]) for name, (asked, found) in NAMES.items()}
    )


SUITE = Suite(
    name="german",
    title="Across English and German, sentences mistyped at 10 % (NTREX: recall@1, %)",
    metrics=metrics_of(*NAMES),
    load=load,
    retained=retained_of(*NAMES),
)
