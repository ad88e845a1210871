"""Characters to ids and back: nothing is unknown, nothing is lost, nothing moves."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from conftest import UNICODE
from hypothesis import assume, given
from hypothesis import strategies as st

from tiered_st.text.tokenizer import (
    FIRST_BYTE,
    FIRST_CODE_POINT,
    FIRST_TYPE,
    PAD,
    SEPARATOR,
    VOCAB_SIZE,
    CharTokenizer,
    code_points,
    to_text,
)
from tiered_st.text.unicode_table import UNNORMALISED, unicode_table

EXACT = CharTokenizer(None, lowercase=False, filter_controls=False)
DEFAULT = CharTokenizer()


@given(UNICODE)
def test_every_string_round_trips_with_normalisation_off(text: str) -> None:
    ids = EXACT.encode(text)
    assert EXACT.decode(ids) == text
    assert ids.dtype == np.int64
    assert ((ids >= FIRST_BYTE) & (ids < VOCAB_SIZE)).all()  # never PAD, a special or a chunk type


@given(UNICODE)
def test_ids_of_any_setting_stay_in_the_table(text: str) -> None:
    for form in ("NFKC", "NFC", None):
        ids = CharTokenizer(form).encode(text)
        assert ((ids > PAD) & (ids < VOCAB_SIZE)).all()


def test_the_whole_bmp_and_beyond_round_trips() -> None:
    text = "".join(map(chr, [*range(0x10000), 0x10000, 0x1F602, 0x10FFFF]))
    assert EXACT.decode(EXACT.encode(text)) == text


def test_the_table_is_laid_out_as_saved_models_expect() -> None:
    assert (PAD, FIRST_TYPE, FIRST_BYTE, FIRST_CODE_POINT, VOCAB_SIZE) == (0, 4, 32, 288, 512)
    assert EXACT.encode(" ").tolist() == [288]
    assert EXACT.encode("a~").tolist() == [288 + 65, 288 + 94]
    assert EXACT.encode("\u00a0é").tolist() == [288 + 95, 288 + 95 + 0xE9 - 0xA1]  # the soft hyphen has no id


@pytest.mark.parametrize(
    ("char", "utf8"),
    [
        ("你", (0xE4, 0xBD, 0xA0)),
        ("😂", (0xF0, 0x9F, 0x98, 0x82)),
        ("\ud800", (0xED, 0xA0, 0x80)),
        ("я", (0xD1, 0x8F)),
        ("\x01", (0x01,)),
        ("\U0010ffff", (0xF4, 0x8F, 0xBF, 0xBF)),
    ],
)
def test_what_the_table_lacks_falls_back_to_utf8_bytes(char: str, utf8: tuple[int, ...]) -> None:
    assert EXACT.encode(char).tolist() == [FIRST_BYTE + byte for byte in utf8]
    assert EXACT.widths(code_points(char)).tolist() == [len(utf8)]


@given(UNICODE)
def test_widths_count_the_ids_of_each_code_point(text: str) -> None:
    points = code_points(text)
    widths = EXACT.widths(points)
    assert widths.shape == points.shape
    assert widths.sum() == len(EXACT.ids(points))
    parts = [EXACT.ids(points[i : i + 1]) for i in range(len(points))]
    assert [len(part) for part in parts] == widths.tolist()
    assert np.array_equal(np.concatenate([np.zeros(0, dtype=np.int64), *parts]), EXACT.ids(points))


def test_empty_text() -> None:
    assert EXACT.encode("").tolist() == [] and EXACT.encode("").dtype == np.int64
    assert EXACT.decode([]) == ""


# case


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("HeLLo", "hello"),
        ("ÉCOLE", "école"),
        ("ПРИВЕТ", "привет"),
        ("ΣΣ", "σσ"),
        ("İ", "i"),
        ("ẞ", "ß"),
        ("ß9!", "ß9!"),
    ],
)
def test_lower_casing_by_hand(text: str, folded: str) -> None:
    assert to_text(DEFAULT.fold(code_points(text))) == folded
    assert to_text(CharTokenizer(lowercase=False).fold(code_points(text))) == text


def test_lower_casing_is_one_to_one_on_every_code_point() -> None:
    points = np.arange(0x110000, dtype=np.uint32)
    folded = DEFAULT.fold(points)
    assert folded.shape == points.shape
    assert np.array_equal(DEFAULT.fold(folded), folded)


# normalisation


@pytest.mark.parametrize(
    ("form", "out"), [("NFKC", "fi1é"), ("NFC", "ﬁ①é"), (None, "ﬁ①e\u0301")]
)  # a ligature, a circled digit, a combining accent
def test_normal_forms(form: str | None, out: str) -> None:
    assert to_text(CharTokenizer(form).normalize("ﬁ①e\u0301")) == out


@pytest.mark.parametrize("char", ["\x00", "\x08", "\x7f", "\x9f", "\u00ad", "\u200b", "\u2060", "\ufeff"])
def test_controls_and_zero_width_characters_are_filtered(char: str) -> None:
    assert to_text(DEFAULT.normalize(f"a{char}b")) == "ab"
    assert to_text(EXACT.normalize(f"a{char}b")) == f"a{char}b"


@pytest.mark.parametrize("char", ["\t", "\n", "\r", "\x85", "\x1f"])
def test_white_space_among_the_controls_still_separates(char: str) -> None:
    assert to_text(DEFAULT.normalize(f"a{char}b")) == f"a{char}b"


@given(st.lists(UNICODE.map(lambda text: text.replace(chr(SEPARATOR), "")), max_size=5))
def test_normalising_together_equals_normalising_each(texts: list[str]) -> None:
    points, breaks = DEFAULT.normalize_all(texts)
    assert len(breaks) == len(texts)
    starts = [0, *(breaks[:-1] + 1).tolist()] if texts else []
    parts = [to_text(points[a:b]) for a, b in zip(starts, breaks.tolist(), strict=True)]
    assert parts == [to_text(DEFAULT.normalize(text)) for text in texts]


def test_a_text_that_holds_the_separator_does_not_shift_its_neighbours() -> None:
    points, breaks = DEFAULT.normalize_all([f"a{chr(SEPARATOR)}b", "", "c"])
    assert to_text(points) == "ab\uffff\uffffc\uffff"
    assert breaks.tolist() == [2, 3, 5]


def test_a_combining_mark_that_opens_a_text_stays_with_it() -> None:
    points, breaks = DEFAULT.normalize_all(["e", "\u0301a"])
    assert to_text(points) == "e\uffff\u0301a\uffff"
    assert breaks.tolist() == [1, 4]


@given(UNICODE)
def test_decoded_ids_are_the_normalised_text(text: str) -> None:
    assume(UNNORMALISED not in unicode_table().kinds(code_points(text)))  # there Pythons differ
    cased = CharTokenizer(lowercase=False, filter_controls=False)
    assert cased.decode(cased.encode(text)) == unicodedata.normalize("NFKC", text)


# decoding


def test_decode_skips_specials_and_types() -> None:
    assert EXACT.decode([0, 1, 2, 3, 4, 31, 353, 0]) == "a"


@pytest.mark.parametrize("ids", [[512], [-1], [353, 10_000]])
def test_decode_refuses_ids_outside_the_vocabulary(ids: list[int]) -> None:
    with pytest.raises(ValueError, match=r"\[0, 512\)"):
        EXACT.decode(ids)


@pytest.mark.parametrize("text", ["你", "a😂"])
def test_decode_says_when_a_glyph_was_cut(text: str) -> None:
    with pytest.raises(ValueError, match="cut inside a glyph"):
        EXACT.decode(EXACT.encode(text)[:-1])
