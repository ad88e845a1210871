"""Where chunks begin and end, what they look like, and that no character is lost between them."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import UNICODE
from hypothesis import given
from hypothesis import strategies as st

from tiered_st.chunking import SPACE, ChunkType, WordChunker, classify
from tiered_st.tokenizer import FIRST_BYTE, FIRST_TYPE, CharTokenizer, code_points

TOKENIZER = CharTokenizer(None, lowercase=False, filter_controls=False)
ZWJ = "\u200d"


def chunks_of(text: str, max_ids: int = 31) -> list[tuple[str, ChunkType]]:
    points = code_points(text)
    chunks = WordChunker(max_ids)(points, TOKENIZER.widths(points))
    return [
        (text[a:b], ChunkType(kind))
        for a, b, kind in zip(chunks.starts.tolist(), chunks.ends.tolist(), chunks.types.tolist(), strict=True)
    ]


def cut(text: str, max_ids: int = 31) -> list[str]:
    return [chunk for chunk, _ in chunks_of(text, max_ids)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \t\n\u00a0\u2003", []),
        ("hello world", ["hello", "world"]),
        ("  hello\n\nworld ", ["hello", "world"]),
        # a single symbol inside a word stays in it
        ("don't", ["don't"]),
        ("o’clock", ["o’clock"]),
        ("hel!o", ["hel!o"]),
        ("a.b.c", ["a.b.c"]),
        ("x@y", ["x@y"]),
        # at an edge, doubled, or one of those that always split, it does not
        ("hello!", ["hello", "!"]),
        ("'tis", ["'", "tis"]),
        ("dogs'", ["dogs", "'"]),
        ("wait...what", ["wait", "...", "what"]),
        ("well-known", ["well", "-", "known"]),
        ("either/or", ["either", "/", "or"]),
        ("snake_case", ["snake", "_", "case"]),
        ("(a)", ["(", "a", ")"]),
        ("a—b", ["a", "—", "b"]),
        ("https://a.com/x?y=1", ["https", "://", "a.com", "/", "x?y", "=", "1"]),
        # numbers
        ("3.14", ["3.14"]),
        ("1,000", ["1", ",", "000"]),
        ("$5", ["$", "5"]),
        ("10km", ["10km"]),
        # scripts without spaces
        ("你好世界人", ["你好", "世界", "人"]),
        ("こんにちは", ["こんに", "ちは"]),
        ("漢字かな", ["漢字", "かな"]),
        ("สวัสดีครับ", ["สวัส", "ดีคร", "ับ"]),
        ("iPhoneを買う", ["iPhone", "を", "買", "う"]),
        ("안녕하세요 세계", ["안녕하세요", "세계"]),
        # emoji
        ("ok😂", ["ok", "😂"]),
        ("😂" * 6, ["😂" * 4, "😂" * 2]),
        (f"👩{ZWJ}🔬", [f"👩{ZWJ}🔬"]),
        ("☂️", ["☂️"]),
        # combining marks stay with their letter
        ("cafe\u0301 bar", ["cafe\u0301", "bar"]),
        ("漢\u0301", ["漢\u0301"]),
        ("नमस्ते", ["नमस्ते"]),
        ("\ud800", ["\ud800"]),
    ],
)
def test_cuts_by_hand(text: str, expected: list[str]) -> None:
    assert cut(text) == expected


@pytest.mark.parametrize(
    ("text", "lengths"),
    [("x" * 31, [31]), ("x" * 32, [31, 1]), ("x" * 100, [31, 31, 31, 7]), ("я" * 40, [15, 15, 10])],
)
def test_long_runs_are_cut_where_a_row_of_ids_is_full(text: str, lengths: list[int]) -> None:
    assert [len(chunk) for chunk in cut(text)] == lengths


def test_a_narrow_row_never_splits_a_glyph() -> None:
    assert cut("😂😂", max_ids=7) == ["😂", "😂"]
    assert cut("x" * 9, max_ids=7) == ["x" * 7, "xx"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("word", "WORD"), ("iPhone", "WORD"), ("2nd", "WORD"), ("Word", "CAPITALISED"), ("I", "CAPITALISED"),
        ("NASA", "ALL_CAPS"), ("B2B", "ALL_CAPS"), ("42", "NUMERIC"), ("3.14", "NUMERIC"), ("½", "NUMERIC"),
        ("!", "PUNCTUATION"), ("://", "PUNCTUATION"), ("€", "PUNCTUATION"), ("😂", "EMOJI"), ("☂", "EMOJI"),
        ("καλά", "GREEK"), ("привет", "CYRILLIC"), ("Привет", "CYRILLIC"), ("שלום", "HEBREW"), ("سلام", "ARABIC"),
        ("नमस्ते", "INDIC"), ("안녕", "HANGUL"), ("你好", "HAN"), ("𠀀", "HAN"), ("かな", "KANA"), ("ครับ", "THAI"),
        ("ⴰⵣ", "OTHER"), ("\ud800", "OTHER"),
    ],
)  # fmt: skip
def test_types_by_hand(text: str, kind: str) -> None:
    assert chunks_of(text) == [(text, ChunkType[kind])]


def test_type_ids_are_those_of_saved_models() -> None:
    assert [kind.value for kind in ChunkType] == list(range(FIRST_TYPE, FIRST_TYPE + 18))
    assert max(ChunkType) < FIRST_BYTE
    assert ChunkType.BEGIN == 4 and ChunkType.FINISH == 5 and ChunkType.OTHER == 21


@given(UNICODE, st.integers(7, 40))
def test_chunks_and_the_spaces_between_them_are_the_text(text: str, max_ids: int) -> None:
    points = code_points(text)
    widths = TOKENIZER.widths(points)
    chunks = WordChunker(max_ids)(points, widths)
    space = classify(points) == SPACE
    rebuilt, end = "", 0
    for a, b, kind in zip(chunks.starts.tolist(), chunks.ends.tolist(), chunks.types.tolist(), strict=True):
        assert end <= a < b
        assert space[end:a].all() and not space[a:b].any()
        assert widths[a:b].sum() <= max_ids
        assert ChunkType(kind) not in (ChunkType.BEGIN, ChunkType.FINISH)
        rebuilt += text[end:a] + text[a:b]
        end = b
    assert space[end:].all()
    assert rebuilt + text[end:] == text


@given(UNICODE)
def test_only_white_space_and_the_separator_are_space(text: str) -> None:
    space = classify(code_points(text)) == SPACE
    for char, is_space in zip(text, space.tolist(), strict=True):
        assert not char.isspace() or is_space
        assert not is_space or not char.isprintable() or char == " "


@given(UNICODE, UNICODE)
def test_a_chunk_never_reaches_across_a_space(left: str, right: str) -> None:
    assert cut(f"{left} {right}") == cut(left) + cut(right)


def test_arrays_are_int64_and_of_one_length() -> None:
    for text in ("", " ", "a b"):
        points = code_points(text)
        chunks = WordChunker(31)(points, TOKENIZER.widths(points))
        assert {a.dtype for a in (chunks.starts, chunks.ends, chunks.types)} == {np.dtype(np.int64)}
        assert len(chunks.starts) == len(chunks.ends) == len(chunks.types)
