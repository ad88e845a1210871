"""What is set lasts, through every way in which a model is saved, loaded and copied, or is refused by name."""

from __future__ import annotations

import copy
import dataclasses
import json
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
from tiered_st.config import TieredConfig
from tiered_st.model import load, set_storage
from tiered_st.modules import weights

TEXTS = ["the cat sat on the mat", "Teh CAT, sat!", "", "a b c d e f g h i j k l m n o p q r s t u v"]
PROMPTED = {"prompts": {"find": "find this: ", "query": "", "document": ""}, "default_prompt_name": "find"}


def make(config: TieredConfig = TOY, *, then: Callable[[Any], object] = lambda model: None, **settings: Any) -> Any:
    """Build a toy model and set something."""
    model = make_model(config)
    for name, value in settings.items():
        setattr(model, name, value)
    then(model)
    return model


CASES: dict[str, Callable[[], SentenceTransformer]] = {
    "max_seq_length": lambda: make(max_seq_length=9),
    "truncate_dim": lambda: make(truncate_dim=8),
    "prompts": lambda: make(**PROMPTED),
    "similarity_fn_name": lambda: make(similarity_fn_name="dot"),
    "include_prompt": lambda: make(then=lambda model: model.set_pooling_include_prompt(False), **PROMPTED),
    "include_prompt, without marks": lambda: make(
        TOY.replace(pool_marks=False), then=lambda model: model.set_pooling_include_prompt(False), **PROMPTED
    ),
    "float16": lambda: make().half(),
    "bfloat16": lambda: make().bfloat16(),
    "float64": lambda: make().double(),
    "storage": lambda: stored(make(), "int8"),
    "encoder": lambda: make(then=tiered_st.quantize_char_encoder),
    "table": lambda: make(then=lambda model: tiered_st.tabulate(model, TEXTS[:1])),
    "table alone": lambda: make(then=lambda model: tiered_st.tabulate(model, TEXTS, keep_encoder=False)),
    "pooling": lambda: make(TOY.replace(pooling="max")),
    "pooling changed later": lambda: make(then=lambda model: setattr(model.pooling, "pooling_mode", "cls")),
    "segments": lambda: make(TOY.replace(segments=2)),
    "no cache": lambda: make(TOY.replace(cache_size=0)),
    "body": lambda: make(TOY.replace(body=BERT_BODY)),
}


def stored(model: SentenceTransformer, storage: str) -> SentenceTransformer:
    """Give a model the weights that ``storage`` can hold, and that storage."""
    for module in (model[0], model[1]):
        packed: dict[str, torch.Tensor] = {}
        for name, value in module.state_dict().items():
            packed |= weights.pack(name, value, storage)
        module.load_state_dict(weights.unpack(packed))
    set_storage(model, storage)
    return model


def read(model: SentenceTransformer) -> dict[str, Any]:
    """Return everything that can be set, as JSON-ready types."""
    return {
        "max_seq_length": model.max_seq_length,
        "truncate_dim": model.truncate_dim,
        "prompts": model.prompts,
        "default_prompt_name": model.default_prompt_name,
        "similarity_fn_name": model.similarity_fn_name,
        "pooling": model.pooling.get_config_dict(),
        "dtype": [str(model[0].dtype), str(model[1].dtype)],
        "storage": [model[0].storage, model[1].storage],
        "encoder": model[0].encoder,
        "table": None if model[0].table is None else model[0].table.settings(),
        "settings": model[0].settings.to_dict(),
        "cache": getattr(model[0].cache, "capacity", 0),
    }


def dump(folder: str) -> None:
    """Load every case in this process, by both ways, and write what there is of it."""
    found: dict[str, Any] = {}
    for case in CASES:
        for way, loader in LOADERS.items():
            model = loader(Path(folder) / case)
            found[f"{case}, {way}"] = [read(model), model.encode(TEXTS).astype(float).tolist()]
    (Path(folder) / "found.json").write_text(json.dumps(found))


LOADERS: dict[str, Callable[[Path], SentenceTransformer]] = {
    "load": lambda folder: load(folder, device="cpu"),
    "SentenceTransformer": lambda folder: SentenceTransformer(str(folder), trust_remote_code=True, device="cpu"),
}
COPIES = {"deepcopy": copy.deepcopy, "pickle": lambda model: pickle.loads(pickle.dumps(model))}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Save every case; return the folder, and what a new process found there."""
    folder = tmp_path_factory.mktemp("settings")
    for case, built in CASES.items():
        built().save(str(folder / case), create_model_card=False)
    code = "import sys; sys.path.insert(0, 'tests'); import test_settings; test_settings.dump(sys.argv[1])"
    root = Path(__file__).parent.parent
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True, capture_output=True, cwd=root)
    return folder, json.loads((folder / "found.json").read_text())


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("way", [*LOADERS, *COPIES])
def test_what_is_set_lasts(case: str, way: str, saved: tuple[Path, dict[str, Any]]) -> None:
    model, (folder, elsewhere) = CASES[case](), saved
    again = LOADERS[way](folder / case) if way in LOADERS else COPIES[way](model)
    assert read(again) == read(model)
    np.testing.assert_allclose(again.encode(TEXTS), model.encode(TEXTS), atol=1e-6, rtol=0)
    if way in LOADERS:
        settings, vectors = elsewhere[f"{case}, {way}"]
        assert settings == json.loads(json.dumps(read(model)))
        np.testing.assert_allclose(vectors, model.encode(TEXTS), atol=1e-6, rtol=0)


def test_each_case_is_not_the_default() -> None:
    plain = make()
    for case, built in CASES.items():
        assert read(built()) != read(plain), case


OTHER_VALUES: dict[str, Any] = {
    "normalization": None, "lowercase": False, "chunker": "windows", "window": 20, "stride": 10, "boundary_layers": 1,
    "boundary_buckets": 100, "chunk_chars": 48, "max_chunks": 20, "d_char": 16, "char_layers": 0, "char_heads": 1,
    "char_ffn": 32, "char_mixer": "convolution", "char_kernel": 3, "char_positions": "alibi", "char_span": "text",
    "ngram_sizes": (3,), "ngram_buckets": 64, "ngram_width": 8, "leave_one_out": False, "projector_pooling": "max",
    "projector_hidden": 0, "memory_slots": 16, "memory_width": 8, "memory_values": 4, "type_embedding": False,
    "chunk_quantization": "int8", "d_sem": 16, "sem_layers": 1, "sem_heads": 1, "sem_ffn": 32, "sem_positions": "alibi",
    "segments": 2, "peek": True, "body": BERT_BODY, "pooling": "cls", "pool_marks": False, "dropout": 0.5,
    "cache_size": 3, "fold_accents": True, "own_letters": "ñ", "ordinals": True, "decimal_commas": True,
    "split_hashtags": True,
}  # fmt: skip
NEEDED = {"window": {"chunker": "windows", "stride": 20}, "stride": {"chunker": "windows", "window": 20}}
NEEDED |= {"memory_values": {"memory_slots": 16}, "memory_width": {"memory_slots": 16}, "chunker": {"chunk_chars": 48}}
NEEDED |= {"own_letters": {"fold_accents": True}}
NEEDED |= {"boundary_layers": {"chunker": "learned"}, "boundary_buckets": {"chunker": "learned"}}


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(TieredConfig)])
def test_every_setting_of_the_configuration_lasts(name: str, tmp_path: Path) -> None:
    config = TOY.replace(**NEEDED.get(name, {}) | {name: OTHER_VALUES[name]})
    model = make_model(config)
    model.save(str(tmp_path / "m"), create_model_card=False)
    for loader in LOADERS.values():
        again = loader(tmp_path / "m")
        assert again[0].settings == again[1].settings == config
        assert getattr(again[0].settings, name) != getattr(TOY, name)
        np.testing.assert_allclose(again.encode(TEXTS), model.encode(TEXTS), atol=1e-6, rtol=0)
