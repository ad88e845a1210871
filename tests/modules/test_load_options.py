"""What loading may be asked for is honoured or refused by name, draws no random numbers, and finds what is meant."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import BERT_BODY, TOY, make_model
from sentence_transformers import SentenceTransformer

from tiered_st.model import folder_of, load, pretrained
from tiered_st.modules import TieredInput

TEXTS = ["the cat sat on the mat", "Teh CAT, sat!", "", "a b c d e f g h i j k l m n o p q r s t u v"]
LOADERS: dict[str, Callable[[Path], SentenceTransformer]] = {
    "load": lambda folder: load(folder, device="cpu"),
    "SentenceTransformer": lambda folder: SentenceTransformer(str(folder), trust_remote_code=True, device="cpu"),
}


# what loading may ask for


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bert") / "m"
    make_model(TOY.replace(body=BERT_BODY)).save(str(folder), create_model_card=False)
    return folder


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"backend": "openvino"}, "backend='openvino': a tiered model runs in torch and in ONNX Runtime"),
        ({"backend": "tvm"}, "backend='tvm' is not one of torch, onnx"),
        ({"model_kwargs": {"attn_implementation": "flash_attention_2"}}, "attn_implementation='flash_attention_2'"),
        ({"model_kwargs": {"file_name": "model.onnx"}}, "model_kwargs has file_name, but takes dtype"),
        ({"model_kwargs": {"device_map": "auto"}}, "model_kwargs has device_map"),
        ({"model_kwargs": {"dtype": "int8"}}, "dtype='int8' is not one of"),
        ({"processor_kwargs": {"padding_side": "left"}}, "processor_kwargs has padding_side, but takes model_max_len"),
        ({"processor_kwargs": {"model_max_length": 65}}, "max_seq_length=65 must be"),
        ({"config_kwargs": {"num_hidden_layers": 1}}, "config_kwargs has num_hidden_layers, but takes nothing"),
    ],
)
def test_options_that_would_be_ignored_are_refused_by_name(options: dict[str, Any], says: str, bert: Path) -> None:
    with pytest.raises(ValueError, match=says):
        SentenceTransformer(str(bert), trust_remote_code=True, device="cpu", **options)


def test_options_that_are_honoured(bert: Path) -> None:
    plain = load(bert, device="cpu")
    opened = lambda **options: SentenceTransformer(str(bert), trust_remote_code=True, device="cpu", **options)  # noqa: E731
    assert opened(processor_kwargs={"model_max_length": 9}).max_seq_length == 9
    assert opened(model_kwargs={"torch_dtype": torch.bfloat16})[1].dtype == torch.bfloat16
    assert opened(truncate_dim=8).encode("a").shape == (8,)
    assert opened(backend="torch", model_kwargs={}, config_kwargs=None).max_seq_length == 64
    for implementation in ("eager", "sdpa"):
        model = opened(model_kwargs={"attn_implementation": implementation})
        assert model[1].body.model.config._attn_implementation == implementation
        np.testing.assert_allclose(model.encode(TEXTS), plain.encode(TEXTS), atol=1e-6, rtol=0)


def test_a_revision_reaches_the_hub_for_every_file(bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str | None]] = []

    def load_file_path(path: str, filename: str, subfolder: str = "", **options: Any) -> str:
        asked.append((filename, options.get("revision")))
        return str(bert / subfolder / filename)

    monkeypatch.setattr(
        "sentence_transformers.base.modules.module.load_file_path",
        lambda **o: load_file_path(o.pop("model_name_or_path"), **o),
    )
    TieredInput.load("somebody/model", revision="abc")
    assert asked == [("config.json", "abc"), ("model.safetensors", "abc")]


def test_our_own_transformer_has_one_way_of_attention(tmp_path: Path) -> None:
    make_model().save(str(tmp_path), create_model_card=False)
    options = {"trust_remote_code": True, "device": "cpu"}
    SentenceTransformer(str(tmp_path), model_kwargs={"attn_implementation": "sdpa"}, **options)
    with pytest.raises(ValueError, match="attn_implementation='eager' needs a Hugging Face body"):
        SentenceTransformer(str(tmp_path), model_kwargs={"attn_implementation": "eager"}, **options)


@pytest.mark.parametrize("way", LOADERS)
def test_loading_draws_no_random_numbers(way: str, bert: Path) -> None:
    torch.manual_seed(7)
    before = torch.get_rng_state()
    LOADERS[way](bert)
    assert torch.equal(torch.get_rng_state(), before)


# names


def test_a_folder_does_not_shadow_a_shipped_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = pretrained()[0]
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    assert folder_of(name).parent.name == "pretrained"
    assert folder_of(f"./{name}") == folder_of(Path(name)) == Path(name)
    assert folder_of(Path(pretrained()[-1])).parent.name == "pretrained"  # there is no such folder here
    with pytest.raises(ValueError, match=r"modules\.json is missing"):
        load(f"./{name}")
