"""A model that ships is what its run made, and its card says so."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from conftest import make_model

from benchmarks.report.markdown import marks
from benchmarks.ship import main, ship, stages
from tiered_st.model import load


def stage(name: str, objectives: list[Any], **other: Any) -> dict[str, Any]:
    settings = {"learns": ["tiers"], "steps": 1500, "batch": 512, "rates": [["tiers", 0.0015]], "views": 3}
    return {"name": name, "objectives": objectives, "word_power": None} | settings | other


RECIPE = {
    "name": "toy-one",
    "stages": [
        stage("spell", [["mimicry", 0.7, 1.0, False], ["char_mlm", 0.3, 0.5, False]], word_power=0.35),
        stage(
            "grade", [["sts", 1.0, {"start": 0.0, "end": 1.0, "over": 0.5}, False]], views=1, batch=128,
            learns=["tiers", "semantic_encoder"], rates=[["semantic_encoder", 1e-4]],
        ),
    ],
}  # fmt: skip
LOG = [
    {"stage": "spell", "step": 20, "minutes": 1.2, "loss": 3.0},
    {"stage": "spell", "step": 20, "minutes": 1.3, "judged": {"sts": 50.0, "sts typos 10 %": 40.0}, "main": 45.0},
    {"stage": "spell", "step": 40, "minutes": 14.6, "loss": 2.0},
]


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path, Path]:
    """A finished run, and where models and logs are kept."""
    run, pretrained, logs = (tmp_path / name for name in ("run", "pretrained", "logs"))
    make_model().save(str(run / "model"), create_model_card=False)
    (run / "model" / "recipe.json").write_text(json.dumps(RECIPE), encoding="utf-8")
    (run / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in LOG), encoding="utf-8")
    (pretrained / "toy-one" / "old").mkdir(parents=True)
    blocks = "\n".join(line for part in ("stages", "weights") for line in marks(part))
    (pretrained / "toy-one" / "README.md").write_text(f"# toy-one\n{blocks}\n", encoding="utf-8")
    logs.mkdir()
    return run, pretrained, logs


def test_model_card_and_log_are_in_their_places(places: tuple[Path, Path, Path]) -> None:
    run, pretrained, logs = places
    place = ship(run, pretrained, logs)
    assert place == pretrained / "toy-one" and [path.name for path in pretrained.iterdir()] == ["toy-one"]
    card = (place / "README.md").read_text(encoding="utf-8")
    files = list(place.rglob("*.safetensors"))
    assert files and all(hashlib.sha256(file.read_bytes()).hexdigest() in card for file in files)
    assert "| spell |" in card and not (place / "old").exists()
    assert (logs / "toy_one.jsonl").read_bytes() == (run / "log.jsonl").read_bytes()
    assert (load(place).encode("a") == load(run / "model").encode("a")).all()


def test_the_card_shows_the_curves_of_the_log(places: tuple[Path, Path, Path]) -> None:
    run, pretrained, logs = places
    for log, says_judged in ((LOG, True), ([LOG[0], LOG[2]], False)):
        (run / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in log), encoding="utf-8")
        place = ship(run, pretrained, logs)
        drawn = (place / "curves.svg").read_text(encoding="utf-8")
        assert ("sts typos 10 %" in drawn) is says_judged and "loss of the stage" in drawn and len(drawn) < 40_000
        card = (place / "README.md").read_text(encoding="utf-8")
        _, _, after_stages = card.partition(marks("stages")[1])
        assert card.count("](curves.svg)") == 1 and "](curves.svg)" in after_stages.partition(marks("weights")[0])[0]
        assert ("what its judges said" in card) is says_judged


def test_stages_are_those_of_recipe_and_log() -> None:
    _, _, spell, grade = stages(RECIPE, LOG).splitlines()
    assert spell == (
        "| spell | E1, projector | word mimicry (0.7, 1), char mlm (0.3, 0.5); words by their count to the power 0.35 "
        "| 1,500 | 512 words × 4 spellings | E1 1.5e-3 | 15 |"
    )
    assert grade == "| grade | E1, projector, E2 | CoSENT (1, 0 → 1) | 1,500 | 128 texts × 2 views | E2 1e-4 | – |"


def test_what_cannot_ship_leaves_all_as_it_was(
    places: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run, pretrained, logs = places
    card = pretrained / "toy-one" / "README.md"
    card.write_text("no marks", encoding="utf-8")
    with pytest.raises(ValueError, match="add them"):
        ship(run, pretrained, logs)
    assert card.read_text(encoding="utf-8") == "no marks" and (pretrained / "toy-one" / "old").is_dir()
    assert [path.name for path in pretrained.iterdir()] == ["toy-one"]
    card.unlink()
    with pytest.raises(ValueError, match="write the model's card first"):
        ship(run, pretrained, logs)
    assert main([str(run / "none")]) == 1 and "no finished model" in capsys.readouterr().err
    assert not list(logs.iterdir())


@pytest.mark.parametrize(("module", "name"), [(os, "rename"), (os, "replace"), (os, "fsync"), (shutil, "copy")])
def test_a_step_that_fails_leaves_a_whole_model_and_the_next_ship_succeeds(
    places: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch, module: Any, name: str
) -> None:
    run, pretrained, logs = places
    place, real = pretrained / "toy-one", getattr(module, name)
    for at in range(1, 4):
        calls = []

        def failing(*args: Any, at: int = at, calls: list[Any] = calls, **kwargs: Any) -> Any:
            calls.append(args)
            if len(calls) == at:
                raise OSError("disk gone")
            return real(*args, **kwargs)

        with monkeypatch.context() as patch:
            patch.setattr(module, name, failing)
            try:
                ship(run, pretrained, logs)
            except OSError:
                assert "# toy-one" in (place / "README.md").read_text(encoding="utf-8")
                assert (place / "old").is_dir() or (load(place).encode("a") == load(run / "model").encode("a")).all()
    ship(run, pretrained, logs)
    assert [path.name for path in pretrained.iterdir()] == ["toy-one"] and not (place / "old").exists()
    assert [path.name for path in logs.iterdir()] == ["toy_one.jsonl"]


def test_a_model_that_a_kill_set_aside_is_shipped_over(places: tuple[Path, Path, Path]) -> None:
    run, pretrained, logs = places
    (pretrained / "toy-one").rename(pretrained / ".toy-one.set-aside")
    place = ship(run, pretrained, logs)
    assert [path.name for path in pretrained.iterdir()] == ["toy-one"] and (place / "modules.json").is_file()


def test_each_model_that_ships_has_a_version_above_the_one_before(places: tuple[Path, Path, Path]) -> None:
    run, pretrained, logs = places
    for version in (1, 2, 3):
        recipe = json.loads((ship(run, pretrained, logs) / "recipe.json").read_text(encoding="utf-8"))
        assert recipe == RECIPE | {"version": version} and list(recipe)[:2] == ["name", "version"]
    (pretrained / "toy-one" / "recipe.json").write_text(json.dumps(RECIPE), encoding="utf-8")
    with pytest.raises(ValueError, match="says no version"):
        ship(run, pretrained, logs)
    assert json.loads((pretrained / "toy-one" / "recipe.json").read_text(encoding="utf-8")) == RECIPE
