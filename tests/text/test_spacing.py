"""Spaces that were dropped, and spaces that slipped in, are read as they were meant; nothing else is read otherwise."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from conftest import UNICODE
from hypothesis import given
from hypothesis import strategies as st

from tiered_st.config import ChunkConfig
from tiered_st.text import Lexicon, TextReader, make_chunker
from tiered_st.text.chunk_text import ChunkText
from tiered_st.text.tokenizer import CharTokenizer

# The most frequent first, as far apart in rank as in a list of a language.
FREQUENT = "the of and to a in is you that it he was for on are as with his they i at be this have from"
USUAL = "man woman house playing guitar park cat dog people street another something again play paint"
RARE = ["kick", "starter", "reet", "alienate", "restaurant"]


def filler(count: int, start: int) -> list[str]:
    """Return words that no text here has."""
    letters = "qxzjvk"
    numbers = range(start, start + count)
    return ["".join(letters[n // 6**k % 6] for k in range(9)) for n in numbers]


LEXICON = Lexicon([*FREQUENT.split(), *filler(600, 0), *USUAL.split(), *filler(20_000, 600), *RARE])


def reader(lexicon: Lexicon | None = LEXICON, **settings: object) -> TextReader:
    config = ChunkConfig(**settings)  # type: ignore[arg-type]
    tokenizer = CharTokenizer.of(config)
    return TextReader(config, tokenizer, make_chunker(config, tokenizer)).spaced_by(lexicon)


def chunks(text: str, by: TextReader | None = None) -> list[str]:
    """Return the chunks of a text as they are read."""
    by = by or reader()
    rows = by.read([text]).input_ids[0]
    spell = ChunkText(by.settings, by.tokenizer)
    return [spell([row]) for row in rows[1:-1].tolist()]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("playingguitar", "playing guitar"),
        ("The catand thedog.", "The cat and the dog ."),
        ("themanis playing inthestreet", "the man is playing in the street"),
        ("PlayingGuitar #housecat", "Playing Guitar # house cat"),
        ("MANINTHEPARK", "MAN IN THE PARK"),
        ("the hou se", "the house"),
        ("a gui tar, a pa r k!", "a guitar , a park !"),
        ("peo\nple in t he street", "people in the street"),
    ],
)
def test_spaces_are_read_as_they_were_meant(text: str, read: str) -> None:
    assert chunks(text) == read.split()


@pytest.mark.parametrize(
    "text",
    [
        "the man in the park is playing a guitar again",  # all known
        "annother man, somehting in the restarant",  # a slip of one letter, not two words
        "the zyrvexa of the hosue",  # nothing that two words would be
        "Robert S and people",  # an initial
        "a way to play, on line",  # two words of the list stay two
        "kickstarter's pa'rk hou-se hou  se hou, se",  # no run of letters, or more than a space between
        "house3 hou3 se 3.5 🙂 hou 🙂 se",
        "дом исад", "家の庭", "ὁοἶκος",
    ],
)  # fmt: skip
def test_all_else_is_read_as_it_stands(text: str) -> None:
    assert chunks(text) == chunks(text, reader(None))


def test_words_are_cut_at_letters_of_any_case_and_keep_the_types_of_what_they_are() -> None:
    rows = reader().read(["PlayingGUITAR hou se", "x"]).input_ids[0]
    written = reader(None).read(["Playing GUITAR house", "x"]).input_ids[0]
    assert np.array_equal(rows, written)


def test_a_text_is_read_alike_whatever_it_is_read_with() -> None:
    texts = ["hou", "se playingguitar", "", "the hou", "se"]
    whole = reader().read(texts)
    for text, ids, mask in zip(texts, whole.input_ids, whole.attention_mask, strict=True):
        alone = reader().read([text]).input_ids[0]
        assert np.array_equal(alone, ids[: int(mask.sum())])  # no word is joined across two texts


def test_words_that_were_taught_stay_whole() -> None:
    by = reader()
    rows = reader(None).read(["kickstarter"]).input_ids[0, 1:-1]
    assert chunks("Kickstarter", by) == ["Kick", "starter"]
    by.keep_whole(rows)
    assert chunks("Kickstarter", by) == ["Kickstarter"] and chunks("playingguitar", by) == ["playing", "guitar"]
    assert chunks("kick starter", by) == ["kick", "starter"]  # two words of the list
    by.keep_whole([])
    assert chunks("Kickstarter", by) == ["Kick", "starter"]


def test_a_longer_text_is_cut_at_the_limit_of_what_is_read() -> None:
    rows = reader().read(["playingguitar " * 300], limit=12)
    assert rows.input_ids.shape[1] == 12 and rows.attention_mask.all()


@given(UNICODE)
def test_any_text_is_read_with_all_its_letters(text: str) -> None:
    spaced, plain = (by.read([text], limit=510).input_ids[0, 1:-1, 1:] for by in (reader(), reader(None)))
    assert np.array_equal(spaced[spaced > 0], plain[plain > 0])


@given(
    st.lists(st.sampled_from([*FREQUENT.split(), *USUAL.split(), "zyr", "x", "I", "A", ","]), max_size=12), st.data()
)
def test_no_letter_is_lost_and_none_comes_twice_whatever_spaces_are_missing(
    words: list[str], data: st.DataObject
) -> None:
    text = "".join(word + data.draw(st.sampled_from(["", " ", "  ", "\n"])) for word in words)
    spaced, plain = (by.read([text]).input_ids[0, 1:-1, 1:] for by in (reader(), reader(None)))
    assert np.array_equal(spaced[spaced > 0], plain[plain > 0])


def test_a_word_whose_letters_take_more_ids_than_a_chunk_holds_is_not_joined() -> None:
    long = "ế" * 14  # three ids each
    text = f"the {long[:8]} {long[8:]} of"
    assert chunks(text, reader(Lexicon(["the", "of", long]))) == ["the", long[:8], long[8:], "of"]


# the list


def test_a_list_is_what_it_was_after_packing_pickling_and_copying() -> None:
    packed = LEXICON.packed()
    assert packed.dtype == np.uint8 and len(packed) < 80_000
    for other in (Lexicon.unpacked(packed), pickle.loads(pickle.dumps(LEXICON)), copy.deepcopy(LEXICON)):
        assert list(other) == list(LEXICON)
        assert other.split("playingguitar") == LEXICON.split("playingguitar") == ((7,), pytest.approx(19.6, abs=0.05))


def test_a_list_takes_words_of_letters_alone_once_each() -> None:
    assert list(Lexicon(["the", "a b", "", "3d", "the", "x" * 25, "été"])) == ["the", "été"]
    empty = Lexicon([])
    assert not len(empty) and list(Lexicon.unpacked(empty.packed())) == [] and empty.split("playing")[0] == ()


def test_a_damaged_list_is_refused() -> None:
    with pytest.raises(ValueError, match=r"The list of words is damaged \(.*\): copy or download the model again"):
        Lexicon.unpacked(LEXICON.packed()[:-9])


def test_short_words_are_cut_off_where_they_are_frequent() -> None:
    assert LEXICON.is_piece("a") and LEXICON.is_piece("of") and not LEXICON.is_piece("x")
    rare = Lexicon([*filler(300, 0), "ab", "b", *filler(4_000, 400), "abc", "abcd"])
    assert not any(map(rare.is_piece, ("ab", "b", "abc"))) and rare.is_piece("abcd")
