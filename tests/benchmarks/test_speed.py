"""The speed benchmark: what it encodes, how it compares and keeps what it found, never how fast this machine is."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from conftest import make_model
from pyarrow import parquet
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import BertConfig, BertModel, BertTokenizerFast

from benchmarks.fresh_process import peak_mebibytes
from benchmarks.graph_encoder import GraphEncoder
from benchmarks.peers import Candidate
from benchmarks.report.speed import render_speed
from benchmarks.speed import (
    Spread,
    __main__,
    best_batch,
    compression,
    exponent,
    full,
    install_size,
    measure,
    mixed_texts,
    ratios,
    texts_of,
)
from benchmarks.speed import contenders as contestants
from benchmarks.speed.footprint import footprints, is_from_files, process_of
from benchmarks.speed.lengths import share_read, units
from benchmarks.speed.scaling import curve
from benchmarks.speed.shares import shares
from benchmarks.speed.stored import BATCH, CHAT, COLD, KINDS, MISSPELT, SINGLE, WARM, median_of, read_speed
from benchmarks.speed.texts import COLLECTION, chat_messages
from benchmarks.speed.throughput import Setting, grid, run_cell


class Recorder:
    """Takes no time and keeps what it was asked."""

    name, revision, parameters, bf16, batch_size, model = "recorder", "r", 0, False, 4, None

    def __init__(self) -> None:
        self.seen: list[list[str]] = []
        self.batches: list[int] = []

    def encode(self, texts: Sequence[str], *, batch_size: int, **options: Any) -> None:
        self.seen.append(list(texts))
        self.batches.append(batch_size)


# texts


@pytest.mark.parametrize("words", [1, 8, 32])
def test_texts_have_the_asked_number_of_words_and_do_not_repeat(words: int) -> None:
    texts = list(islice(texts_of(words, 0.0), 50))
    assert {len(text.split()) for text in texts} == {words}
    assert words == 1 or len(set(texts)) == 50


def test_texts_are_mistyped_alike_every_time() -> None:
    clean, noisy = list(islice(texts_of(8, 0.0), 20)), list(islice(texts_of(8, 0.1), 20))
    assert noisy == list(islice(texts_of(8, 0.1), 20))
    assert sum(a != b for a, b in zip(clean, noisy, strict=True)) > 15


def test_mixed_texts_come_from_every_collection_by_turns(tmp_path: Path) -> None:
    for file, column in COLLECTION:
        rows = parquet.read_table(tmp_path / file).to_pydict() if (tmp_path / file).is_file() else {}
        parquet.write_table(pa.table(rows | {column: [f"{file} {i}" for i in range(3)]}), tmp_path / file)
    texts = list(islice(mixed_texts(tmp_path, 0.0), 8))
    assert [text.split()[0] for text in texts] == 2 * [file for file, _ in COLLECTION]
    lengths = {len(text.split()) for text in islice(mixed_texts(None, 0.0), 200)}
    assert len(lengths) > 10


# maths


def test_ratios_are_taken_round_by_round_to_the_last_model() -> None:
    # Round by round 2, 1 and 4 times as fast: the median of ratios is not the ratio of medians (4 / 2 = 2 either way,
    # but 10 / 2 would be 5 if the slow third round of both were left out).
    assert [row[1] for row in ratios([[2.0, 4.0, 10.0], [1.0, 4.0, 2.5]])] == [2.0, 1.0]


def test_the_middle_half_by_hand() -> None:
    assert Spread.of([1.0, 2.0, 3.0]) == (1.0, 2.0, 3.0)
    assert Spread.of([5.0]) == (5.0, 5.0, 5.0)
    low, median, high = Spread.of([1.0, 2.0, 3.0, 4.0, 100.0])
    assert (low, median, high) == (1.5, 3.0, 52.0)


def test_the_best_batch_is_the_fastest_and_of_equals_the_smallest() -> None:
    assert best_batch({1: [10.0, 11.0], 8: [50.0, 90.0], 32: [80.0, 20.0]}) == 8  # medians 10.5, 70, 50
    assert best_batch({32: [70.0], 8: [70.0], 1: [1.0]}) == 8


@pytest.mark.parametrize("power", [0.0, 1.0, 2.0])
def test_the_exponent_of_a_power_law_is_its_power(power: float) -> None:
    sizes = [10, 20, 50, 100]
    assert exponent(sizes, [0.3 * size**power for size in sizes]) == pytest.approx(power, abs=1e-9)


@pytest.mark.parametrize(("sizes", "seconds"), [([1], [1.0]), ([2, 2], [1.0, 2.0]), ([1, 2], [0.0, 1.0])])
def test_an_exponent_needs_two_sizes_and_times(sizes: list[int], seconds: list[float]) -> None:
    with pytest.raises(ValueError, match="two different positive sizes"):
        exponent(sizes, seconds)


def test_a_curve_takes_medians_over_rounds() -> None:
    found = curve([Recorder()], [10, 100], [[[1.0, 2.0, 9.0]], [[20.0, 19.0, 80.0]]])  # type: ignore[list-item]
    assert found["models"]["recorder"] == {"seconds": [2.0, 20.0], "exponent": pytest.approx(1.0)}


# measuring


def test_all_models_see_the_same_fresh_texts() -> None:
    first, second = Recorder(), Recorder()
    speeds = measure([first, second], words=4, count=6, rounds=2)
    assert first.seen == second.seen
    assert len({text for texts in first.seen for text in texts}) == 18
    assert [len(own) for own in speeds] == [2, 2]


def test_what_is_read_of_texts_is_counted_in_the_models_own_units() -> None:
    toy = Candidate("toy", make_model())
    texts = ["a river", "a river runs on and on"]
    assert units(toy, texts) == [4, 8]  # both marks are counted
    assert share_read(toy, texts, 6) == (4 + 6) / 12 and share_read(toy, texts, None) == 1.0
    assert units(Recorder(), texts) is None and share_read(Recorder(), texts, 6) == 1.0  # type: ignore[arg-type]


def test_the_grid_holds_every_setting_once() -> None:
    settings = grid([1, 1], [8, "mixed"])  # on one core, "all" threads are one
    assert len(settings) == len(set(settings)) == 2 + 1 + 6
    assert {setting.kind for setting in settings} == set(KINDS)
    assert len(grid([1, 2], [8, "mixed"])) == 2 * (2 + 1) + 6


def test_a_cell_is_measured_with_its_batch() -> None:
    one, other = Recorder(), Recorder()
    other.name = "other"
    threads = torch.get_num_threads()
    cell = run_cell([one, other], Setting(3, SINGLE, threads), data=None, rounds=2, seconds=1e-9)  # type: ignore[list-item]
    assert set(one.batches) == {1} and one.seen[9:] == other.seen[9:] and len(one.seen[9:]) == 3 * 8
    assert {len(texts) for texts in one.seen} == {1}  # a call for each text
    assert cell["count"] == 8 and set(cell["models"]) == {"recorder", "other"}
    assert len(cell["models"]["other"]["speeds"]) == 2
    best = run_cell([one], Setting(3, BATCH, threads), data=None, rounds=1, seconds=1e-9)  # type: ignore[list-item]
    assert best["models"]["recorder"]["batch"] in (1, 8, 32) and best["count"] == 64  # no batch that is never full


@pytest.mark.parametrize(("words", "texts"), [(8, 64), (32, 64), (128, 16), (512, 8), ("mixed", 64)])
def test_a_round_has_texts_enough_to_be_sorted_by_length(words: int | str, texts: int) -> None:
    assert Setting(words, BATCH, 1).least == texts and Setting(words, SINGLE, 1).least == 8


@pytest.mark.parametrize(("kind", "new"), [(COLD, "all"), (CHAT, "some"), (WARM, "none")])
def test_what_a_cache_holds_before_each_text_is_what_the_cell_says(kind: str, new: str) -> None:
    model = make_model()
    cache = model[0].cache
    candidate = Candidate("toy", model)
    setting = Setting(15, kind, 1)
    for item in islice(setting.stream(None), 3):
        contestants.empty_cache(candidate)
        text = setting.prepare(candidate, item)  # type: ignore[misc]
        before = len(cache)
        candidate.encode([text], batch_size=1, show_progress_bar=False)
        found = "all" if not before else "some" if len(cache) > before else "none"
        assert found == new


def test_a_chat_message_has_three_typos_that_no_message_before_had() -> None:
    seen: set[str] = set()
    for clean, typed in islice(chat_messages(), 50):
        new = [b for a, b in zip(clean.split(), typed.split(), strict=True) if a != b]
        assert len(clean.split()) == 15 and len(new) == 3 and not seen & set(new)
        seen.update(new)


def test_misspelt_texts_are_misspelt() -> None:
    clean, wrong = (list(islice(Setting(16, kind, 1).stream(None), 5)) for kind in (SINGLE, MISSPELT))
    assert clean != wrong and [len(text.split()) for text in clean] == [len(text.split()) for text in wrong]


def test_shares_name_the_steps_of_ours_and_sum_to_one() -> None:
    found = shares(Candidate("toy", make_model()), ["a river runs", "", "deep"], batch=2)
    assert set(found) == {"tokenisation", "E1", "layers"}
    assert sum(found.values()) == pytest.approx(1.0) and min(found.values()) > 0
    assert shares(Recorder(), ["text"]) == {}  # type: ignore[arg-type]


def test_a_table_moves_no_vector_of_what_it_holds_and_int8_is_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "FILLED", 200)
    found = compression.compressed([Candidate("toy", make_model()), Recorder()], rounds=2, count=4)["toy"]  # type: ignore[list-item]
    assert found["int8"]["bytes"] < found["plain"]["bytes"]
    assert found["table, E1 behind it"]["cosine"]["clean"]["worst"] == pytest.approx(1.0, abs=1e-3)
    assert set(found["table alone"]["cosine"]) == {"clean", "misspelt", "rare words"}
    assert len(found["int8"]["ratio"]) == 3


def test_a_graph_encoder_averages_what_is_no_padding_and_keeps_the_order() -> None:
    letters = Tokenizer(WordLevel({"[PAD]": 0, "[UNK]": 1, "a": 2, "b": 3, "c": 4}, unk_token="[UNK]"))
    letters.pre_tokenizer = Whitespace()
    started: list[int] = []

    def start(threads: int) -> Any:
        started.append(threads)
        return lambda ids, mask: np.eye(5, dtype=np.float32)[ids]  # a padded position must not count

    encoder = GraphEncoder(letters, start, threads=2, max_seq_length=3)
    vectors = encoder.encode(["b", "a b", "a a a c c"], batch_size=2)
    expected = np.zeros((3, 5))
    expected[0, 3] = expected[2, 2] = 1.0
    expected[1, [2, 3]] = 0.5**0.5
    assert vectors == pytest.approx(expected, abs=1e-6) and vectors.dtype == np.float32
    encoder.max_seq_length = 4
    assert encoder.encode(["a a a c c"])[0, 4] > 0
    for threads in (1, 2, 1):
        encoder.set_threads(threads)
    assert started == [2, 1]  # each number once: a graph that was just loaded is slower


# what is stored


class Contenders:
    """Stands in for loading models; counts the cells that were measured."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cells = 0
        monkeypatch.setattr(full, "contender", lambda name: Candidate(name, make_model()))
        monkeypatch.setattr(full, "grid", lambda threads: [Setting(words, BATCH, 1) for words in (2, 4, "mixed", 8)])
        monkeypatch.setattr(full, "run_cell", self.run_cell)

    def run_cell(self, candidates: list[Candidate], setting: Setting, **options: Any) -> dict[str, Any]:
        self.cells += 1
        if self.cells == 3:
            raise KeyboardInterrupt
        speeds = {"one": [10.0, 30.0, 20.0], "two": [20.0, 20.0, 20.0]}
        found = {c.name: {"batch": 8, "reads": None, "read": 1.0, "speeds": speeds[c.name]} for c in candidates}
        return {**vars(setting), "count": 8, "models": found}


def test_a_full_run_is_resumed_and_rendered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contenders = Contenders(monkeypatch)
    command = ["one", "two", "--full", "--parts", "throughput", "--out", str(tmp_path), "--rounds", "3"]
    assert __main__.main(command) == 130
    assert __main__.main(command) == 0
    assert contenders.cells == 1 + 4  # the one that was stopped is measured again, no other
    assert __main__.main(command) == 0 and contenders.cells == 1 + 4
    (name, content), *_ = read_speed(tmp_path).items()
    assert name in ("cpu-throughput", "cuda-throughput")
    assert {"date", "commit", "command", "versions"} <= set(content["provenance"])
    assert median_of(content["cells"][0], "one") == statistics.median([10.0, 30.0, 20.0])
    tables = render_speed({name: content})
    assert "20/s · 1.00× (0.50–1.50)" in tables and "2 words" in tables and "mixed" in tables


def test_all_parts_render(monkeypatch: pytest.MonkeyPatch) -> None:
    made = {"date": "2026-01-01T00:00", "commit": "c", "command": "python", "versions": {"torch": "2"}}
    head = {"models": {"m": {"parameters": 1_000_000}}, "cores": 2, "rounds": 3, "provenance": made}
    grown = {"sizes": [1, 10], "models": {"m": {"seconds": [1.0, 10.0], "exponent": 1.0}}}
    own = {"import": 1.5, "load": 0.25, "first": 0.1, "second": 0.0125, "memory": 400.4}
    near = {"median": 0.99, "worst": 0.875}
    forms = {
        "plain": {"bytes": 2**20},
        "int8": {
            "bytes": 2**18,
            "ratio": [0.5, 0.75, 1.0],
            "cosine": {"clean": near, "misspelt": near, "rare words": near},
        },
    }
    tables = render_speed(
        {
            "cpu-shares": head | {"words": {"16": {"m": {"tokenisation": 0.25, "E1": 0.5, "layers": 0.25}}}},
            "cpu-footprint": head | {"processes": {"m": own}},
            "cpu-scaling": head | {"length": grown, "corpus": grown},
            "cpu-compression": head | {"forms": {"m": forms}},
        }
    )
    for cell in (
        "25 %",
        "50 %",
        "1.50",
        "0.25",
        "100",
        "12.5",
        "400",
        "1.00",
        "1–10 texts",
        "0.75× (0.50–1.00)",
        "0.9900 / 0.8750",
    ):
        assert cell in tables
    assert render_speed({}) == ""


def test_a_process_tells_its_peak_memory() -> None:
    assert 10 < peak_mebibytes() < 1e6


def test_a_process_that_fails_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.speed.footprint.process_of", lambda name: ("no such kind", name))
    with pytest.raises(ValueError, match="no such kind"):
        footprints(["minilm"], rounds=1)


def test_a_process_pays_for_no_torch_that_its_model_does_not_need(tmp_path: Path) -> None:
    assert process_of("en-nano+onnx-int8") == ("runtime", "en-nano") and process_of("en-nano") == ("torch", "en-nano")
    assert is_from_files("en-nano+openvino") and not is_from_files("static") and not is_from_files("en-nano+bf16")
    program = "import sys, benchmarks.fresh_process, benchmarks.graph_encoder; print(sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert not any(f"'{name}'" in loaded for name in ("torch", "transformers", "sentence_transformers", "scipy"))


def test_an_environment_is_weighed_by_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = install_size.bytes_by_package(Path(sys.executable))
    assert found["torch"] > found["numpy"] > 1e6 and "pip" not in found
    assert list(found.values()) == sorted(found.values(), reverse=True)
    monkeypatch.setattr(install_size, "install", lambda lines, wheel, folder: {"a": 2_000_000, "b": len(lines)})
    wheel = tmp_path / "w.whl"
    assert install_size.main([str(wheel), "--out", str(tmp_path)]) == 0
    tables = render_speed(read_speed(tmp_path))
    assert "without torch" in tables and "onnxruntime numpy safetensors" in tables


def test_the_old_short_command_still_prints_a_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(__main__, "contender", lambda name: Candidate(name, make_model()))
    assert __main__.main(["one", "two", "--words", "2", "--count", "4", "--rounds", "2"]) == 0
    out = capsys.readouterr().out
    assert "| 2 | one |" in out and "| 2 | two |" in out and "1.00 (1.00–1.00)" in out


def test_a_wordpiece_model_reads_as_far_as_it_has_positions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nriver\n", encoding="utf-8")
    config = BertConfig(
        vocab_size=6, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8,
        max_position_embeddings=32,
    )  # fmt: skip
    BertModel(config).save_pretrained(tmp_path)
    BertTokenizerFast(vocab=str(tmp_path / "vocab.txt")).save_pretrained(tmp_path)
    model = SentenceTransformer(modules=[Transformer(str(tmp_path), max_seq_length=16), Pooling(8)], device="cpu")
    monkeypatch.setattr(contestants, "resolve", lambda name: Candidate(name, model))
    assert model.max_seq_length == 16
    assert contestants.reads(contestants.contender("a wordpiece model")) == 32
