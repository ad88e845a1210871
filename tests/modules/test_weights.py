"""Weights on disk: three storages, and a clear word about every kind of damage."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from torch import nn

from tiered_st.model import set_storage
from tiered_st.modules import weights
from tiered_st.modules.weights import load_weights, quantize, save_weights


def make_module(width: int = 64) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(width, 64), nn.LayerNorm(64))


def test_quantize_by_hand() -> None:
    integers, scale = quantize(torch.tensor([[127.0, -64.0, 0.4], [0.0, 0.0, 0.0], [-0.5, 0.25, 0.0]]))
    assert integers.dtype == torch.int8 and scale.dtype == torch.float32
    assert integers[:2].tolist() == [[127, -64, 0], [0, 0, 0]]
    assert integers[2].tolist() in ([-127, 64, 0], [-127, 63, 0])  # 63.5 rounds either way
    assert scale[0].item() == 1.0 and scale[2].item() == pytest.approx(0.5 / 127)


def test_quantize_is_off_by_half_a_step_at_most() -> None:
    weight = torch.randn(50, 40, generator=torch.Generator().manual_seed(0)) * torch.logspace(-6, 3, 50)[:, None]
    integers, scale = quantize(weight)
    assert ((integers * scale - weight).abs() <= 0.501 * scale).all()


@pytest.mark.parametrize(("storage", "error"), [("float32", 0.0), ("float16", 2e-4), ("int8", 1e-3)])
def test_each_storage_reloads_as_float32(storage: str, error: float, tmp_path: Path) -> None:
    module, again = make_module(), make_module()
    save_weights(module, tmp_path, storage)
    nn.init.zeros_(again[0].weight)
    load_weights(again, tmp_path / "model.safetensors")
    for name, value in again.state_dict().items():
        assert value.dtype == torch.float32
        torch.testing.assert_close(value, module.state_dict()[name], atol=error, rtol=0)


def test_sizes(tmp_path: Path) -> None:
    sizes = {}
    for storage in weights.STORAGES:
        save_weights(make_module(512), tmp_path, storage)
        sizes[storage] = (tmp_path / "model.safetensors").stat().st_size
    assert sizes["float16"] < 0.52 * sizes["float32"]
    assert sizes["int8"] < 0.27 * sizes["float32"]


def test_int8_keeps_vectors_exact(tmp_path: Path) -> None:
    save_weights(make_module(), tmp_path, "int8")
    stored = load_file(tmp_path / "model.safetensors")
    assert stored["0.weight"].dtype == torch.int8 and stored["0.weight.scale"].shape == (64, 1)
    assert stored["0.bias"].dtype == torch.float32 and "0.bias.scale" not in stored


def test_an_unknown_storage_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="storage='int4' is not one of float32, float16, int8"):
        save_weights(make_module(), tmp_path, "int4")
    assert not list(tmp_path.iterdir())


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = make_module()
    save_weights(module, tmp_path)
    before = (tmp_path / "model.safetensors").read_bytes()

    def full_disk(tensors: object, path: Path, **kwargs: object) -> None:
        Path(path).write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(weights, "save_file", full_disk)
    with pytest.raises(OSError, match="No space"):
        save_weights(module, tmp_path)
    assert (tmp_path / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda path: path.unlink(), "is missing"),
        (lambda path: path.write_bytes(path.read_bytes()[:-100]), "cannot be read"),
        (lambda path: path.write_bytes(path.read_bytes()[:20]), "cannot be read"),
        (lambda path: path.write_bytes(b""), "cannot be read"),
        (lambda path: path.write_bytes(b"not safetensors at all"), "cannot be read"),
        (lambda path: save_weights(make_module(32), path.parent), r"0\.weight of shape \(64, 32\) .* \(64, 64\)"),
        (lambda path: save_file({"0.weight": torch.zeros(64, 64)}, path), r"lacks 0\.bias.*and 2 more|lacks 0\.bias"),
        (
            lambda path: save_file(make_module().state_dict() | {"extra": torch.zeros(1)}, path),
            "has an unknown extra",
        ),
    ],
    ids=["missing", "truncated", "header cut", "empty", "foreign", "shape", "lacks", "unknown"],
)
def test_damage_is_named_with_file_and_cure(damage: object, says: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_weights(make_module(), tmp_path)
    damage(path)  # type: ignore[operator]
    with pytest.raises(ValueError, match=says) as refusal:
        load_weights(make_module(), path)
    assert str(path) in str(refusal.value)
    assert "opy or download" in str(refusal.value)


@pytest.mark.parametrize("step", ["save_file", "fsync", "replace"])
def test_a_save_that_fails_leaves_the_old_weights_alone(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = make_module()
    save_weights(module, tmp_path)
    before = (tmp_path / "model.safetensors").read_bytes()
    nn.init.zeros_(module[0].weight)  # type: ignore[arg-type]

    def failing(*args: object, **kwargs: object) -> None:
        if step == "save_file":
            Path(str(args[1])).write_bytes(b"half")
        raise OSError("disk gone")

    monkeypatch.setattr(weights if step == "save_file" else os, step, failing)
    with pytest.raises(OSError, match="disk gone"):
        save_weights(module, tmp_path)
    assert os.listdir(tmp_path) == ["model.safetensors"]
    assert (tmp_path / "model.safetensors").read_bytes() == before


# what a storage cannot hold, and names


def module_with(name: str, value: float) -> nn.Module:
    module = nn.Module()
    module.register_module("layer", nn.Module())
    module.layer.register_parameter(name, nn.Parameter(torch.full((2, 2), value)))
    return module


@pytest.mark.parametrize("value", [1e5, -7e4])
def test_float16_refuses_what_it_cannot_hold(value: float, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"storage='float16' cannot hold {value:g}, a value of layer.weight"):
        save_weights(module_with("weight", value), tmp_path, "float16")
    assert not list(tmp_path.iterdir())
    save_weights(module_with("weight", value), tmp_path, "float32")
    with pytest.raises(ValueError, match=rf"dtype='float16' cannot hold {value:g}, a value of layer.weight"):
        load_weights(module_with("weight", 0.0).half(), tmp_path / "model.safetensors")
    load_weights(module_with("weight", 0.0).bfloat16(), tmp_path / "model.safetensors")
    save_weights(module_with("weight", 65504.0), tmp_path, "float16")  # just fits


def test_a_storage_that_one_module_cannot_have_is_given_to_none(model: SentenceTransformer) -> None:
    with torch.no_grad():
        model[1].body.norm.weight[0] = 1e5
    with pytest.raises(ValueError, match=r"cannot hold 100000, a value of body.norm.weight"):
        set_storage(model, "float16")
    assert model[0].storage == model[1].storage == "float32"
    with torch.no_grad():
        next(weight for weight in model[1].parameters() if weight.ndim == 2).fill_(float("nan"))
    with pytest.raises(ValueError, match=r"storage='int8' cannot hold .* not finite"):
        set_storage(model, "int8")


@pytest.mark.parametrize("storage", weights.STORAGES)
@pytest.mark.parametrize("name", ["scale", "weight"])
def test_a_parameter_may_be_called_scale(name: str, storage: str, tmp_path: Path) -> None:
    save_weights(module_with(name, 0.5), tmp_path, storage)
    again = module_with(name, 0.0)
    load_weights(again, tmp_path / "model.safetensors")
    assert torch.equal(getattr(again.layer, name), torch.full((2, 2), 0.5))
