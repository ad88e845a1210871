"""Suite `long` by hand: what is a body, what is cut, and what windows of a text come to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from conftest import make_model

from benchmarks.peers import Candidate
from benchmarks.suite import Condition
from benchmarks.suites.long import WORDS, ReadLengths, asked_by, best_of, reading, sampled, titles_and_bodies, without
from benchmarks.texts.collections import Collection
from benchmarks.texts.windows import mean_of, windows_of
from training import english
from training.write_table import write_table


class Letters:
    """Reads one letter a token, as many as it is told, and embeds a text by its counts of a, b and c."""

    revision, max_seq_length = "r", 100

    def tokenizer(self, text: str, **options: Any) -> dict[str, list[tuple[int, int]]]:
        return {"offset_mapping": [(i, i + 1) for i in range(len(text))]}

    def encode(self, texts: Sequence[str], **options: Any) -> np.ndarray:
        read = [text[: self.max_seq_length] for text in texts]
        return np.array([[text.count(letter) + 1e-9 for letter in "abc"] for text in read], dtype=np.float32)


def candidate() -> Candidate:
    return Candidate("letters", Letters())


def test_a_text_is_cut_behind_so_many_tokens_without_the_marks() -> None:
    vectors, first = windows_of(candidate(), ["aaabbbc", "", "cc"], 5)  # three letters and two marks
    assert first == [0, 3, 4]
    expected = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [3**-0.5] * 3, [0, 0, 1]]
    assert vectors == pytest.approx(np.array(expected), abs=1e-6)


def test_a_model_without_a_tokenizer_reads_a_text_as_one_window() -> None:
    plain = SimpleNamespace(revision="r", encode=Letters().encode)
    assert windows_of(Candidate("plain", plain), ["aaabbb", "b"], 5)[1] == [0, 1]


def test_our_windows_are_as_long_as_asked_and_of_unit_length() -> None:
    toy = Candidate("toy", make_model())
    vectors, first = windows_of(toy, ["a river runs " * 20, "six"], 22)
    assert first[0] == 0 and first[1] == len(vectors) - 1 >= 3  # 60 words in windows of 20 at most
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)


def test_the_mean_of_windows_has_unit_length_and_the_best_is_each_documents_own() -> None:
    windows = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    assert mean_of(windows, [0, 2]) == pytest.approx(np.array([[0.5**0.5, 0.5**0.5], [0.0, -1.0]]))
    assert best_of(np.array([[0.1, 0.9, 0.4], [0.3, 0.2, -1.0]]), [0, 2]).tolist() == [[0.9, 0.4], [0.3, -1.0]]


def collection() -> Collection:
    """Of one letter each: what is asked for by "b" has it behind 40 others."""
    return Collection({"q": "b"}, {"1": "a" * 40 + "b" * 60, "2": "a"}, {"q": {"1": 1.0}})


@pytest.mark.parametrize(("metric", "second"), [("Wikipedia@32", True), ("Wikipedia@64", False)])
def test_what_lies_behind_the_length_is_not_found(metric: str, second: bool) -> None:
    """Cut before it, both documents are alike, and of a tie the first is first: so the right one comes second here."""
    given = collection()
    given = given._replace(corpus=dict(reversed(given.corpus.items())))
    letters = candidate()
    found = ReadLengths({"Wikipedia": given}).score(letters, Condition(metric, 0))
    assert found == pytest.approx(100 / np.log2(3) if second else 100.0)
    assert letters.model.max_seq_length == 100  # as it was


def test_windows_find_what_lies_anywhere() -> None:
    suite = ReadLengths({"Wikipedia": collection()})
    for way in ("mean", "best"):
        assert suite.score(candidate(), Condition(f"Wikipedia@48, windows: {way}", 0)) == 100.0


def test_only_models_that_can_be_told_how_far_to_read_take_part() -> None:
    suite = ReadLengths({"Wikipedia": collection()})
    whole = Candidate("whole", SimpleNamespace(revision="r", encode=Letters().encode))
    assert suite.takes(candidate()) and not suite.takes(whole)
    assert not suite.takes(Candidate("toy", make_model()))  # its positions end before
    with pytest.raises(ValueError, match="cuts no text"), reading(whole, 8):
        pass


def test_bodies_are_long_enough_and_do_not_open_with_their_title() -> None:
    found = titles_and_bodies([("A b", "# A B\none two three"), ("C", "one"), ("D", None), ("", "one two three")], 3)
    assert found.queries == {"00000": "A b"} and found.corpus == {"00000": "one two three"}
    assert found.qrels == {"00000": {"00000": 1.0}}
    assert without("Rivers", "Lakes and rivers") == "Lakes and rivers"


def test_a_sample_keeps_what_is_asked_of_it_and_cuts_bodies() -> None:
    corpus = {str(i): "word " * (WORDS + 9) for i in range(9)}
    whole = Collection({"q": "x", "no": "y"}, corpus, {"q": {str(i): 1.0 for i in range(9)}, "no": {"0": 0.0}})
    found = sampled(whole, "XQuAD", 4)
    assert len(found.corpus) == 4 and {len(text.split()) for text in found.corpus.values()} == {WORDS}
    assert list(found.queries) == ["q"] and set(found.qrels["q"]) == set(found.corpus)
    assert found == sampled(whole, "XQuAD", 4) != sampled(whole, "CISI", 4)


def test_training_reads_no_article_that_is_asked_for(tmp_path: Path) -> None:
    held, other = english.HELD_OUT[7], "Of this test"
    rows = [(held, "held " * 300), (other, "read " * 300)]
    table = {"title": [title for title, _ in rows], "text": [text for _, text in rows], "source": ["s", "s"]}
    write_table(tmp_path / "docs_wikipedia_en.parquet", table)
    asked = asked_by(titles_and_bodies(rows, 300), english.HELD_OUT)
    assert list(asked.queries.values()) == [held] and set(asked.qrels) == set(asked.corpus) == set(asked.queries)
    for source in (english.ARTICLES, *english.TRANSLATED_ARTICLES):
        assert " ".join(source.texts(tmp_path)).split() == ["read"] * 280  # 20 words are too few for a passage
    with pytest.raises(ValueError, match="None of the 1 long articles"):
        asked_by(titles_and_bodies(rows[1:], 300), english.HELD_OUT)
    assert len(set(english.HELD_OUT)) == 150
