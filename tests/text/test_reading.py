"""Reading works on whole batches at once; a reader that goes from character to character gives the same ids."""

from __future__ import annotations

import random
from itertools import chain

import numpy as np
import pytest
from conftest import _AWKWARD

from tiered_st.config import TieredConfig
from tiered_st.text import ChunkType, TextReader, make_chunker
from tiered_st.text.character_classes import (
    DIGIT,
    EMOJI,
    GREEK,
    HAN,
    KANA,
    LATIN,
    MARK,
    PUNCT,
    SPACE,
    SPLIT,
    THAI,
    classify,
)  # fmt: skip
from tiered_st.text.tokenizer import CharTokenizer, code_points, to_text
from tiered_st.text.unicode_table import CAPITAL, unicode_table

_PIECES = [*_AWKWARD, "HeLLO", "NASA", "Ⓜ", "é" * 20, "B2B", "3.14", "ab's", "\u3000"]
_WINDOWS = {HAN: 2, KANA: 3, THAI: 4, EMOJI: 4}


def random_texts(count: int) -> list[str]:
    """Return strings of pieces, of code points of the first blocks, and of any code points; a third is ASCII."""
    draw = random.Random(0)

    def piece() -> str:
        kind = draw.random()
        return draw.choice(_PIECES) if kind < 0.6 else chr(draw.randrange(0x250 if kind < 0.9 else 0x110000))

    texts = ["".join(piece() for _ in range(draw.randrange(40))) for _ in range(count)]
    return [text if i % 3 else "".join(filter(str.isascii, text)) for i, text in enumerate(texts)]


def group(classes: list[int], i: int) -> int:
    """Return what a character is of: neighbours of one group share a chunk."""

    def wordlike(at: int) -> bool:
        return 0 <= at < len(classes) and classes[at] >= DIGIT and classes[at] not in _WINDOWS

    if classes[i] == MARK and i and classes[i - 1] in (HAN, KANA, EMOJI):
        return classes[i - 1]
    if wordlike(i) or (classes[i] == PUNCT and wordlike(i - 1) and wordlike(i + 1)):
        return LATIN
    return PUNCT if classes[i] == SPLIT else classes[i]


def chunk_type(classes: list[int], upper: list[bool]) -> int:
    first, letters = classes[0], [c for c in classes if c >= LATIN]
    if first in (PUNCT, SPLIT):
        return ChunkType.PUNCTUATION
    if first == EMOJI:
        return ChunkType.EMOJI
    if first >= GREEK:
        return ChunkType.GREEK + first - GREEK
    if not letters and DIGIT in classes:
        return ChunkType.NUMERIC
    if sum(upper) >= 2 and sum(upper) == len(letters):
        return ChunkType.ALL_CAPS
    return ChunkType.CAPITALISED if upper[0] else ChunkType.WORD


def read(text: str, config: TieredConfig, tokenizer: CharTokenizer) -> list[list[int]]:
    """Return the rows of a text, from character to character, without padding."""
    points = tokenizer.normalize(text)
    classes = classify(points).tolist()
    upper = (unicode_table().looks(points) >= CAPITAL).tolist()
    ids = [tokenizer.ids(tokenizer.fold(points[i : i + 1])).tolist() for i in range(len(points))]
    groups = [group(classes, i) for i in range(len(points))]
    rows, start = [[int(ChunkType.BEGIN)]], 0
    while start < len(points):
        end = start
        while end < len(points) and groups[end] == groups[start]:
            end += 1
        window = (config.chunk_chars - 1) // max(len(ids[i]) for i in range(start, end))
        window = min(window, _WINDOWS.get(groups[start], window))
        for a in range(start, end if groups[start] != SPACE else start, window):
            b = min(a + window, end)
            rows.append([int(chunk_type(classes[a:b], upper[a:b])), *chain.from_iterable(ids[a:b])])
        start = end
    return [*rows[: config.max_chunks - 1], [int(ChunkType.FINISH)]]


@pytest.mark.parametrize(
    "changes",
    [{}, {"chunk_chars": 8}, {"max_chunks": 9}, {"lowercase": False, "normalization": None},
     {"fold_accents": True, "own_letters": "ñ", "ordinals": True}],
)  # fmt: skip
def test_rows_are_those_of_a_reader_that_goes_from_character_to_character(changes: dict) -> None:
    config = TieredConfig().replace(**changes)
    tokenizer = CharTokenizer.of(config)
    reader = TextReader(config, tokenizer, make_chunker(config, tokenizer))
    texts, draw = random_texts(500), random.Random(1)
    while texts:
        batch, texts = texts[: (size := draw.choice([1, 2, 7, 32]))], texts[size:]
        rows = reader.read(batch)
        expected = [read(text, config, tokenizer) for text in batch]
        longest = max(map(len, expected))
        ids = np.zeros((len(batch), longest, config.chunk_chars), dtype=np.int64)
        for text, own in enumerate(expected):
            for number, row in enumerate(own):
                ids[text, number, : len(row)] = row
        np.testing.assert_array_equal(rows.input_ids, ids)
        np.testing.assert_array_equal(rows.attention_mask, ids[:, :, 0] > 0)


@pytest.mark.parametrize("lowercase", [True, False])
def test_spelling_counts_the_ids_that_it_gives(lowercase: bool) -> None:
    tokenizer = CharTokenizer(lowercase=lowercase)
    every = np.array([point for point in range(0x3000) if not 0xD800 <= point < 0xE000], dtype=np.uint32)
    for points in (every, every[:0x7F], every[0x20:0x7F], code_points("𐐀é"), every[:0]):
        widths, ids = tokenizer.spell(points)
        folded = tokenizer.fold(points)
        np.testing.assert_array_equal(widths, tokenizer.widths(folded), err_msg=to_text(points[:9]))
        np.testing.assert_array_equal(ids, tokenizer.ids(folded))
