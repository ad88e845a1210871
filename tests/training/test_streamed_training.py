"""Train on streams: the same as on lists where one window holds all, and as undisturbed after a kill."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
import shutil
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from conftest import TOY
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from small_bert import save_bert
from test_ranks import draws, run_two, said

import training.run as runner
import training.stage_run as stage_run
from tiered_st.model import load
from tiered_st.noise import NoisePolicy
from training import callbacks
from training import teacher as teachers
from training.baselines.subword import SubwordConfig
from training.recipe import Recipe, Stage
from training.sources import Source
from training.streams.stream_config import StreamConfig
from training.streams.streamed_task import StreamedTask
from training.streams.window_writer import WindowWriter
from training.streams.windows import Windows
from training.tasks import Noise, TextTask

NOUNS = ["cat", "dog", "house", "river", "mother", "garden", "window", "letter"]
VERBS = ["sees", "likes", "paints", "leaves"]
TEXTS = [f"the {a} {verb} the {b}" for a in NOUNS for verb in VERBS for b in NOUNS[:2]]
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", *NOUNS, *VERBS, *"abcdefghijklmnopqrstuvwxyz"]
TYPOS = NoisePolicy(weights=(("typos", 1.0),), rates=(0.1, 0.3))
RATES = (("tiers", 1e-3), ("semantic_encoder", 1e-3))
LEARN = Stage(
    "learn", ("tiers", "semantic_encoder"),
    (("mimicry", 1), ("distillation", 2), ("ranking", 1, 0.3), ("simcse", 1), ("sts", 1), ("next_sentence", 1)),
    14, 8, RATES, TYPOS,
)  # fmt: skip
ONE = dataclasses.replace(LEARN, objectives=(("distillation", 1), ("char_mlm", 1)), steps=6)


@pytest.fixture(autouse=True)
def float32_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_run, "has_bf16", lambda device: False)
    monkeypatch.setattr(teachers, "has_bf16", lambda device: False)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("streamed")
    (folder / "teacher").mkdir()
    save_bert(
        folder / "teacher" / "bert", PIECES, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=64,
    )  # fmt: skip
    modules = [Transformer(str(folder / "teacher" / "bert")), Pooling(32, "mean")]
    SentenceTransformer(modules=modules, device="cpu").save(str(folder / "teacher" / "model"), create_model_card=False)
    pq.write_table(pa.table({"text": [*TEXTS, *TEXTS[:5]]}), folder / "texts.parquet")  # some twice
    half = len(TEXTS) // 2
    columns = {"anchor": TEXTS[0::2], "positive": TEXTS[1::2], "group": [i // 2 for i in range(half)]}
    pq.write_table(pa.table(columns | {"score": [i % 5 + 0.1 for i in range(half)]}), folder / "pairs.parquet")
    pq.write_table(pa.table({"text": [TEXTS[i : i + 4] for i in range(0, len(TEXTS), 4)]}), folder / "articles.parquet")
    return folder


@pytest.fixture
def recipe(data: Path) -> Recipe:
    return Recipe(
        name="streamed", config=TOY.replace(d_sem=16, dropout=0.1), stages=(LEARN,), warm_start=False,
        teacher=str(data / "teacher" / "model"), texts=(Source("texts", ("text",)),),
        pairs=(Source("pairs", ("anchor", "positive"), cluster="group"),),
        scored=(Source("pairs", ("anchor", "positive"), label="score"),), documents=(Source("articles", ("text",)),),
    )  # fmt: skip


def train(
    monkeypatch: pytest.MonkeyPatch, recipe: Recipe, data: Path, out: Path, *extra: str
) -> dict[str, torch.Tensor]:
    monkeypatch.setattr(runner, "find_recipe", lambda name: recipe)
    command = ["streamed", "--data", str(data), "--out", str(out), "--device", "cpu", "--log-steps", "1", "--quiet"]
    assert runner.main([*command, "--workers", "0", *extra]) == 0
    return load(out / "model", device="cpu").state_dict() if (out / "model").exists() else {}


def losses(out: Path) -> list[tuple[str, int, float]]:
    lines = map(json.loads, (out / "log.jsonl").read_text(encoding="utf-8").splitlines())
    return [(line["stage"], line["step"], line["loss"]) for line in lines if "loss" in line]


def same(mine: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> bool:
    return mine.keys() == theirs.keys() and all(torch.equal(value, theirs[name]) for name, value in mine.items())


def test_one_window_trains_as_lists_do_to_the_bit(
    monkeypatch: pytest.MonkeyPatch, recipe: Recipe, data: Path, tmp_path: Path
) -> None:
    whole = train(monkeypatch, recipe, data, tmp_path / "whole")
    streamed = train(monkeypatch, recipe, data, tmp_path / "streamed", "--stream", "64", "--workers", "1")
    assert losses(tmp_path / "streamed") == losses(tmp_path / "whole")
    assert same(streamed, whole)
    assert json.loads((tmp_path / "streamed" / "recipe.json").read_text())["stream"]["buffer"] == 64


def killed(recipe: Recipe, data: Path, out: Path) -> None:
    """Train in a process of its own until it is killed, without warning, in the middle of its third step."""
    torch.set_num_threads(1)
    log = callbacks.JsonLog.on_log

    def dies(self: callbacks.JsonLog, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        log(self, args, state, control, **kwargs)
        if state.global_step == 3:
            os.kill(os.getpid(), signal.SIGKILL)

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(callbacks.JsonLog, "on_log", dies)
        monkeypatch.setattr(stage_run, "has_bf16", lambda device: False)
        monkeypatch.setattr(teachers, "has_bf16", lambda device: False)
        train(monkeypatch, recipe, data, out, "--save-minutes", "0")


def test_a_killed_run_goes_on_in_its_window_to_the_same_weights(
    monkeypatch: pytest.MonkeyPatch, recipe: Recipe, data: Path, tmp_path: Path
) -> None:
    recipe = dataclasses.replace(recipe, stages=(ONE,), stream=StreamConfig(buffer=16))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        whole = train(monkeypatch, recipe, data, tmp_path / "whole")
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["training.run", "test_streamed_training"])
        process = context.Process(target=killed, args=(recipe, data, tmp_path / "killed"))
        process.start()
        process.join(120)
        assert process.exitcode == -signal.SIGKILL
        assert [step for _, step, _ in losses(tmp_path / "killed")] == [1, 2, 3]
        shutil.copytree(tmp_path / "killed", tmp_path / "bare")
        opened = count_cuts(monkeypatch)
        assert same(train(monkeypatch, recipe, data, tmp_path / "killed"), whole)
        assert losses(tmp_path / "killed") == losses(tmp_path / "whole")
        with_cache = opened.copy()
        shutil.rmtree(tmp_path / "bare" / "cache")  # all that was kept of the stream is lost
        assert same(train(monkeypatch, recipe, data, tmp_path / "bare"), whole)
        assert 0 not in with_cache and opened[len(with_cache)] == 0  # read on, and read anew
    finally:
        torch.set_num_threads(threads)


def count_cuts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that will say the numbers of the windows that are read."""
    numbers, cut = [], WindowWriter._cut

    def counted(self: WindowWriter, walk: int, window: int) -> list[Any]:
        numbers.append(window)
        return cut(self, walk, window)

    monkeypatch.setattr(WindowWriter, "_cut", counted)
    return numbers


def test_a_deadline_while_the_teacher_is_asked_loses_no_step(
    monkeypatch: pytest.MonkeyPatch, recipe: Recipe, data: Path, tmp_path: Path
) -> None:
    recipe = dataclasses.replace(recipe, stages=(dataclasses.replace(ONE, objectives=(("distillation", 1),)),))
    recipe = dataclasses.replace(recipe, stream=StreamConfig(buffer=16))
    ask, asked = teachers.sentence_vectors, []

    def late(teacher: Any, texts: list[str], cache: Path, deadline: float | None = None) -> torch.Tensor:
        asked.append(len(texts))
        if len(asked) == 3:
            raise teachers.DeadlinePassed("Time is up.")
        return ask(teacher, texts, cache, deadline)

    monkeypatch.setattr(teachers, "sentence_vectors", late)
    assert train(monkeypatch, recipe, data, tmp_path / "late") == {}
    assert [path.name for path in (tmp_path / "late" / "0_learn" / "checkpoints").iterdir()] == ["checkpoint-4"]
    assert train(monkeypatch, recipe, data, tmp_path / "late")
    assert [step for _, step, _ in losses(tmp_path / "late")] == list(range(1, 7)) and asked == [16] * 4


def test_what_a_stream_cannot_do_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, recipe: Recipe, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(recipe: Recipe, *extra: str, out: str = "out") -> str:
        monkeypatch.setattr(runner, "find_recipe", lambda name: recipe)
        command = ["streamed", "--data", str(data), "--out", str(tmp_path / out), "--device", "cpu", "--quiet"]
        assert runner.main([*command, *extra]) == 1
        return capsys.readouterr().err

    recipe = dataclasses.replace(recipe, stages=(dataclasses.replace(ONE, objectives=(("simcse", 1),)),))
    assert "nothing is streamed" in refused(recipe, "--keep-windows", "5")
    assert "buffer=0" in refused(recipe, "--stream", "0")
    assert "up to 5 windows of texts may be open at once" in refused(
        recipe, "--stream", "8", "--keep-windows", "4", "--workers", "1", out="few"
    )
    train(monkeypatch, recipe, data, tmp_path / "out", "--stream", "16", "--max-minutes", "1e-9", "--workers", "0")
    assert "holds a run of another recipe" in (said := refused(recipe, "--stream", "17")) and "stream" in said
    labelled = (Source("pairs", ("anchor",), label="group"),)
    for objective in ("classification", "section_topic"):
        stages = (dataclasses.replace(ONE, objectives=((objective, 1),)),)
        with pytest.raises(ValueError, match=rf"{objective} \(stage learn\) must know all classes before"):
            dataclasses.replace(recipe, stages=stages, labelled=labelled, stream=StreamConfig())
    with pytest.raises(ValueError, match="vocabulary of wordpieces is learned from all texts"):
        dataclasses.replace(recipe, config=SubwordConfig(), stream=StreamConfig())
    with pytest.raises(ValueError, match="hub:a/b are of the hub"):
        dataclasses.replace(recipe, texts=(Source("hub:a/b", ("t",)),), stream=StreamConfig(shuffle_shards=True))


TWO = """
import dataclasses
from pathlib import Path
from test_streamed_training import ONE, speller
from training.sources import Source
from training.streams.stream_config import StreamConfig
from training.streams.streamed_task import StreamedTask
from training.streams.window_writer import WindowWriter
from training.streams.windows import Windows
from training.tasks import Noise, TextTask

STAGE = dataclasses.replace(ONE, objectives=(("simcse", 1), ("distillation", 1)), steps=10, batch=4)
RECIPE = speller(Path(__file__).parent, STAGE, StreamConfig(buffer=16))
"""


def speller(folder: Path, stage: Stage, stream: StreamConfig) -> Recipe:
    return Recipe(
        name="two", config=TOY.replace(d_sem=16, dropout=0.1), stages=(stage,), warm_start=False, stream=stream,
        teacher=str(folder / "teacher" / "model"), texts=(Source("texts", ("text",)),),
    )  # fmt: skip


def test_two_ranks_share_the_texts_of_an_epoch(data: Path, tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    for number in range(4):
        pq.write_table(
            pa.table({"text": TEXTS[10 * number : 10 * number + 10]}), tmp_path / "texts" / f"{number}.parquet"
        )
    shutil.copytree(data / "teacher", tmp_path / "teacher")
    (tmp_path / "two.py").write_text(TWO, encoding="utf-8")
    assert run_two(tmp_path, "out") == [0, 0], said(tmp_path, "out")
    (cache,) = (tmp_path / "out" / "cache").glob("stream-texts-*")
    windows = Windows("texts", cache, own_walks=False)
    make = partial(TextTask, noise=Noise(TYPOS, None, 0.0, ""), batch=4, seed=0)
    for name in ("simcse", "distillation"):
        met = []
        for rank in (0, 1):
            drawn = [draw for objective, draw in draws(tmp_path, "out", rank) if objective == name]
            met.append([row["clean"] for row in StreamedTask(windows, make, 4).rows(drawn)])
        assert len(met[0]) + len(met[1]) == 40 and sorted(met[0] + met[1]) == sorted(TEXTS[:40])
