"""The ablation's bookkeeping and its probes, on results and models made by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import TOY, make_model

from benchmarks import ablation
from benchmarks.ablation import QUESTIONS, SCORED, SPACES, minutes_of, place, rows_of, share_first_stage, spaced
from benchmarks.probes import part_of_speech, probe, states_of_words
from benchmarks.report.ablation import plot, table
from benchmarks.suites.typo import TypoSts


def result(row: str, clean: float, seed: int = 0, **more: Any) -> dict[str, Any]:
    scores = {metric: clean - 10 * i for i, metric in enumerate([*SCORED, SPACES])}
    return {"row": row, "seed": seed, "parameters": 2_000_000, "scores": scores, "speed": 2.0} | more


def store(folder: Path, question: str, row: str, clean: float, seed: int = 0) -> None:
    file = folder / f"{place(question, row, seed)}.json"
    file.write_text(json.dumps(result(row, clean, seed)), encoding="utf-8")


# bookkeeping


def test_rows_have_files_of_their_own_and_questions_share_their_first_rows() -> None:
    names = [place(question, row, seed) for question in QUESTIONS for row in rows_of(question) for seed in (0, 1)]
    rows = sum(len(rows_of(question)) - 1 for question in QUESTIONS)
    assert len(set(names)) == 2 * (rows + 2)  # two first rows: reading and joint
    assert place("chars", "reading", 0) == place("projector", "reading", 0) == "reading"
    assert place("chunks", "learned", 2) == "chunks-learned-seed2"


@pytest.mark.parametrize(
    ("question", "row", "shared"),
    [
        ("e2_objectives", "with_masked_chunk", True),
        ("freezing", "frozen_half_way", True),
        ("freezing", "no_words_stage", False),  # its first stage is another
        ("chunks", "windows_16", False),  # another architecture
        ("chars", "ngrams_only", False),
        ("chunks", "joint", False),  # the first row itself
    ],
)
def test_a_first_stage_is_shared_only_where_it_is_the_same(
    question: str, row: str, shared: bool, tmp_path: Path
) -> None:
    for first in ("joint", "reading"):
        done = tmp_path / first / "0_words" / "model"
        done.mkdir(parents=True)
        (done / "modules.json").write_text("[]")
    share_first_stage(question, row, 0, tmp_path)
    copied = tmp_path / place(question, row, 0) / "0_words" / "model" / "modules.json"
    assert copied.is_file() == (shared or row == "joint")
    assert not list(tmp_path.rglob(".*"))


def test_a_run_that_stands_is_not_overwritten(tmp_path: Path) -> None:
    for folder in ("joint", "freezing-frozen_half_way"):
        (tmp_path / folder / "0_words" / "model").mkdir(parents=True)
    (tmp_path / "joint" / "0_words" / "model" / "modules.json").touch()
    share_first_stage("freezing", "frozen_half_way", 0, tmp_path)
    assert not list((tmp_path / "freezing-frozen_half_way").rglob("modules.json"))


def test_minutes_are_those_of_each_stage_at_its_end(tmp_path: Path) -> None:
    lines = [{"stage": "a", "minutes": 1.0}, {"stage": "a", "minutes": 2.5}, {"stage": "b", "minutes": 0.25}]
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    assert minutes_of(tmp_path) == 2.8


def test_an_unknown_question_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        ablation.main(["colours", "--data", ".", "--runs", "."])
    assert "colours: choose from chars, projector" in capsys.readouterr().err


# the table and the plot


def test_the_table_gives_means_and_ranges(tmp_path: Path) -> None:
    store(tmp_path, "positions", "joint", 60.0)
    store(tmp_path, "positions", "joint", 63.0, seed=1)
    store(tmp_path, "positions", "alibi", 61.0)
    header, _, joint, alibi = table(tmp_path, "positions", (0, 1, 2)).splitlines()
    cells = [cell.strip() for cell in joint.strip("|").split("|")]
    assert [cell.strip() for cell in header.strip("|").split("|")][:3] == ["row", "M parameters", "clean"]
    assert cells[:4] == ["joint", "2.0", "61.5 (60.0–63.0)", "51.5 (50.0–53.0)"]
    assert cells[-3:] == ["–", "–", "2.00"]
    assert [cell.strip() for cell in alibi.strip("|").split("|")][2] == "61.0"


def test_the_plot_is_drawn_alike_twice(tmp_path: Path) -> None:
    for row in ("joint", "windows_16", "learned"):
        store(tmp_path, "chunks", row, 60.0)
    plot(tmp_path, tmp_path / "plots" / "a.svg")
    plot(tmp_path, tmp_path / "plots" / "b.svg")
    first, second = ((tmp_path / "plots" / name).read_bytes() for name in ("a.svg", "b.svg"))
    assert first == second and b"windows 16" in first


# unreliable spaces


def test_spaces_change_and_nothing_else() -> None:
    texts = [f"the old house number {i} stands by the river" for i in range(30)]
    task = TypoSts(texts, texts[::-1], list(range(30)))
    changed, again, other = spaced(task, 0), spaced(task, 0), spaced(task, 1)
    assert changed.sentences1 == again.sentences1 != other.sentences1
    assert [text.replace(" ", "") for text in changed.sentences1] == [text.replace(" ", "") for text in texts]
    assert sum(new != old for new, old in zip(changed.sentences1, texts, strict=True)) > 10
    assert changed.sentences1[0] != changed.sentences2[-1]  # the sides are drawn apart


# probes


def test_a_probe_finds_what_is_there_and_nothing_where_nothing_is() -> None:
    rng = np.random.default_rng(0)
    labels = ["NOUN", "VERB"] * 100
    told = rng.normal(size=(200, 8)) + 5 * np.array([[label == "NOUN"] for label in labels])
    assert probe(told[:100], labels[:100], told[100:], labels[100:]) > 95
    blind = rng.normal(size=(200, 8))
    assert 30 < probe(blind[:100], labels[:100], blind[100:], labels[100:]) < 70


def test_states_are_means_over_the_chunks_of_each_word() -> None:
    model = make_model()
    sentences = [["state-of-art", "Dogs", "bark"], ["no", "zero\u200b", "width", "\u200b"], ["Cats", "sleep"]]
    first, second, kept = states_of_words(model, sentences)
    assert kept == [0, 2]  # a word without any chunk puts its sentence out
    assert first.shape == second.shape == (5, TOY.d_sem)
    with torch.no_grad():
        features = model[0](model.preprocess(["state-of-art Dogs bark"]))
        chunks = features["chunk_embeddings"][0]  # BEGIN state - of - art Dogs bark FINISH
        states = model[1](features)["token_embeddings"][0]
    np.testing.assert_allclose(first[0], chunks[1:6].mean(dim=0), atol=1e-5)
    np.testing.assert_allclose(first[1], chunks[6], atol=1e-5)
    np.testing.assert_allclose(second[2], states[7], atol=1e-5)


def test_parts_of_speech_need_chunks_about_a_word_long(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    rows = {"tokens": [["Dogs", "bark"]] * 4, "upos": [["NOUN", "VERB"]] * 4, "split": ["train", "test"] * 2}
    parquet.write_table(pa.table(rows), tmp_path / "pos_ud_english_ewt.parquet")
    assert part_of_speech(make_model(), tmp_path) == {"POS from E1": 100.0, "POS from E2": 100.0}
    windows = make_model(TOY.replace(chunker="windows", window=20, stride=20))
    with pytest.raises(ValueError, match="chunks about a word long"):
        part_of_speech(windows, tmp_path)
