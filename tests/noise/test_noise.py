"""Typo operators: what they do at the edges, that seeds pin them, and that rates mean what they say."""

import itertools
import random
import subprocess
import sys

import pytest

from tiered_st.noise import (
    OPERATORS,
    Misspellings,
    NoisePolicy,
    add_ocr_errors,
    add_typos,
    change_case,
    character_error_rate,
    delete,
    drop_spaces,
    insert,
    insert_spaces,
    replace_homoglyphs,
    seeded,
    slip_in_words,
    slip_once,
    strip_punctuation,
    substitute,
    transpose,
    write_leet,
)
from tiered_st.noise.keyboard import NEIGHBOURS
from tiered_st.noise.lookalikes import HOMOGLYPHS
from tiered_st.noise.ocr import OCR

TEXT = "The quick brown fox, aged 42, didn't jump over the modern café."
ODD = [
    "",
    "a",
    " ",
    "   \t\n",
    "🙂",
    "👩‍👩‍👧 ok",
    "\ud800",
    "a\ud800b",
    "e\u0301",
    "\u0301",
    "漢字仮名",
    "ß",
    "ll",
    "!",
    "\x00",
]

# 343 different sentences of ordinary English words, so that calibration needs no data file.
SENTENCES = [
    f"{subject} {verb} {rest}."
    for subject, verb, rest in itertools.product(
        ["The old man", "A young woman with a dog", "My neighbour", "Nobody in the town", "Her brother Tom",
         "The committee", "Every second student"],
        ["walked slowly towards", "had never heard about", "wrote a long letter about", "was looking for",
         "could hardly remember", "talked on the phone about", "paid too much for"],
        ["the house by the river", "what happened in 1985", "their new computer", "some bread and cheese",
         "a quiet place to read", "the government's plan to raise taxes", "music, films and other things"],
    )
]  # fmt: skip

GOLDEN = {
    "typos": (0.3, "TFhe quickm brown fkd, agesd 42, cidnt' ujjmp or the mkderrn cfagé."),
    "substitute": (0.3, "The quick vrkqn cpx, qgef 42, didndt uump lger tjr mkdedm czté."),
    "delete": (0.3, " quik rown fox, age 2, n ump ovr the or caf."),
    "insert": (0.3, "The quikckk brfownb fopx,, agewds 422,, didn't juumnp ovfer the molddewrn cafté."),
    "transpose": (0.3, "Teh quick brown ox,f aged 24, ddin't jupm over hte modenr caf.é"),
    "ocr": (0.3, "7be qvick bt0vvn foz, aqed 42, didn`t junnp over fbe moclcrn eaté."),
    "case": (1.0, "the quick brown fox, aged 42, didn't jump over the modern café."),
    "drop_spaces": (0.5, "Thequickbrown fox,aged 42, didn't jump over the moderncafé."),
    "insert_spaces": (0.3, "T he qu ic k b ro wn f ox , aged 42, d idn't jum p o ve r t he modern café."),
    "punctuation": (0.5, "The quick brown fox, aged 42 didnt jump over the modern café"),
    "homoglyphs": (
        0.3,
        "Th\u0435 quick brow\u0578 fox, \u0251\u0261ed 42, \u0501idn'7 \u0458um\u03c1 \u03bfver the modern café.",
    ),
    "leet": (0.3, "Th3 quick br0wn fox, ag3d 42, didn't jump over the modern c4fé."),
    "upper": (1.0, "THE QUICK BROWN FOX, AGED 42, DIDN'T JUMP OVER THE MODERN CAFÉ."),
    "lower": (1.0, "the quick brown fox, aged 42, didn't jump over the modern café."),
    "title": (1.0, "The Quick Brown Fox, Aged 42, Didn't Jump Over The Modern Café."),
    "one_slip": (1.0, "The quick brown fox, aged 42, didn't jump over the modern cafér."),
    "word_slips": (0.5, "The qick bronw fox, aged 42, diden't jump ovre the modern acfé."),
}
GOLDEN_SEED = 0.6093603293539113


def corpus_rate(operator, rate: float) -> float:
    """Measure Levenshtein edits per character of SENTENCES, spaces counted."""
    rng = seeded("calibration")
    edits = sum(character_error_rate(text, operator(text, rate, rng)) * len(text) for text in SENTENCES)
    return edits / sum(map(len, SENTENCES))


@pytest.mark.parametrize("name", GOLDEN)
def test_operator_keeps_text_at_rate_zero_and_changes_it_at_rate_one(name):
    for text in [TEXT, *ODD]:
        assert OPERATORS[name](text, 0.0, seeded(1)) == text
    assert OPERATORS[name](TEXT, 1.0, seeded(1)) != TEXT
    assert OPERATORS[name]("", 1.0, seeded(1)) == ""


@pytest.mark.parametrize("name", GOLDEN)  # those of Spanish: test_spanish_noise.py
def test_operator_is_pinned_by_its_seed(name):
    operator, (rate, noisy) = OPERATORS[name], GOLDEN[name]
    assert operator(TEXT, rate, seeded("golden", name)) == noisy
    assert operator(TEXT, rate, random.Random(5)) == operator(TEXT, rate, random.Random(5))


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan")])
def test_operator_names_the_rate_it_refuses(name, rate):
    with pytest.raises(ValueError, match=str(rate)):
        OPERATORS[name](TEXT, rate, seeded(1))


@pytest.mark.parametrize("name", OPERATORS)
def test_operator_takes_any_code_points(name):
    rng = seeded("fuzz", name)
    texts = ["".join(chr(rng.randrange(0x110000)) for _ in range(rng.randrange(1, 12))) for _ in range(200)]
    for text in texts + ODD:
        for rate in (5e-324, 0.3, 1.0):
            noisy = OPERATORS[name](text, rate, rng)
            assert isinstance(noisy, str) and len(noisy) <= 3 * len(text)


@pytest.mark.parametrize("name", ["typos", "substitute", "delete", "insert", "transpose", "ocr", "case", "homoglyphs"])
def test_white_space_is_left_to_the_space_operators(name):
    assert OPERATORS[name](" \t\n ", 1.0, seeded(1)) == " \t\n "


def test_one_character_always_gets_its_typo():
    for seed in range(50):
        assert add_typos("a", 1.0, seeded(seed)) not in ("a",)
        assert substitute("a", 1.0, seeded(seed)) in set("qwsz")
        assert insert("a", 1.0, seeded(seed)) in {"aa", "aq", "aw", "as", "az"}
        assert transpose("A", 1.0, seeded(seed)) in set("QWSZ")
    assert delete("a", 1.0, seeded(1)) == ""


def test_substitution_falls_back_to_base_letter_then_word_then_doubling():
    assert substitute("é", 1.0, seeded(1)) in NEIGHBOURS["e"]
    assert substitute("É", 1.0, seeded(1)) in NEIGHBOURS["E"]
    assert substitute("7", 1.0, seeded(1)) in {"6", "8"}
    assert substitute("山 川水", 1.0, seeded(1)) == "山山 水川"
    assert substitute("🙂 🙂🙂 \ud800", 1.0, seeded(1)) == "🙂🙂 🙂🙂🙂🙂 \ud800\ud800"


def test_transposition_takes_the_next_character_then_the_previous_then_a_neighbour_key():
    assert transpose("ab", 1.0, seeded(1))[0] == "b"  # the swap is not undone by the second character's
    assert transpose("ab", 1.0, seeded(1))[1] in NEIGHBOURS["a"]
    # 日 is swapped to the end, where it has no partner and no key: another character of its word.
    assert transpose("山 日月", 1.0, seeded(1)) == "山山 月月"
    assert "ll" not in transpose("ll", 1.0, seeded(1))
    swaps = {transpose("abc d", 0.3, seeded(seed)) for seed in range(200)}
    assert {"bac d", "acb d"} <= swaps and not any(" " not in swap for swap in swaps)


def test_tables_never_map_a_character_to_itself():
    for table in (NEIGHBOURS, OCR, HOMOGLYPHS):
        assert not [seen for seen, reads in table.items() if seen in reads or "" in reads or not reads]
    assert all(key in NEIGHBOURS[near] for key, reads in NEIGHBOURS.items() for near in reads)
    assert all(key.isdigit() == near.isdigit() for key, reads in NEIGHBOURS.items() for near in reads)


def test_typo_rate_is_per_character_and_kinds_are_equally_likely():
    assert 0.092 < corpus_rate(add_typos, 0.1) < 0.106
    spaces = sum(text.count(" ") for text in SENTENCES) / sum(map(len, SENTENCES))
    assert 1.14 < corpus_rate(add_typos, 0.1) / 0.1 / (1 - spaces) < 1.27
    for operator in (substitute, delete, insert):
        assert 0.95 < corpus_rate(operator, 0.1) / 0.1 / (1 - spaces) < 1.05
    rng = seeded(2)
    lengths = [len(add_typos("ab", 1.0, rng)) for _ in range(2000)]
    assert abs(sum(lengths) / len(lengths) - 2) < 0.06  # deletions and insertions balance


def test_ocr_rate_is_the_character_error_rate():
    assert 0.044 < corpus_rate(add_ocr_errors, 0.05) < 0.056


def test_ocr_reads_pairs_before_single_characters():
    assert {add_ocr_errors("rn", 1.0, seeded(seed)) for seed in range(50)} == {"m", "nn"}
    assert add_ocr_errors("cl", 1.0, seeded(1)) == "d"
    assert add_ocr_errors("vv", 1.0, seeded(1)) == "w"
    assert add_ocr_errors("漢字", 1.0, seeded(1)) == "漢字"


def test_change_case_reaches_every_case():
    cases = {change_case("the Cat", 1.0, seeded(seed)) for seed in range(300)}
    assert {"THE CAT", "the cat", "The Cat", "The cat"} <= cases and len(cases) > 8
    assert {case.lower() for case in cases} == {"the cat"}
    assert change_case("42 !", 1.0, seeded(1)) == "42 !"
    assert sum(change_case("abc", 0.25, seeded(seed)) != "abc" for seed in range(1000)) == pytest.approx(250, abs=45)


def test_spaces_punctuation_and_lookalikes_at_rate_one():
    assert drop_spaces("a b\tc ", 1.0, seeded(1)) == "abc"
    assert insert_spaces("abc d", 1.0, seeded(1)) == "a b c d"
    assert strip_punctuation("«Don't», he said… $5+1!", 1.0, seeded(1)) == "Dont he said 51"
    looks = {replace_homoglyphs("a", 1.0, seeded(seed)) for seed in range(100)}
    assert looks == {"4", "@", "\u0430", "\u0251"}


def test_leet_writes_digits_and_signs_only():
    assert {write_leet("aS", 1.0, seeded(seed)) for seed in range(100)} == {"45", "4$", "@5", "@$"}
    assert write_leet("few", 0.0, seeded(1)) == "few"


def test_one_slip_is_one_edit_of_the_text():
    for seed in range(200):
        noisy = slip_once("all a letter", 1.0, seeded(seed))
        assert noisy != "all a letter"
        assert 12 * character_error_rate("all a letter", noisy) in (1.0, 2.0)  # a transposition is two
    changed = sum(slip_once("abc", 0.25, seeded(seed)) != "abc" for seed in range(1000))
    assert changed == pytest.approx(250, abs=45)


def test_word_slips_change_every_chosen_word_once():
    for seed in range(100):
        noisy = slip_in_words("alpha bravo\tcharlie", 1.0, seeded(seed)).split()
        assert all(
            len(word) * character_error_rate(word, other) in (pytest.approx(1), pytest.approx(2))
            for word, other in zip(["alpha", "bravo", "charlie"], noisy, strict=True)
        )
    text = " ".join(["alpha"] * 1000)
    changed = sum(word != "alpha" for word in slip_in_words(text, 0.3, seeded(1)).split())
    assert changed == pytest.approx(300, abs=45)


PAIRS = [
    ("teh", "the"),
    ("recieve", "receive"),
    ("RECEVE", "receive"),
    ("Wensday", "Wednesday"),
    ("the", "The"),
    ("", "x"),
]


def test_misspellings_keep_the_case_of_the_word():
    noise = Misspellings([*PAIRS, ("fone", "iPhone")])
    assert len(noise) == 4
    assert noise("The the THE tHe other.", 1.0, seeded(1)) == "Teh teh TEH teh other."
    assert {noise("Receive", 1.0, seeded(seed)) for seed in range(30)} == {"Recieve", "Receve"}
    assert noise("wednesday, WEDNESDAY!", 1.0, seeded(1)) == "wensday, WENSDAY!"
    assert noise("iPhone", 1.0, seeded(1)) == "fone"
    assert noise("the cat", 0.0, seeded(1)) == "the cat" and noise("", 1.0, seeded(1)) == ""
    assert sum(noise("the", 0.3, seeded(seed)) == "teh" for seed in range(1000)) == pytest.approx(300, abs=45)
    assert len(Misspellings([])) == 0 and Misspellings([])(TEXT, 1.0, seeded(1)) == TEXT
    with pytest.raises(ValueError, match="2"):
        noise("the", 2, seeded(1))


def test_misspellings_read_parquet(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = {"misspelt": ["teh", "adn"], "correct": ["the", "and"], "human_list": [True, False]}
    path = tmp_path / "pairs.parquet"
    parquet.write_table(pyarrow.table(columns), path)
    assert Misspellings.from_parquet(path)("the and", 1.0, seeded(1)) == "teh adn"
    assert Misspellings.from_parquet(path, human_only=True)("the and", 1.0, seeded(1)) == "teh and"
    with pytest.raises(FileNotFoundError, match="absent"):
        Misspellings.from_parquet(tmp_path / "absent.parquet")
    parquet.write_table(pyarrow.table({"misspelt": ["teh"]}), path)
    with pytest.raises(ValueError, match="correct"):
        Misspellings.from_parquet(path)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"weights": (("typoes", 1.0),)}, "typoes"),
        ({"weights": (("typos", 0.6), ("ocr", 0.6))}, "1.2"),
        ({"weights": (("typos", -0.1),)}, "-0.1"),
        ({"weights": (("typos", 0.5), ("typos", 0.5))}, "once"),
        ({"weights": (("typos", 1.0),), "rates": (0.3, 0.1)}, "rates"),
        ({"weights": (("typos", 1.0),), "extra_case": 2.0}, "extra_case"),
        ({"weights": (("typos", 1.0),), "compound": -1.0}, "compound"),
    ],
)
def test_policy_refuses_what_is_no_mixture(fields, message):
    with pytest.raises(ValueError, match=message):
        NoisePolicy(**fields)


def test_policy_draws_operators_by_weight():
    policy = NoisePolicy((("delete", 0.25), ("misspellings", 0.5)), rates=(1.0, 1.0))
    noise, rng = Misspellings(PAIRS), seeded("policy")
    results = [policy.corrupt("the", rng, noise) for _ in range(2000)]
    counts = [results.count(result) for result in ("", "teh", "the")]
    assert counts == pytest.approx([500, 1000, 500], abs=80)
    with pytest.raises(ValueError, match="misspellings"):
        policy.corrupt("the", rng)


def test_policy_compounds_changes_case_and_repeats():
    assert NoisePolicy(()).corrupt("The", seeded(1)) == "The"
    assert NoisePolicy((("case", 1.0),), rates=(0.0, 0.0)).corrupt("The", seeded(1)) != "The"
    halved = NoisePolicy((("drop_spaces", 1.0),), rates=(0.5, 0.5), compound=1.0)
    left = sum(halved.corrupt(" " * 100, seeded(seed)).count(" ") for seed in range(100))
    assert left == pytest.approx(10_000 * 0.5 * 0.75, rel=0.05)
    cased = {NoisePolicy((), extra_case=1.0).corrupt("The Cat", seeded(seed)) for seed in range(100)}
    assert "the cat" in cased and "THE CAT" in cased and "The Cat" not in cased
    policy = NoisePolicy((("typos", 0.5), ("ocr", 0.5)), extra_case=0.2, compound=0.3)
    assert policy.corrupt(TEXT, seeded(7)) == policy.corrupt(TEXT, seeded(7))
    for text in ODD:
        assert isinstance(policy.corrupt(text, seeded(text)), str)


def test_character_error_rate():
    assert character_error_rate("", "") == 0.0
    assert character_error_rate("", "ab") == 2.0
    assert character_error_rate("abc", "") == 1.0
    assert character_error_rate("kitten", "sitting") == 0.5
    assert character_error_rate("ab", "ba") == 1.0  # a transposition is two edits


def test_seeded_tells_parts_apart_and_agrees_between_processes():
    parts = [
        (1,),
        ("1",),
        ("a", "b"),
        ("ab",),
        (1, 23),
        (12, 3),
        (),
        ("",),
        (-1,),
        (2**80,),
        ("\ud800",),
        ("i1:",),
    ]
    assert len({seeded(*part).random() for part in parts}) == len(parts)
    program = "from tiered_st.noise import seeded; print(seeded('epoch', 3).random())"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert float(answer) == seeded("epoch", 3).random() == GOLDEN_SEED
    with pytest.raises(TypeError):
        seeded(1.5)
