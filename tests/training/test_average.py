"""The mean of two models is between them, and nothing but weights of one kind can be averaged."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from conftest import TOY, make_model

from tiered_st.model import load, set_storage
from training.average import average, main


def test_every_weight_is_the_mean(tmp_path: Path) -> None:
    one, two = (
        make_model(TOY.replace(memory_slots=4, memory_width=8)),
        make_model(TOY.replace(memory_slots=4, memory_width=8), seed=1),
    )
    before, other = {k: v.clone() for k, v in one.state_dict().items() if torch.is_tensor(v)}, two.state_dict()
    names = [str(tmp_path / name) for name in ("one", "two", "mean")]
    for model, name in zip((one, two), names, strict=False):
        model.save(name, create_model_card=False)
    assert main([*names[:2], "--out", names[2], "--storage", "float32"]) == 0
    mean = load(names[2], device="cpu").state_dict()
    moved = 0
    for name, value in before.items():
        if value.is_floating_point():
            torch.testing.assert_close(mean[name], (value + other[name]) / 2)
            moved += not torch.equal(mean[name], value)
    assert moved > 10


def test_models_that_are_stored_in_int8_are_averaged_as_they_compute(tmp_path: Path) -> None:
    models = [make_model(), make_model(seed=1)]
    for model in models:
        set_storage(model, "int8")
    wanted = {k: (v + models[1].state_dict()[k]) / 2 for k, v in models[0].state_dict().items()}
    for name, value in average(models).state_dict().items():
        torch.testing.assert_close(value, wanted[name])


def test_what_has_no_mean_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [str(tmp_path / name) for name in ("one", "wide")]
    make_model().save(names[0], create_model_card=False)
    make_model(TOY.replace(projector_hidden=24)).save(names[1], create_model_card=False)
    out = tmp_path / "out"
    for given, reason in ((names, "differ in names or shapes"), (names[:1], "name two or more")):
        assert main([*given, "--out", str(out)]) == 2
        assert reason in capsys.readouterr().err
    assert not out.exists()
