"""Noise that training never used: each kind by hand, seeded, rate-controlled, and harmless to odd texts."""

from __future__ import annotations

import random

import numpy as np
import pytest

from benchmarks.peers import Candidate
from benchmarks.suite import Condition
from benchmarks.suites.retrieval import TypoRetrieval
from benchmarks.suites.sts import Pairs, SentencePairs
from benchmarks.suites.unseen_noise import NOISES, SUITE, UnseenNoise, metric_of
from benchmarks.texts.collections import Collection
from benchmarks.texts.unseen import KINDS, MIXED, abbreviate, corrupt, mishear, spell_by_sound, swap_syllables
from benchmarks.texts.unseen.dvorak import NEIGHBOURS, type_on_dvorak
from benchmarks.texts.unseen.homophones import HOMOPHONES
from benchmarks.texts.unseen.syllables import syllables
from tiered_st.noise import OPERATORS, seeded
from tiered_st.noise.keyboard import NEIGHBOURS as QWERTY

OPERATE = {"dvorak": type_on_dvorak, "sound": spell_by_sound, "heard": mishear, "swap": swap_syllables,
           "texting": abbreviate}  # fmt: skip
TEXT = "People through the night could photograph a beautiful station, because their friends were listening."


class Draws(random.Random):
    """Gives the draws it is told, the last one for ever."""

    def __init__(self, *values: float) -> None:
        super().__init__()
        self.values = list(values)

    def random(self) -> float:
        return self.values.pop(0) if len(self.values) > 1 else self.values[0]


@pytest.mark.parametrize("name", list(OPERATE))
def test_noise_follows_seed_and_rate_and_leaves_odd_texts_whole(name: str) -> None:
    operate = OPERATE[name]
    assert operate(TEXT, 0.0, seeded(1)) == TEXT
    assert operate(TEXT, 0.5, seeded(1)) == operate(TEXT, 0.5, seeded(1)) != operate(TEXT, 0.5, seeded(2))
    changed = [sum(operate(TEXT, rate, seeded(i)) != TEXT for i in range(200)) for rate in (0.02, 0.2, 1.0)]
    assert changed[0] < changed[1] <= changed[2] == 200
    for text in ("", " ", "😂 \ud83d", "12 %", "a", "\n"):
        noisy = operate(text, 1.0, seeded(3))
        assert isinstance(noisy, str) and ("\ud83d" in text) <= ("😂" in noisy or name == "dvorak")
    with pytest.raises(ValueError, match="rate is a probability"):
        operate(TEXT, 1.5, seeded(1))


def test_no_operator_of_training_is_one_of_these() -> None:
    ours = {operate for operate, _ in KINDS.values()}
    assert not ours & set(OPERATORS.values()) and not set(KINDS) & set(OPERATORS)


def test_keys_lie_where_they_do_on_dvorak() -> None:
    assert (
        set(NEIGHBOURS["u"]) == set("eipyjk") and set(NEIGHBOURS["a"]) == {"o"} and set(NEIGHBOURS["S"]) == set("LNVZ")
    )
    assert all(key in NEIGHBOURS[other] for key, others in NEIGHBOURS.items() for other in others)
    both = {(a, b) for a in QWERTY for b in QWERTY[a] if a.islower() and a < b and b in NEIGHBOURS[a]}
    assert len(both) == 12


@pytest.mark.parametrize(
    ("draw", "expected"), [(0.0, "oo"), (0.249, "oo"), (0.25, "aoao"), (0.6, ""), (0.8, "")]
)  # substituted, inserted, left out, nothing to be swapped with
def test_an_edit_by_hand(draw: float, expected: str) -> None:
    assert type_on_dvorak("aa", 1.0, Draws(draw)) == expected


def test_letters_are_swapped_and_signs_doubled() -> None:
    assert type_on_dvorak("ab", 1.0, Draws(0.8, 0.6)) == "b"  # swapped, then what came behind is left out
    assert type_on_dvorak("!", 1.0, Draws(0.1)) == "!!" and type_on_dvorak("é", 1.0, Draws(0.3)) == "éé"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("night", "nit"), ("phone", "fone"), ("Through", "Thru"), ("PHONE", "FONE"), ("rough", "ruff"),
        ("knee", "nea"), ("station", "stashun"), ("dinner", "dina"), ("xyz 12", "xyz 12"),
    ],
)  # fmt: skip
def test_words_are_spelt_as_they_sound(text: str, expected: str) -> None:
    assert spell_by_sound(text, 1.0, Draws(0.0)) == expected


@pytest.mark.parametrize(
    ("word", "parts"),
    [("computer", ["com", "pu", "ter"]), ("station", ["sta", "tion"]), ("make", ["make"]), ("mother", ["mo", "ther"]),
     ("apple", ["apple"]), ("rhythm", ["rhythm"]), ("b", ["b"]), ("", [""])],
)  # fmt: skip
def test_syllables_by_rule(word: str, parts: list[str]) -> None:
    found = syllables(word)
    assert "".join(found) == word and found == parts


def test_neighbouring_syllables_change_places() -> None:
    assert swap_syllables("Computer, make STATION", 1.0, Draws(0.0)) == "Pucomter, make TIONSTA"


def test_what_is_misheard_by_hand() -> None:
    assert mishear("Their boat", 1.0, Draws(0.0)) == "There boat"  # one syllable at the end of a text stays
    assert mishear("look at the sky", 1.0, Draws(0.9)) == "looksky" and mishear("is it so", 1.0, Draws(0.9)) == "so"
    assert mishear("green grass", 1.0, Draws(0.9)) == "greengrass"
    assert mishear("green, grass", 1.0, Draws(0.9)) == "green, grass"  # nothing is run together over a comma
    assert mishear("computer", 1.0, Draws(0.4)) == "com puter"
    assert all(word in HOMOPHONES[other] for word, others in HOMOPHONES.items() for other in others)


def test_texting_by_hand() -> None:
    assert abbreviate("See you tomorrow, don’t forget the number", 1.0, Draws(0.0)) == "C u 2moro, dont frgt da no."
    assert abbreviate("aeiou able", 1.0, Draws(0.0)) == "au able"


def test_one_of_the_kinds_is_drawn_for_each_text() -> None:
    found = {corrupt("night computer you", MIXED, seeded("tests", i)) for i in range(60)}
    assert len(found) > 5
    with pytest.raises(KeyError):
        corrupt("a", "no such kind", seeded(1))


class Bag:
    """Embeds a text as its counts of letters."""

    def encode(self, texts: list[str], **options: object) -> np.ndarray:
        return np.array([[text.lower().count(chr(97 + i)) + 0.01 for i in range(26)] for text in texts])


def task() -> UnseenNoise:
    texts = ["the photograph of a night", "two people could listen", "their friends came", "a station"]
    documents = {str(i): text for i, text in enumerate(texts)}
    collection = Collection(documents, documents, {id: {id: 1.0} for id in documents})
    return UnseenNoise(
        {
            "STS-B": SentencePairs({"STS-B": Pairs(texts, texts[::-1], [3.0, 1.0, 2.0, 4.0], graded=True)}),
            "XQuAD": TypoRetrieval({"XQuAD": collection}),
        }
    )


def test_the_suite_measures_pairs_and_questions_under_every_kind() -> None:
    made = task()
    conditions = made.conditions(2)
    assert {condition.metric for condition in conditions} == set(SUITE.metrics)
    assert len(conditions) == 2 * (1 + 2 * len(NOISES)) and len({made.checksum(each) for each in conditions}) > 20
    model = Candidate("bag", Bag())
    assert made.score(model, Condition("XQuAD", 0)) == pytest.approx(100.0)
    noisy = Condition(metric_of("STS-B", "texting 50 %"), 1)
    assert made.seen(noisy) == made.seen(noisy) != made.seen(Condition("STS-B", 0))
    assert all(-100.0 <= made.score(model, condition) <= 100.0 for condition in conditions)
