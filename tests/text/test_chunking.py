"""Where chunks begin and end, what they look like, and that no character is lost between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from conftest import UNICODE
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tiered_st.config import TieredConfig
from tiered_st.text import (
    SPACE,
    ChunkType,
    LearnedChunker,
    WindowChunker,
    WordChunker,
    classify,
    make_chunker,
)
from tiered_st.text.tokenizer import FIRST_BYTE, FIRST_TYPE, CharTokenizer, code_points

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


# windows


def windows_of(*texts: str, window: int, stride: int | None = None) -> list[str]:
    points, _ = TOKENIZER.normalize_all(list(texts))
    chunks = WindowChunker(window, stride or window)(points, TOKENIZER.widths(points))
    whole = points.astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
    return [whole[a:b] for a, b in zip(chunks.starts.tolist(), chunks.ends.tolist(), strict=True)]


@pytest.mark.parametrize(
    ("text", "window", "stride", "expected"),
    [
        ("", 4, 4, []),
        ("a", 4, 4, ["a"]),
        ("abcd", 4, 4, ["abcd"]),
        ("abcdefghij", 4, 4, ["abcd", "efgh", "ij"]),
        ("abcdefghij", 4, 2, ["abcd", "cdef", "efgh", "ghij"]),
        ("abcdefghi", 4, 2, ["abcd", "cdef", "efgh", "ghi"]),
        ("abcdef", 4, 1, ["abcd", "bcde", "cdef"]),
        # spaces are characters, but a window of nothing else is left out
        ("a b  c", 3, 3, ["a b", "  c"]),
        ("ab      cd", 4, 4, ["ab  ", "cd"]),
        ("    \n\t", 2, 2, []),
        # glyphs stay whole: 😂 is four ids, я two
        ("abcdefg😂h", 8, 8, ["abcdefg", "😂h"]),
        ("яяяяя", 5, 5, ["яя", "яя", "я"]),
        ("яяяяя", 5, 3, ["яя"] * 4),
        ("a😂b", 2, 1, ["a", "😂", "b"]),
    ],
)
def test_windows_by_hand(text: str, window: int, stride: int, expected: list[str]) -> None:
    assert windows_of(text, window=window, stride=stride) == expected


def test_windows_start_anew_with_each_text() -> None:
    assert windows_of("abcde", "", "fg", " ", "hijkl", window=4) == ["abcd", "e", "fg", "hijk", "l"]
    assert windows_of("abcde", "fg", window=4, stride=2) == ["abcd", "cde", "fg"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("the cat", "WORD"), ("“The” cat", "CAPITALISED"), (" NASA US ", "ALL_CAPS"), ("(42) !", "NUMERIC"),
        ("... !", "PUNCTUATION"), ("  😂 !", "EMOJI"), ("😂 привет", "CYRILLIC"), ("1 你好", "HAN"),
    ],
)  # fmt: skip
def test_a_window_is_of_the_type_of_its_first_letter(text: str, kind: str) -> None:
    points = code_points(text)
    assert WindowChunker(40, 40)(points, TOKENIZER.widths(points)).types.tolist() == [ChunkType[kind]]


@given(st.lists(UNICODE, max_size=3), st.integers(1, 12), st.integers(1, 12))
def test_windows_miss_no_character_and_cross_no_text(texts: list[str], window: int, stride: int) -> None:
    stride = min(stride, window)
    points, breaks = TOKENIZER.normalize_all(texts)
    widths = TOKENIZER.widths(points)
    chunks = WindowChunker(window, stride)(points, widths)
    covered = np.zeros(len(points), dtype=int)
    for a, b in zip(chunks.starts.tolist(), chunks.ends.tolist(), strict=True):
        covered[a:b] += 1
        assert widths[a:b].sum() <= window or b == a + 1
    seen = classify(points) != SPACE
    assert (covered[seen] >= 1).all() and not covered[breaks].any()
    if stride == window:
        assert (covered[seen] == 1).all()


# learned boundaries


class Saying:
    """Stand in for a predictor: a chunk starts at the ids that a function chooses."""

    def __init__(self, starts: Callable[[int], NDArray[np.bool_]]) -> None:
        self.starts = starts
        self.spaced: list[int] = []

    def __call__(self, ids: Any, spaced: Any, texts: Any) -> Any:
        self.spaced = spaced.tolist()
        return np.where(self.starts(len(ids)), 1.0, -1.0)


def at(*places: int) -> Saying:
    return Saying(lambda count: np.isin(np.arange(count), places))


NEVER, ALWAYS = at(), Saying(lambda count: np.ones(count, dtype=bool))


def learned(predictor: Saying, *texts: str, max_ids: int = 31) -> list[str]:
    points, _ = TOKENIZER.normalize_all(list(texts))
    chunks = LearnedChunker(max_ids, TOKENIZER, predictor)(points, TOKENIZER.widths(points))
    if chunks.skipped is None:
        return []
    rows = []
    for a, b in zip(chunks.starts.tolist(), chunks.ends.tolist(), strict=True):
        rows.append(points[a:b][~chunks.skipped[a:b]].astype("<u4").tobytes().decode("utf-32-le", "surrogatepass"))
    return rows


@pytest.mark.parametrize(
    ("predictor", "texts", "expected"),
    [
        (NEVER, [""], []),
        (NEVER, [" \n", ""], []),
        (NEVER, ["a", "", " b"], ["a", "b"]),  # a text always starts a chunk
        (at(0, 5), ["hel lo world"], ["hello", "world"]),  # a space slipped in is no boundary
        (at(0, 5), ["helloworld"], ["hello", "world"]),  # and one dropped is still one
        (at(5), ["he", "llowo", "rld"], ["he", "llo", "wo", "rld"]),  # ids are counted over all texts
        (at(4), ["😂ab"], ["😂", "ab"]),
        (at(1, 2, 3), ["😂ab"], ["😂ab"]),  # never inside a glyph's bytes
        (ALWAYS, ["a b"], ["a", "b"]),
        (ALWAYS, ["cafe\u0301!"], ["c", "a", "f", "e\u0301", "!"]),
    ],
)
def test_learned_boundaries_by_hand(predictor: Saying, texts: list[str], expected: list[str]) -> None:
    assert learned(predictor, *texts) == expected


def test_a_predictor_that_never_cuts_still_gives_chunks_that_fit() -> None:
    assert learned(NEVER, "x" * 70) == ["x" * 31, "x" * 31, "x" * 8]
    assert learned(NEVER, "ab " * 5, max_ids=7) == ["abababa", "bab"]
    assert learned(NEVER, "a😂я😂", max_ids=7) == ["a😂я", "😂"]


def test_the_predictor_is_told_of_white_space() -> None:
    predictor = at()
    learned(predictor, "ab c", "d\u2003я", "", " e")
    assert predictor.spaced == [1, 0, 1, 1, 1, 0, 1]  # я is two ids


def test_what_the_predictor_learns_from_by_hand() -> None:
    points, _ = TOKENIZER.normalize_all(["ab, я", "", "c"])
    features = LearnedChunker(31, TOKENIZER, NEVER).training_features(points)
    ids = TOKENIZER.encode("ab,яc").tolist()
    assert {name: values.tolist() for name, values in features.items()} == {
        "boundary_chars": [ids[:5], [0] * 5, [ids[5], 0, 0, 0, 0]],
        "boundary_spaces": [[1, 0, 0, 1, 0], [0] * 5, [1, 0, 0, 0, 0]],
        "boundary_starts": [[1, 0, 1, 1, 0], [0] * 5, [1, 0, 0, 0, 0]],
    }
    assert {values.dtype for values in features.values()} == {np.dtype(np.int64)}


@given(st.lists(UNICODE, max_size=3), st.integers(7, 40), st.integers(0, 9))
def test_learned_chunks_hold_every_character_that_is_no_space_once(texts: list[str], max_ids: int, seed: int) -> None:
    predictor = Saying(lambda count: np.random.default_rng(seed).random(count) < seed / 9)
    points, breaks = TOKENIZER.normalize_all(texts)
    widths = TOKENIZER.widths(points)
    chunks = LearnedChunker(max_ids, TOKENIZER, predictor)(points, widths)
    covered = np.zeros(len(points), dtype=int)
    space = classify(points) == SPACE
    for a, b, kind in zip(chunks.starts.tolist(), chunks.ends.tolist(), chunks.types.tolist(), strict=True):
        covered[a:b] += 1
        assert widths[a:b][~space[a:b]].sum() <= max_ids
        assert ChunkType(kind) not in (ChunkType.BEGIN, ChunkType.FINISH)
    assert (covered[~space] == 1).all() and not covered[breaks].any()
    assert chunks.skipped is None or (chunks.skipped == space).all()


def test_a_learned_chunker_needs_a_predictor() -> None:
    with pytest.raises(ValueError, match="of a BoundaryPredictor"):
        make_chunker(TieredConfig(chunker="learned"), TOKENIZER)
