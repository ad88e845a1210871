"""Noise of Spanish: its keyboard, accents, sounds, chats; what each does, and that seeds pin it."""

import random
import unicodedata

import pytest
from test_noise import GOLDEN, ODD, TEXT

from tiered_st.noise import (
    OPERATORS,
    SPANISH_CHAT,
    SPANISH_HOMOPHONES,
    NoisePolicy,
    Phrases,
    add_spanish_typos,
    add_typos,
    confuse_spanish_homophones,
    drop_accents,
    drop_all_accents,
    drop_opening_marks,
    misspell_by_sound,
    seeded,
    stretch_words,
    write_n_for_enye,
    write_spanish_chat,
)
from tiered_st.noise.keyboard import NEIGHBOURS, SPANISH_NEIGHBOURS

SPANISH = "¿Qué más habrá hecho José este año? ¡Jaja! Voy a ver la LLUVIA en Güines porque también quiero."
PINNED = {
    "accents": (0.5, "¿Que más habrá hecho Jose este año? ¡Jaja! Voy a ver la LLUVIA en Guines porque también quiero."),
    "all_accents": (
        1.0,
        "¿Que mas habra hecho Jose este año? ¡Jaja! Voy a ver la LLUVIA en Guines porque tambien quiero.",
    ),
    "stretches": (
        0.3,
        "¿Qué mááás habrá heeecho Josééé este año? ¡Jaja! Voy a veer la LLUVIA eeen Güines porque también quiero.",
    ),
    "es_typos": (
        0.2,
        "¿Qué más nabhrás hcrho José este año ¡Jaja! Vyo a ber la LLUVIA esn Güines proued tambiéj quieo.",
    ),
    "es_enye": (1.0, "¿Qué más habrá hecho José este ano? ¡Jaja! Voy a ver la LLUVIA en Güines porque también quiero."),
    "es_opening_marks": (
        0.7,
        "Qué más habrá hecho José este año? Jaja! Voy a ver la LLUVIA en Güines porque también quiero.",
    ),
    "es_sounds": (
        0.5,
        "¿Ké máz havrá hecho José hezte año? ¡Jaja! Voy a ber la YUBIA hen Guines porque también quiero.",
    ),
    "es_homophones": (
        1.0,
        "¿Qué más habrá echo José este año? ¡Jaja! Voy haber la LLUVIA en Güines porqué tan bien quiero.",
    ),
    "es_chat": (0.6, "¿K más habrá hecho José este año? ¡Jaja! Voy a ver la LLUVIA en Güines xq también kiero."),
}
SEEDS = range(200)


def outcomes(operator, text: str, rate: float = 1.0) -> set[str]:
    return {operator(text, rate, seeded(seed)) for seed in SEEDS}


def test_every_operator_is_pinned_here_or_there():
    assert set(OPERATORS) == set(GOLDEN) | set(PINNED)


@pytest.mark.parametrize("name", PINNED)
def test_spanish_operator_is_pinned_by_its_seed(name):
    operator, (rate, noisy) = OPERATORS[name], PINNED[name]
    assert operator(SPANISH, rate, seeded("golden", name)) == noisy
    assert operator(SPANISH, rate, random.Random(5)) == operator(SPANISH, rate, random.Random(5))


@pytest.mark.parametrize("name", PINNED)
def test_spanish_operator_keeps_text_at_rate_zero_and_changes_it_at_rate_one(name):
    for text in [SPANISH, TEXT, *ODD]:
        assert OPERATORS[name](text, 0.0, seeded(1)) == text
    assert OPERATORS[name](SPANISH, 1.0, seeded(1)) != SPANISH
    assert OPERATORS[name]("", 1.0, seeded(1)) == ""


def test_the_spanish_keyboard_is_the_english_one_but_for_its_own_key():
    others = {key for key in SPANISH_NEIGHBOURS if SPANISH_NEIGHBOURS[key] != NEIGHBOURS.get(key)}
    assert others == set("lpñLPÑ")
    assert all(key in SPANISH_NEIGHBOURS[near] for key, reads in SPANISH_NEIGHBOURS.items() for near in reads)
    for seed in SEEDS:
        spanish, english = (operator("quick fox", 0.5, seeded(seed)) for operator in (add_spanish_typos, add_typos))
        assert spanish == english
    assert any("ñ" in noisy for noisy in outcomes(add_spanish_typos, "lll", 0.9))
    assert not any("ñ" in noisy for noisy in outcomes(add_typos, "lp", 0.9))
    assert {"l", "p"} <= outcomes(add_spanish_typos, "ñ")
    assert set("wsdr") <= outcomes(add_spanish_typos, "é")


def test_accents_go_and_letters_stay():
    assert drop_accents("está ÉL güe çà ñ Ñ ß ø ł", 1.0, seeded(1)) == "esta EL gue ca ñ Ñ ß ø ł"
    decomposed = unicodedata.normalize("NFD", "está año mañana")
    assert unicodedata.normalize("NFC", drop_accents(decomposed, 1.0, seeded(1))) == "esta año mañana"
    assert drop_accents("й έ が \u0301", 1.0, seeded(1)) == "й έ が \u0301"  # other scripts, and a mark over nothing
    assert outcomes(drop_accents, "éé", 0.5) == {"éé", "eé", "ée", "ee"}
    assert outcomes(drop_all_accents, "éé", 0.5) == {"éé", "ee"}  # all or none
    lost = sum(drop_accents("é" * 100, 0.3, seeded(seed)).count("e") for seed in range(100))
    assert lost == pytest.approx(3000, abs=150)


def test_the_tilde_is_a_key_that_keyboards_lack():
    assert write_n_for_enye("año AÑO é", 1.0, seeded(1)) == "ano ANO é"
    assert write_n_for_enye(unicodedata.normalize("NFD", "año õ"), 1.0, seeded(1)) == "ano o\u0303"
    assert write_n_for_enye("\u0303", 1.0, seeded(1)) == "\u0303"


def test_opening_marks_go_and_closing_ones_stay():
    assert drop_opening_marks("¿Qué? ¡Sí!", 1.0, seeded(1)) == "Qué? Sí!"
    assert outcomes(drop_opening_marks, "¿¡", 0.5) == {"¿¡", "¿", "¡", ""}


@pytest.mark.parametrize(
    ("word", "others"),
    [
        ("vaca", {"baka"}), ("burro", {"vurro"}), ("hola", {"ola"}), ("Hola", {"Ola"}), ("ir", {"hir"}),
        ("IR", {"HIR"}), ("Ala", {"Hala"}), ("lluvia", {"yubia"}), ("yo", {"llo"}), ("queso", {"kezo"}),
        ("cena", {"sena", "zena"}), ("zeta", {"ceta", "seta"}), ("zorro", {"sorro"}), ("gente", {"jente"}),
        ("jinete", {"ginete"}), ("jamón", {"jamón"}), ("gato", {"gato"}), ("kilo", {"quilo"}), ("kaki", {"caqui"}),
        ("hueso", {"guezo", "güezo", "uezo"}), ("huaca", {"guaka", "uaka"}), ("agua", {"hahua"}),
        ("cigüeña", {"zihueña", "zigueña", "sihueña", "sigueña"}), ("noche", {"noshe"}), ("NOCHE", {"NOSHE"}),
        ("examen", {"hesamen", "hecsamen", "hejamen"}), ("Hué", {"Gué", "Güé", "Ué"}),
        ("pop", {"pop"}), ("rey", {"rey"}),
    ],
)  # fmt: skip
def test_sounds_are_written_in_their_other_ways(word, others):
    assert outcomes(misspell_by_sound, word) == others


def test_the_rate_of_sounds_is_per_place():
    changed = sum(misspell_by_sound("b" * 100, 0.3, seeded(seed)).count("v") for seed in range(100))
    assert changed == pytest.approx(3000, abs=150)


def test_words_are_drawn_out_at_their_end_or_at_a_vowel_and_laughs_by_syllables():
    drawn = outcomes(stretch_words, "hola")
    assert {"holaa", "holaaa", "holaaaa", "hoola", "hooola"} <= drawn and "hola" not in drawn
    assert outcomes(stretch_words, "jaja") == {"jajaja", "jajajaja", "jajajajaja"}
    assert outcomes(stretch_words, "Ja") == {"Jaja", "Jajaja", "Jajajaja"}
    assert outcomes(stretch_words, "he") == {"hee", "heee", "heeee"}  # a word, no laugh
    assert outcomes(stretch_words, "y") == {"yy", "yyy"}
    assert outcomes(stretch_words, "42 !") == {"42 !"}


def test_chats_abbreviate_words_and_phrases_whatever_their_accents():
    assert outcomes(write_spanish_chat, "¿Por qué?") == {"¿Xq?", "¿Pq?"}
    assert outcomes(write_spanish_chat, "por  favor") == {"xfa", "porfa", "x favor"}
    assert outcomes(write_spanish_chat, "TAMBIEN") == {"TMB", "TB"}
    assert write_spanish_chat("quemar aquel", 1.0, seeded(1)) == "quemar aquel"  # within words nothing is
    assert outcomes(write_spanish_chat, "más", 0.5) == {"más", "+"}


def test_homophones_join_and_split_and_never_end_as_they_were():
    assert outcomes(confuse_spanish_homophones, "Voy a ver") == {"Voy haber"}
    assert outcomes(confuse_spanish_homophones, "haber") == {"a ver"}
    assert outcomes(confuse_spanish_homophones, "ahí") == {"hay", "ay"}
    assert outcomes(confuse_spanish_homophones, "O sea,") == {"Osea,"}
    assert confuse_spanish_homophones("osea", 1.0, seeded(1)) == "osea"  # written, but not read
    assert outcomes(confuse_spanish_homophones, "por qué") == {"porque", "por que", "porqué"}


def test_tables_of_phrases_hold_nothing_that_stays_the_same():
    for phrases in (SPANISH_CHAT, SPANISH_HOMOPHONES):
        for phrase, ways in phrases.table.items():
            assert phrase == phrase.lower() and ways
            assert phrases(phrase, 1.0, seeded(phrase)) in {way for way in ways if way != phrase}
    assert Phrases({})("nada", 1.0, seeded(1)) == "nada"
    assert Phrases({"a+b": ["c"]})("a+b aab", 1.0, seeded(1)) == "c aab"
    with pytest.raises(ValueError, match="2"):
        SPANISH_CHAT("que", 2, seeded(1))


def test_a_mixture_chooses_the_spanish_keyboard_by_name():
    policy = NoisePolicy((("es_typos", 1.0),), rates=(1.0, 1.0))
    made = [policy.corrupt("ll", seeded(seed)) for seed in SEEDS]
    assert any("ñ" in noisy for noisy in made)
    assert made == [policy.corrupt("ll", seeded(seed)) for seed in SEEDS]
