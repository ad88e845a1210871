"""The baselines of the benchmarks: each is reached by its name and does what it says, on models made in memory."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from conftest import make_model
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from small_bert import save_bert

import tiered_st
from benchmarks import peers
from benchmarks.cpu import instruction_sets
from benchmarks.peers import BASELINES, Candidate, Unavailable, resolve, split
from benchmarks.peers.bm25 import BM25
from benchmarks.peers.hashed_ngrams import DIMENSION, HashedNgrams, ngrams
from benchmarks.peers.int8 import int8
from benchmarks.peers.optional import need
from benchmarks.peers.shuffled import shuffle_weights
from benchmarks.peers.spell_checked import PAIRS, WORDS, SpellChecked
from benchmarks.peers.static import static, zipf_weights
from benchmarks.suite import Condition
from benchmarks.suites.retrieval import TypoRetrieval
from benchmarks.texts.collections import Collection
from training.baselines.fine_tuned import build_fine_tuned

FREQUENCIES = [("the", 1_000_000), ("river", 60), ("station", 40)]


@pytest.fixture(scope="module")
def wordpieces(tmp_path_factory: pytest.TempPathFactory) -> SentenceTransformer:
    """A wordpiece model whose vocabulary is in order of frequency behind its marks, as BERT's is."""
    folder = tmp_path_factory.mktemp("bert")
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", "the", "of", "river", "station", "bank"]
    save_bert(
        folder, pieces, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=32,
    )  # fmt: skip
    return SentenceTransformer(modules=[Transformer(str(folder)), Pooling(16, "mean")], device="cpu")


class Echo:
    """Keeps what it was asked to embed."""

    def encode(self, texts: list[str], **options: object) -> np.ndarray:
        self.read = list(texts)
        return np.ones((len(texts), 2), dtype=np.float32)


# names


def test_every_baseline_is_named_in_the_help_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    from benchmarks import run

    with pytest.raises(SystemExit):
        run.main(["--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert all(name in said for name in BASELINES)


def test_a_baseline_that_is_not_trained_says_how_to_train_it(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "RUNS", tmp_path)
    with pytest.raises(ValueError, match=r"python -m training\.run minilm_noise --data DIR --out"):
        resolve("minilm-noise")


def test_a_name_on_the_hub_is_of_either_kind(
    wordpieces: SentenceTransformer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock, ours = tmp_path / "stock", tmp_path / "ours"
    wordpieces.save(str(stock))
    make_model().save(str(ours))
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda name, **options: str(tmp_path / name[6:]))
    monkeypatch.setattr(peers, "SentenceTransformer", lambda name: SentenceTransformer(str(tmp_path / name[6:])))
    for folder in (stock, ours):
        found = resolve(f"owner/{folder.name}")
        assert found.name == f"owner/{folder.name}"
        expected = SentenceTransformer(str(folder), trust_remote_code=True).encode(["the river"])
        np.testing.assert_allclose(found.model.encode(["the river"]), expected, atol=1e-6)


def test_a_missing_package_is_named_with_the_way_to_get_it() -> None:
    with pytest.raises(ValueError, match=r"bm25 needs no_such_module.*pip install"):
        need("no_such_module", of="bm25")


def test_shuffled_weights_are_the_same_in_other_places(wordpieces: SentenceTransformer) -> None:
    broken = copy.deepcopy(wordpieces)
    shuffle_weights(broken)
    for (name, before), after in zip(wordpieces.named_parameters(), broken.parameters(), strict=True):
        assert torch.equal(before.flatten().sort().values, after.flatten().sort().values)
        assert torch.equal(before, after) == (before.unique().numel() == 1), name
    again = copy.deepcopy(wordpieces)
    shuffle_weights(again)
    assert np.array_equal(broken.encode(["the river"]), again.encode(["the river"]))


# spelling


@pytest.fixture(scope="module")
def speller(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., SpellChecked]:
    """A spell-checker that knows a few words: symspellpy's own dictionaries take seconds to load."""
    pytest.importorskip("symspellpy")
    folder = tmp_path_factory.mktemp("dictionaries")
    words = ["the 900", "is 300", "in 200", "river 60", "station 40", "deep 20"]
    (folder / WORDS).write_text("\n".join(words) + "\n", encoding="utf-8")
    (folder / PAIRS).write_text("the river 50\nis deep 10\n", encoding="utf-8")
    return lambda way="words", model=None: SpellChecked(model or Echo(), way=way, folder=folder)


def test_words_are_corrected_and_all_else_stays(speller: Callable[..., SpellChecked]) -> None:
    echo = Echo()
    speller(model=echo).encode(["The rivver  in 1997, a STAITON!", "", "😂 x"])
    assert echo.read == ["The river  in 1997, a STATION!", "", "😂 x"]


def test_compound_correction_joins_and_splits_words(speller: Callable[..., SpellChecked]) -> None:
    assert list(speller("compound").correct(["theriver isdeep", ""])) == ["the river is deep", ""]


def test_ways_of_correcting_are_told_apart_in_the_results(speller: Callable[..., SpellChecked]) -> None:
    one, other, again = (Candidate("c", speller(way)) for way in ("words", "compound", "words"))
    assert one.revision == again.revision != other.revision
    with pytest.raises(ValueError, match="choose from words, compound"):
        speller("magic")


# spelling alone


def test_ngrams_of_a_word_by_hand() -> None:
    assert list(ngrams("Ab")) == ["<ab>", "<ab", "ab>"]
    assert list(ngrams("abc")) == ["<abc>", "<ab", "abc", "bc>", "<abc", "abc>"]


def test_hashed_ngrams_follow_spelling_and_weigh_rare_words() -> None:
    model = HashedNgrams(FREQUENCIES)
    texts = ["the river", "the rivver", "the station", "river", "the", "", "the river"]
    vectors = model.encode(texts)
    assert vectors.shape == (7, DIMENSION) and vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1, 1, 1, 1, 0, 1])
    near, far = vectors[0] @ vectors[1], vectors[0] @ vectors[2]
    assert near > 0.25 > 0.1 > far
    assert vectors[0] @ vectors[3] > 0.95 > vectors[0] @ vectors[4]  # "the" is half of the text and says nothing
    assert np.array_equal(vectors[0], vectors[6])
    assert np.array_equal(HashedNgrams(FREQUENCIES).encode(texts), vectors)


def test_hashed_ngrams_keep_the_cosines_of_the_bags() -> None:
    model = HashedNgrams([])  # all weights 1
    one, other = set(ngrams("station")), set(ngrams("stations"))
    expected = len(one & other) / np.sqrt(len(one) * len(other))
    first, second = model.encode(["station", "stations"])
    assert first @ second == pytest.approx(expected, abs=0.1)


# static


def test_zipf_weights_by_hand() -> None:
    # Shares of ranks 1, 2: 2/3 and 1/3; the mark before the first word weighs as much as it.
    assert zipf_weights(3, first=1, smooth=1 / 3).tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 2])


def test_a_static_vector_is_the_weighted_mean_of_its_pieces(wordpieces: SentenceTransformer) -> None:
    model = static(wordpieces)
    table = wordpieces[0].auto_model.get_input_embeddings().weight.detach()
    weights = zipf_weights(11, first=6)
    wanted = table[8] * weights[8] + table[7] * weights[7]
    found = model.encode(["river of", "of river", "[CLS] river of"], convert_to_tensor=True)
    for row in found:
        torch.testing.assert_close(row, wanted / wanted.norm(), atol=1e-5, rtol=1e-4)
    assert Candidate("static", model).parameters == 11 * 16


# BM25


def test_bm25_ranks_by_shared_words_and_takes_part_in_retrieval() -> None:
    pytest.importorskip("bm25s")
    bm25 = Candidate("BM25", BM25())
    corpus = {"a": "bread and butter", "b": "a river runs deep", "c": "deep deep sleep"}
    task = TypoRetrieval({"CISI": Collection({"q": "which river"}, corpus, {"q": {"b": 1}})})
    assert bm25.ranks and bm25.parameters == 0
    assert task.score(bm25, Condition("CISI", 0)) == pytest.approx(100.0)
    assert bm25.rank(["sleep", "butter"], list(corpus.values()), depth=1).tolist() == [[2], [0]]
    assert bm25.rank(["river"], ["one river"], depth=10).tolist() == [[0]]
    with pytest.raises(ValueError, match="--suite retrieval"):
        bm25.encode(["text"])


# fine-tuning


def test_the_fine_tuned_student_starts_as_its_teacher_and_leaves_it_alone(wordpieces: SentenceTransformer) -> None:
    student = build_fine_tuned(wordpieces)
    assert [name for name, _ in student.named_children()] == ["semantic_encoder", "pooling", "normalize"]
    texts = ["the river", "bank of the river"]
    wanted = wordpieces.encode(texts, normalize_embeddings=True, convert_to_tensor=True)
    torch.testing.assert_close(student.encode(texts, convert_to_tensor=True), wanted)
    with torch.no_grad():
        next(student.parameters()).add_(1.0)
    torch.testing.assert_close(wordpieces.encode(texts, normalize_embeddings=True, convert_to_tensor=True), wanted)


def test_a_teacher_that_normalizes_is_not_normalized_twice(wordpieces: SentenceTransformer) -> None:
    teacher = SentenceTransformer(modules=[*wordpieces, Normalize()], device="cpu")
    assert len(build_fine_tuned(teacher)) == 3


def test_int8_on_onnx_runtime_is_fused_and_gives_nearly_the_vectors_of_torch(
    wordpieces: SentenceTransformer, tmp_path: Path
) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    texts = ["the river bank of the station", "river", "the station ."]
    found = int8("onnx", wordpieces, tmp_path)
    mean = wordpieces.encode(texts, normalize_embeddings=True)
    assert ((found.encode(texts, batch_size=2) * mean).sum(axis=1) > 0.98).all()
    (graph,) = tmp_path.glob("*/int8.onnx")
    kinds = {node.op_type for node in onnx.load(graph).graph.node}
    assert {"QAttention", "SkipLayerNormalization", "BiasGelu", "QEmbedLayerNormalization"} <= kinds
    before = graph.stat().st_mtime_ns
    assert int8("onnx", wordpieces, tmp_path).revision == found.revision and graph.stat().st_mtime_ns == before
    assert found.parameter_count == sum(weight.numel() for weight in wordpieces.parameters())


def test_a_form_is_named_behind_the_model_and_needs_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    assert split("en-small+onnx-int8") == ("en-small", "onnx-int8")
    assert split("minilm+symspell") == ("minilm+symspell", "") and split("+bf16") == ("+bf16", "")
    monkeypatch.setattr("benchmarks.peers.forms.instruction_sets", lambda: ["avx2"])
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(Unavailable, match="avx512_bf16"):
        resolve("minilm+bf16")
    with pytest.raises(ValueError, match=r"static has no form 'onnx-int8'"):
        resolve("static+onnx-int8")


def test_a_model_on_the_runtime_keeps_an_encoder_per_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[tuple[str, int, str]] = []

    class Encoder(Echo):
        max_seq_length = 128

    def load(name: str, *, threads: int, precision: str) -> Encoder:
        loaded.append((name, threads, precision))
        return Encoder()

    runtime = ModuleType("tiered_st.runtime")
    runtime.load = load  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tiered_st.runtime", runtime)
    monkeypatch.setattr(tiered_st, "runtime", runtime, raising=False)
    candidate = resolve("en-nano+onnx-int8")
    assert candidate.name == "en-nano ONNX int8" and candidate.parameters == resolve("en-nano").parameters
    assert candidate.revision == resolve("en-nano").revision
    assert candidate.disk_bytes == resolve("en-nano").disk_bytes > 4e6  # it is made of the same files
    candidate.model.max_seq_length = 510
    for threads in (3, 1, 3):
        candidate.model.set_threads(threads)
        assert candidate.model.max_seq_length == 510
    assert candidate.encode(["a"]).shape == (1, 2)
    assert [threads for _, threads, _ in loaded if threads == 3] == [3]
    assert {(name, precision) for name, _, precision in loaded} == {("en-nano", "int8")}


def test_instruction_sets_are_read_where_the_machine_tells(tmp_path: Path) -> None:
    listing = tmp_path / "cpuinfo"
    listing.write_text("processor : 0\nflags\t\t: fpu avx2 avx512f amx_bf16 avx512_bf16\n", encoding="utf-8")
    assert instruction_sets(listing) == ["avx2", "avx512f", "avx512_bf16", "amx_bf16"]
    assert instruction_sets(tmp_path / "none") == []
