"""What a model is: weights, and every setting that moves a vector; told apart by both, the same in each precision."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import BERT_BODY, TOY, make_model
from sentence_transformers import SentenceTransformer

import tiered_st
from tiered_st.fingerprint import Fingerprint, difference, model_fingerprint, model_revision, weights_fingerprint
from tiered_st.model import load, set_storage

TEXTS = ["the cat sat on the mat", "Teh CAT!", "a b c d e f g h i j k l m n o p"]


def layer() -> torch.nn.Module:
    layer = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))  # with an integer buffer
    torch.nn.init.constant_(layer[0].weight, 0.5)
    torch.nn.init.zeros_(layer[0].bias)
    return layer


class Shell:
    """A model without weights, known by what it does."""

    def __init__(self, value: float) -> None:
        self.value = value

    def encode(self, texts: list[str]) -> np.ndarray:
        return np.full((len(texts), 4), self.value, dtype=np.float32)


# the weights alone, which stored indexes and results are known by


def test_the_old_fingerprint_is_a_constant_of_the_weights() -> None:
    assert weights_fingerprint(layer()) == weights_fingerprint(layer()) == "dd7289ef83306b0a"
    assert weights_fingerprint(Shell(1)) == weights_fingerprint(Shell(1)) != weights_fingerprint(Shell(2))


def test_the_new_one_is_a_constant_too() -> None:
    """A change here makes every stored index foreign: make it a new form, and compare the old one as before."""
    assert model_fingerprint(layer()) == "2-7e026308180b6ce5-697268d91f85e97c-697268d91f85e97c-697268d91f85e97c"
    assert Fingerprint.of(make_model()).settings == "bcc23dc70eb3d906"


@pytest.mark.parametrize(
    ("name", "version", "known"),
    [
        ("en-small", 12, "2-498a4d2f20d3c4dc-a624eba87eb5e015-634cd4b1b919671a-d8c70a6cb160d979"),
        ("en-mini", 12, "2-590d8b4e61ab732c-3bac111822cda869-e587fbe0ca925f8d-da55f6cf3bd7763b"),
        ("en-nano", 13, "2-79a397515db5a59c-b77a3402a0683101-63d3b2cd6cf752ce-ca143dfe2deebb14"),
        ("en-es", 9, "2-92f5521dbf8a3333-fe5fea2a29d2382e-45bb3c2e1106244a-30343783b362c14d"),
    ],
)
def test_a_shipped_model_is_known_by_what_indexes_of_it_hold(name: str, version: int, known: str) -> None:
    """As long as its version is this one (see CONTRIBUTING.md)."""
    assert json.loads(Path(tiered_st.path(name), "recipe.json").read_text())["version"] == version
    assert model_fingerprint(load(name, device="cpu")) == known


def test_half_precision_and_models_without_weights_have_constants_too() -> None:
    assert model_fingerprint(make_model().half()) == "2-bcc23dc70eb3d906-9bd7300f4f4e221b"
    assert model_fingerprint(Shell(1)) == "2-bdbeb33d7623e7a8-b80c3bcc6fc8133f-b80c3bcc6fc8133f-b80c3bcc6fc8133f"


@pytest.mark.parametrize("fingerprint", [weights_fingerprint, model_fingerprint, model_revision])
def test_every_kind_of_change_of_weights_is_seen(fingerprint: Callable[[Any], str]) -> None:
    changed = [layer() for _ in range(4)]
    with torch.no_grad():
        changed[0][0].weight[1, 2] = float(np.nextafter(np.float32(0.5), np.float32(1)))  # one bit
        changed[1][1].num_batches_tracked += 1
        changed[2][0].weight = torch.nn.Parameter(changed[2][0].weight.reshape(3, 2))
    changed[3] = torch.nn.ModuleDict({"renamed": changed[3]})
    assert len({fingerprint(one) for one in [layer(), *changed]}) == 5
    transposed = layer()
    transposed[0].weight.data = transposed[0].weight.data.t().contiguous().t()
    assert fingerprint(transposed) == fingerprint(layer())  # the layout in memory does not matter


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
@pytest.mark.parametrize("fingerprint", [weights_fingerprint, model_fingerprint])
def test_packed_int8_weights_count(fingerprint: Callable[[Any], str]) -> None:
    def packed(value: float) -> torch.nn.Module:
        model = torch.nn.Module()
        weight = torch.quantize_per_tensor(torch.full((2, 2), value), 0.01, 0, torch.qint8)
        model.state_dict = lambda: {"packed": (weight, None), "dtype": torch.qint8}  # type: ignore[assignment,method-assign]
        return model

    assert fingerprint(packed(0.5)) == fingerprint(packed(0.5)) != fingerprint(packed(0.6))


# settings that move a vector, and those that do not


def changes() -> dict[str, Callable[[SentenceTransformer], object]]:
    def set_to(target: Callable[[Any], Any], **values: Any) -> Callable[[SentenceTransformer], object]:
        return lambda model: [setattr(target(model), name, value) for name, value in values.items()]

    whole = lambda model: model  # noqa: E731
    return {
        "pooling": set_to(lambda model: model.pooling, pooling_mode="max"),
        "include_prompt": lambda model: model.set_pooling_include_prompt(False),
        "max_seq_length": set_to(whole, max_seq_length=9),
        "truncate_dim": set_to(whole, truncate_dim=8),
        "default prompt": set_to(whole, prompts={"x": "find: "}, default_prompt_name="x"),
        "query prompt": set_to(whole, prompts={"query": "find: "}),
        "no normalize": lambda model: delattr(model, "normalize"),
        "int8 encoder": tiered_st.quantize_char_encoder,
        "table": lambda model: tiered_st.tabulate(model, TEXTS[:1]),
    }


@pytest.mark.parametrize("name", changes())
def test_what_moves_a_vector_makes_another_model(name: str) -> None:
    model = make_model()
    before, revision = model_fingerprint(model), model_revision(model)
    changes()[name](model)
    assert model_revision(model) != revision
    differs = difference(before, model)
    assert differs is not None
    weights = {"int8 encoder", "table"}
    assert ("other weights" if name in weights else "the same weights, but other settings") in differs


def test_settings_of_the_configuration_count_too() -> None:
    """They move a vector although every weight is the same."""
    plain = make_model()
    for change in ({"lowercase": False}, {"normalization": None}, {"pool_marks": False}):
        other = make_model(TOY.replace(**change))
        assert weights_fingerprint(other) == weights_fingerprint(plain)
        assert model_revision(other) != model_revision(plain), change


@pytest.mark.parametrize("change", [{"cache_size": 7}, {"dropout": 0.5}, {"max_chunks": 60}])
def test_settings_that_move_none_do_not_count(change: dict[str, Any]) -> None:
    plain, other = make_model(), make_model(TOY.replace(**change))
    plain.max_seq_length = other.max_seq_length = 60
    assert model_fingerprint(other) == model_fingerprint(plain)


def test_names_similarity_and_unused_prompts_do_not_count() -> None:
    model, other = make_model(), make_model()
    model.prompts, model.default_prompt_name = {"a": "find: "}, "a"
    other.prompts, other.default_prompt_name = {"b": "find: ", "c": "never by itself "}, "b"
    other.similarity_fn_name = "dot"
    assert model_fingerprint(other) == model_fingerprint(model)


def test_a_body_counts_without_its_dropout() -> None:
    plain = make_model(TOY.replace(body=BERT_BODY))
    dropping = make_model(TOY.replace(body=BERT_BODY | {"hidden_dropout_prob": 0.5, "transformers_version": "9"}))
    other = make_model(TOY.replace(body=BERT_BODY | {"hidden_act": "relu"}))
    assert model_fingerprint(dropping) == model_fingerprint(plain)
    assert weights_fingerprint(other) == weights_fingerprint(plain) and model_revision(other) != model_revision(plain)


# the same model in another form


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_another_precision_is_the_same_model(dtype: str) -> None:
    full, other = make_model(), make_model().to(getattr(torch, dtype))
    assert difference(model_fingerprint(full), other) is None
    assert difference(model_fingerprint(other), full) is None
    with torch.no_grad():
        other[1].body.norm.weight[0] += 0.25
    assert "other weights" in str(difference(model_fingerprint(full), other))


def test_float16_is_not_bfloat16() -> None:
    """Each is the float32 model, but what the one has rounded the other cannot know."""
    assert difference(model_fingerprint(make_model().half()), make_model().bfloat16()) is not None


@pytest.mark.parametrize("storage", ["float16", "int8"])
def test_a_stored_model_is_the_same_whatever_it_is_loaded_as(storage: str, tmp_path: Path) -> None:
    model = make_model()
    set_storage(model, storage)
    model.save(str(tmp_path / "m"), create_model_card=False)
    again = load(tmp_path / "m", device="cpu")
    again.save(str(tmp_path / "again"), create_model_card=False)
    stored = model_fingerprint(again)
    for dtype in (None, "float16", "bfloat16"):
        assert difference(stored, load(tmp_path / "again", device="cpu", dtype=dtype)) is None


def test_copies_and_processes_agree(tmp_path: Path) -> None:
    model = make_model()
    model.max_seq_length, model.truncate_dim = 9, 8
    model.save(str(tmp_path / "m"), create_model_card=False)
    code = (
        "import sys; from sentence_transformers import SentenceTransformer; from tiered_st.fingerprint import *\n"
        "print(model_fingerprint(SentenceTransformer(sys.argv[1], trust_remote_code=True, device='cpu')))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "m")], check=True, capture_output=True, text=True,
        cwd=Path(__file__).parent.parent,
    )  # fmt: skip
    copies = [copy.deepcopy(model), pickle.loads(pickle.dumps(model)), load(tmp_path / "m", device="cpu")]
    assert {run.stdout.strip(), *map(model_fingerprint, copies)} == {model_fingerprint(model)}


def test_an_old_fingerprint_is_compared_by_the_weights_with_a_sentence(caplog: pytest.LogCaptureFixture) -> None:
    model = make_model()
    with caplog.at_level(logging.WARNING):
        assert difference(weights_fingerprint(model), model) is None
    assert "of the weights alone" in caplog.text
    assert "other weights" in str(difference("0" * 16, model))
    assert Fingerprint.parse("0" * 16) is None
    assert Fingerprint.parse(model_fingerprint(model)) == Fingerprint.of(model)


def test_an_index_does_not_load_under_a_model_that_pools_otherwise(tmp_path: Path) -> None:
    pytest.importorskip("faiss")
    model = make_model()
    tiered_st.FaissIndex.build(model, TEXTS).save(tmp_path / "i")
    model.pooling.pooling_mode = "max"
    with pytest.raises(ValueError, match="the same weights, but other settings"):
        tiered_st.FaissIndex.load(tmp_path / "i", model)
    model.pooling.pooling_mode = "mean"
    assert tiered_st.FaissIndex.load(tmp_path / "i", model.half()).search(TEXTS[0], k=1)[0].score > 0.99
