"""Suite `spanish`: Spanish pairs and questions as they are, mistyped, and as people write them on phones and in chats.

STS-B's dev pairs in Spanish (Spearman × 100, both sentences changed) and XQuAD's Spanish questions against clean
Spanish paragraphs (nDCG@10 × 100), under one change at a time:

- 5 %, 10 %, 20 %: characters mistyped on the Spanish keyboard.
- without accents: all of them, but for the tilde of ñ; "without accents or ñ" writes that as n.
- as on phones: lower case without accents, opening marks and the last full stop.
- as in chats: so, and abbreviated, written by sound, drawn out, with words for others that sound alike.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.peers import Candidate
from benchmarks.suite import Condition, Suite
from benchmarks.suites.retrieval import TypoRetrieval
from benchmarks.suites.sts import Pairs, SentencePairs
from benchmarks.texts.clean_and_noisy import CleanAndNoisy
from benchmarks.texts.spanish import mistyped_in, read_xquad_across
from benchmarks.texts.stsb import read_kit_pairs
from tiered_st.evaluation import digest
from tiered_st.noise import (
    confuse_spanish_homophones,
    drop_accents,
    drop_opening_marks,
    misspell_by_sound,
    seeded,
    stretch_words,
    write_n_for_enye,
    write_spanish_chat,
)

Change = Callable[[str, random.Random], str]
RATES = {"": 0.0, " 5 %": 0.05, " 10 %": 0.10, " 20 %": 0.20}
OF_WORDS = 0.3  # how many of what chats abbreviate, confuse or draw out
OF_SOUNDS = 0.05  # how many of the sounds that are written in several ways


def _on_phones(text: str, rng: random.Random) -> str:
    bare = drop_opening_marks(drop_accents(text.lower(), 1.0, rng), 1.0, rng)
    return bare.strip().removesuffix(".") or text


def _in_chats(text: str, rng: random.Random) -> str:
    noisy = text
    for operate in (confuse_spanish_homophones, write_spanish_chat):
        noisy = operate(noisy, OF_WORDS, rng)
    noisy = misspell_by_sound(noisy, OF_SOUNDS, rng)
    return _on_phones(stretch_words(noisy, OF_WORDS / 3, rng), rng)


# Whether it draws, and what it does.
CHANGES: dict[str, tuple[bool, Change]] = {
    ", without accents": (False, lambda text, rng: drop_accents(text, 1.0, rng)),
    ", without accents or ñ": (False, lambda text, rng: write_n_for_enye(drop_accents(text, 1.0, rng), 1.0, rng)),
    ", as on phones": (False, _on_phones),
    ", as in chats": (True, _in_chats),
}
NAMES = ("STS-B", "XQuAD")


class SpanishTexts:
    """Measure data sets as their own suites do, their texts as they are written in Spanish.

    Args:
        tasks: By the name of the one data set that each is asked for.
    """

    suite = "spanish"

    def __init__(self, tasks: Mapping[str, CleanAndNoisy]) -> None:
        self.tasks = dict(tasks)
        self.data = "; ".join(task.data for task in self.tasks.values())

    def conditions(self, seeds: int) -> list[Condition]:
        draws = {change: rate > 0 for change, rate in RATES.items()} | {c: drawn for c, (drawn, _) in CHANGES.items()}
        return [
            Condition(name + change, seed)
            for name in self.tasks
            for change, drawn in draws.items()
            for seed in range(seeds if drawn else 1)
        ]

    def seen(self, condition: Condition) -> list[str]:
        """Return the texts as the model sees them; what happens to text i depends on names, seed and i alone."""
        name, change = self._parts(condition)
        texts = list(self.tasks[name].texts(name))
        if change in RATES:
            return mistyped_in("es", f"{self.suite} {name}", texts, rate=RATES[change], seed=condition.seed)
        make = CHANGES[change][1]
        return [make(text, seeded(self.suite, condition.metric, condition.seed, i)) for i, text in enumerate(texts)]

    def checksum(self, condition: Condition) -> str:
        name, _ = self._parts(condition)
        return digest([*self.seen(condition), *self.tasks[name].fixed(name)])

    def score(self, model: Candidate, condition: Condition) -> float:
        name, _ = self._parts(condition)
        return self.tasks[name].measure(model, name, self.seen(condition), condition.seed)

    def _parts(self, condition: Condition) -> tuple[str, str]:
        """Return the data set and the change of a condition."""
        name = next(name for name in self.tasks if condition.metric.startswith(name))
        return name, condition.metric.removeprefix(name)


def load(data: Path | None) -> SpanishTexts:
    """Read the kit's Spanish pairs and paragraphs."""
    return SpanishTexts(
        {
            "STS-B": SentencePairs({"STS-B": Pairs(*read_kit_pairs(data, "es"), graded=True)}),
            "XQuAD": TypoRetrieval({"XQuAD": read_xquad_across(data, "es", "es")}),
        }
    )


SUITE = Suite(
    name="spanish",
    title="Spanish (STS-B: Spearman × 100, both sentences changed; XQuAD's questions: nDCG@10 × 100)",
    metrics=tuple(name + change for name in NAMES for change in (*RATES, *CHANGES)),
    load=load,
    retained=tuple((f"{name} 10 %", name) for name in NAMES),
    tall=True,
)
