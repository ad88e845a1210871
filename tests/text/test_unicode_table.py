"""One table of characters for every Python: made as it says, small, and whole."""

from __future__ import annotations

import hashlib
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from tiered_st.text.tokenizer import CharTokenizer, code_points, to_text
from tiered_st.text.unicode_table import CODE_POINTS, PATH, UNNORMALISED, UnicodeTable, unicode_table
from training import unicode_table as maker

EVERY = np.arange(CODE_POINTS, dtype=np.uint32)
DIGESTS = {  # of what shipped models' chunks hang on: a change of one moves vectors
    "properties": "25c382ef2609801e",
    "lower": "4ef872f9593b8a4c",
    "joining": "b50948915a6ed838",
    "emoji": "1d6f087873e41247",
}
NORMAL = {"NFKC": "a21380e0dcd51ccd", "NFC": "ba8bb2357a87d714"}  # of what every code point becomes


def digest(values: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(values, dtype=np.dtype(values.dtype).newbyteorder("<"))).hexdigest()[:16]


@pytest.mark.parametrize("field", DIGESTS)
def test_the_table_is_the_one_that_models_were_shipped_with(field: str) -> None:
    assert digest(getattr(unicode_table(), field)) == DIGESTS[field]


@pytest.mark.skipif(unicodedata.unidata_version != maker.VERSION, reason=f"needs Unicode {maker.VERSION}: Python 3.11")
def test_the_table_is_what_its_maker_gives(tmp_path: Path) -> None:
    made = maker.make()
    made.save(tmp_path / "table.npz")
    for table in (made, UnicodeTable.load(tmp_path / "table.npz")):
        assert table.version == unicode_table().version == maker.VERSION
        for own, committed in zip(table[1:], unicode_table()[1:], strict=True):
            assert own.dtype == committed.dtype and np.array_equal(own, committed)


def test_the_maker_refuses_another_unicode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unicodedata, "unidata_version", "99.0.0")
    with pytest.raises(RuntimeError, match=r"Unicode 99\.0\.0.*use Python 3\.11"):
        maker.make()


def test_the_table_is_small() -> None:
    assert PATH.stat().st_size < 20_000


@pytest.mark.parametrize("form", NORMAL)
def test_every_python_normalises_alike(form: str) -> None:
    tokenizer = CharTokenizer(form, filter_controls=False)  # type: ignore[arg-type]
    alone, _ = tokenizer.normalize_all([chr(c) for c in range(CODE_POINTS)])
    marks = [
        chr(c)
        for c in (*range(0x0300, 0x0370), *range(0x0590, 0x05D0), *range(0x0898, 0x08D4), 0x1DFA, 0x1ACE, 0x11070)
    ]
    pairs, _ = tokenizer.normalize_all([f"a{mark}{other}o" for mark in marks for other in marks])
    assert digest(np.concatenate([alone, pairs])) == NORMAL[form]


@pytest.mark.parametrize("char", ["\U0001e030", "\U000107a5", "\ua7f2", "\U0001ccd6", "\u0378", "\U00011070"])
def test_what_only_some_pythons_normalise_is_left_as_it_is(char: str, monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = unicodedata.normalize
    monkeypatch.setattr(unicodedata, "normalize", lambda form, text: genuine(form, text.replace(char, "moved")))
    assert to_text(CharTokenizer().normalize(f"ﬁ {char}①{char}")) == f"fi {char}1{char}"


@pytest.mark.skipif(unicodedata.unidata_version != "13.0.0", reason="needs Unicode 13: Python 3.10")
def test_what_the_oldest_python_does_not_know_is_not_normalised() -> None:
    unknown = np.array([unicodedata.category(chr(c)) == "Cn" for c in range(CODE_POINTS)])
    for first, last in maker.NEW_TO_NORMALISERS:
        assert unknown[first : last + 1].all()
        assert (unicode_table().kinds(EVERY[first : last + 1]) == UNNORMALISED).all()


def test_ordinary_text_is_normalised_as_ever() -> None:
    for text in ("ﬁ①e\u0301", "ＡＢＣ ｶﾞ", "각 \u1112\u1161\u11ab", "Å Ω", "ṩ̇"):
        for form in ("NFKC", "NFC"):
            expected = code_points(unicodedata.normalize(form, text))
            assert np.array_equal(CharTokenizer(form).normalize(text), expected)  # type: ignore[arg-type]
