"""What has no glyph moves nothing, wherever it stands; what shapes its neighbours stays."""

from __future__ import annotations

import unicodedata
from functools import cache

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

import tiered_st
from tiered_st.text import SPACE, classify
from tiered_st.text.tokenizer import CharTokenizer, code_points, to_text

DEFAULT = CharTokenizer()
ZWNJ, ZWJ, AS_TEXT, AS_EMOJI = "\u200c", "\u200d", "\ufe0e", "\ufe0f"
SHAPING = {ZWNJ, ZWJ, AS_TEXT, AS_EMOJI, *map(chr, range(0xE0020, 0xE0080))}
PRINTED = {
    *map(chr, range(0x600, 0x606)),
    *"\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd",
}  # Cf, but with a glyph
RANGES = (  # no Cf: joiners of graphemes, fillers, vowels, selectors, unassigned
    (0x034F, 0x034F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x2060, 0x206F), (0x3164, 0x3164),
    (0xFE00, 0xFE0F), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFFB), (0xE0000, 0xE0000), (0xE0080, 0xE0081), (0xE0100, 0xE01EF),
    (0xE0FFF, 0xE0FFF),
)  # fmt: skip
TEXTS = {
    "Latin": "please reset my password, I forgot it", "accents": "où est la façade", "marks": "cafe\u0301 fac\u0327ade",
    "Cyrillic": "где моя посылка", "Greek": "πού είναι το δέμα μου", "Arabic": "أين طلبي الذي اشتريته أمس",
    "Persian": f"می{ZWNJ}خواهم کتاب{ZWNJ}ها را", "Hindi": f"मेरा पासवर्ड क्{ZWJ}ष है", "Bengali": "আমার পাসওয়ার্ড",
    "Malayalam": f"അവന്{ZWJ} വന്നു", "Tamil": "என் கடவுச்சொல்", "Thai": "ฉันลืมรหัสผ่าน ของฉัน", "Khmer": "ខ្ញុំភ្លេចពាក្យ",
    "Mongolian": "ᠮᠣᠩᠭᠣᠯ ᠪᠢᠴᠢᠭ", "Han": "我忘记了密码,请帮我", "Kana": "パスワードを忘れました", "Hebrew": "שָׁלוֹם שלי",
    "Korean": "비밀번호를 잊어버렸어요", "jamo": "\u1112\u1161\u11ab ㅋㅋㅋ",
    "emoji": f"happy 👩{ZWJ}👩{ZWJ}👧 🏳{AS_EMOJI}{ZWJ}🌈 ☂{AS_EMOJI} 👍🏽",
    "flags": "🇩🇪 🏴\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f 1\ufe0f\u20e3",
}  # fmt: skip


@cache
def invisible() -> list[str]:
    """Every sort of code point that has no glyph; of Unicode's own lists, not of the table under test."""
    listed = {chr(c) for first, last in RANGES for c in range(first, last + 1)}
    for char in map(chr, range(0x110000)):
        category = unicodedata.category(char)
        if category == "Cf" or (category == "Cc" and not char.isspace()):
            listed.add(char)
    return sorted(listed - PRINTED)


def normal(text: str) -> str:
    return to_text(DEFAULT.normalize(text))


@pytest.mark.parametrize("script", TEXTS)
def test_what_has_no_glyph_changes_nothing_in_any_place_of_any_script(script: str) -> None:
    text = TEXTS[script]
    chars = [char for char in invisible() if char not in SHAPING]
    for place in range(len(text) + 1):
        points, _ = DEFAULT.normalize_all([text[:place] + char + text[place:] for char in chars])
        assert set(to_text(points).split("\uffff")) == {normal(text), ""}, place


@pytest.mark.parametrize("script", TEXTS)
@pytest.mark.parametrize("char", [ZWNJ, ZWJ, AS_TEXT, AS_EMOJI, "\U000e0041", "\U000e007f"])
def test_what_may_shape_changes_nothing_at_the_edges_of_words(script: str, char: str) -> None:
    text = TEXTS[script]
    if script == "flags" or (script == "emoji" and char in (AS_TEXT, AS_EMOJI)):
        text = text.replace(" ", " and ") + "!"  # what follows an emoji may select or name it
    for place in [0, len(text), *(i + 1 for i, mark in enumerate(text) if mark == " ")]:
        assert normal(text[:place] + char + text[place:]) == normal(text), place


@pytest.mark.parametrize(
    "script", ["Latin", "accents", "Cyrillic", "Greek", "Thai", "Han", "Kana", "Hebrew", "Korean", "jamo"]
)
def test_what_may_shape_changes_nothing_inside_words_of_scripts_that_it_does_not_shape(script: str) -> None:
    text = TEXTS[script]
    for place in range(len(text) + 1):
        for char in SHAPING:
            assert normal(text[:place] + char + text[place:]) == normal(text), (place, char)


@pytest.mark.parametrize(
    "text",
    [
        f"می{ZWNJ}خواهم", f"ب{ZWJ}ب", f"क्{ZWNJ}ष", f"क्{ZWJ}ष", f"ශ්{ZWJ}රී", f"അവന്{ZWJ}", f"র্{ZWJ}য", f"ត{ZWNJ}ុ",
        f"👩{ZWJ}🔬", f"👩🏽{ZWJ}🔬", f"🏳{AS_EMOJI}{ZWJ}🌈", f"❤{AS_EMOJI}{ZWJ}🔥", f"🙂{ZWJ}↔{AS_EMOJI}",
        f"☂{AS_EMOJI}", f"☂{AS_TEXT}",
        f"©{AS_EMOJI}", f"1{AS_EMOJI}\u20e3", f"#{AS_EMOJI}\u20e3", "👍🏽", "🇩🇪",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    ],
)  # fmt: skip
def test_what_shapes_stays_and_counts_once(text: str) -> None:
    assert normal(text) == text
    assert to_text(DEFAULT.normalize_all([text, text])[0]) == f"{text}\uffff" * 2
    for char in {ZWNJ, ZWJ, AS_TEXT, AS_EMOJI} & set(text):
        assert normal(text.replace(char, char * 2)) == text
        assert normal(text.replace(char, "\u2066" + char + "\u200e")) == text


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (f"pass{ZWJ}word", "password"), (f"pass{AS_EMOJI}word", "password"), (f"5{AS_EMOJI} times", "5 times"),
        (f"می{ZWNJ}", "می"), (f"{ZWNJ}می", "می"), (f"செல்{ZWNJ}", "செல்"), (f"ب{ZWNJ} ب", "ب ب"), (f"ب{ZWJ}a", "بa"),
        (f"👩{ZWJ}", "👩"), (f"👩{ZWJ} 🔬", "👩 🔬"), (f"👩{ZWNJ}🔬", "👩🔬"), ("🏴\U000e0067\U000e0062", "🏴"),
        ("👍\U000e0067\U000e007f", "👍"), ("葛\U000e0100飾", "葛飾"), ("≨\ufe00", "≨"), ("e\u034f\u0301", "é"),
        ("\u1100\u200b\u1161", "가"), ("\u3164\uffa0\u115f", ""), (f"{ZWJ}{ZWNJ}{AS_EMOJI}", ""), ("", ""),
    ],
)  # fmt: skip
def test_what_does_not_shape_is_dropped(text: str, seen: str) -> None:
    assert normal(text) == seen


def test_neighbouring_texts_do_not_shape_each_other() -> None:
    texts = [f"👩{ZWJ}", "🔬", "☂", AS_EMOJI, f"ب{ZWNJ}", "ب"]
    assert to_text(DEFAULT.normalize_all(texts)[0]) == "👩\uffff🔬\uffff☂\uffff\uffffب\uffffب\uffff"


def test_nothing_is_dropped_where_the_filter_is_off() -> None:
    text = f"a{ZWJ}b\u3164{AS_EMOJI}\U000e0041\x00"
    assert to_text(CharTokenizer(None, filter_controls=False).normalize(text)) == text


@pytest.mark.parametrize("form", ["NFKC", "NFC"])
def test_normalising_makes_nothing_invisible(form: str) -> None:
    hidden = set(invisible())
    tokenizer = CharTokenizer(form)  # type: ignore[arg-type]
    points, _ = tokenizer.normalize_all([char for char in map(chr, range(0x110000)) if char not in hidden])
    assert not hidden & set(to_text(points))


@pytest.mark.parametrize(
    "blank", ["\t", "\n", "\x0b", "\x85", "\u1680", "\u2009", "\u2028", "\u2029", "\u3000", "\u2800"]
)
def test_every_blank_is_a_space(toy: SentenceTransformer, blank: str) -> None:
    assert (classify(code_points(blank)) == SPACE).all()
    texts = [f"a{blank}b", f"{blank}a {blank}b", f"a b{blank}", f"a{blank}{blank}b"]
    rows = toy[0].preprocess([*texts, "a b"])["input_ids"]
    assert all((row == rows[-1]).all() for row in rows)


@pytest.mark.parametrize("name", tiered_st.pretrained())
def test_a_shipped_model_reads_over_them(name: str) -> None:
    model = tiered_st.load(name, device="cpu")
    clean = "please reset my password"
    hidden = [f"please reset my pass{char}word" for char in (ZWJ, AS_EMOJI, "\u034f", "\U000e0041", "\u2067")]
    hidden += [clean + char for char in (ZWNJ, "\u200e", "\u200f", "\u180e", "\u061c", "\u3164", "\ufff9")]
    first, *others = model.encode([clean, *hidden])
    assert np.abs(others - first).max() < 1e-6
