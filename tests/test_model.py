"""The whole model: the same vector for a text whatever its company, on any text, in any process."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import BERT_BODY, TOY, UNICODE, make_model
from hypothesis import given, settings
from sentence_transformers import SentenceTransformer

from tiered_st.fingerprint import model_revision
from tiered_st.model import build, load, pretrained, set_storage

TEXTS = ["the cat sat on the mat", "Teh CAT, sat!", "", "a", "你好世界 😂", "\ud800", "don't " * 100, "x" * 500]
BODIES = {"own": TOY, "bert": TOY.replace(body=BERT_BODY)}
SHARED = make_model()


def generated(count: int) -> list[str]:
    """Return texts of 0 to 30 words of several scripts and lengths."""
    rng = random.Random(0)
    syllables = ["ka", "lo", "mi", "the", "ing", "qu", "X", "é", "9", "-", "'", "ж", "你", "😂", "!"]
    word = lambda: "".join(rng.choices(syllables, k=rng.randint(1, 6)))  # noqa: E731
    return [" ".join(word() for _ in range(rng.randint(0, 30))) for _ in range(count)]


# one text, one vector


def test_a_thousand_texts_together_one_by_one_and_shuffled(model: SentenceTransformer) -> None:
    texts = generated(1000)
    together = model.encode(texts)
    order = list(range(1000))
    random.Random(1).shuffle(order)
    shuffled = np.empty_like(together)
    shuffled[order] = model.encode([texts[i] for i in order], batch_size=17)
    np.testing.assert_allclose(shuffled, together, atol=1e-5, rtol=0)
    alone = np.stack([model.encode(text) for text in texts])
    np.testing.assert_allclose(alone, together, atol=1e-5, rtol=0)
    assert len(model[0].cache) <= TOY.cache_size


@pytest.mark.parametrize("body", BODIES)
def test_company_does_not_matter_for_either_body(body: str) -> None:
    model = make_model(BODIES[body].replace(cache_size=0))
    together = model.encode(TEXTS)
    for text, vector in zip(TEXTS, together, strict=True):
        np.testing.assert_allclose(model.encode(text), vector, atol=1e-5, rtol=0)


def test_different_texts_get_different_vectors(toy: SentenceTransformer) -> None:
    vectors = toy.encode(TEXTS)
    gram = vectors @ vectors.T - np.eye(len(TEXTS))
    assert gram.max() < 0.9999


@settings(max_examples=60)
@given(UNICODE)
def test_any_unicode_gives_a_finite_unit_vector(text: str) -> None:
    vector = SHARED.encode(text)
    assert vector.shape == (TOY.d_sem,) and vector.dtype == np.float32
    assert abs(np.linalg.norm(vector) - 1) < 1e-5  # NaN fails too


@pytest.mark.parametrize(
    "text",
    ["", " ", "a", "\ud800", "\x00", "\uffff", "\U0010ffff", "word and " * 120_000, "x" * 1_000_000, " " * 1_000_000,
     "你" * 400_000, "😂" * 250_000, "\u0301" * 1_000_000, "\ufdfa" * 100_000],
    ids=["empty", "space", "char", "surrogate", "nul", "noncharacter", "last", "1 MB of words", "1 MB word",
         "1 MB of spaces", "1 MB of Han", "1 MB of emoji", "1 MB of marks", "1.8 million once normalised"],
)  # fmt: skip
def test_extreme_texts(text: str, toy: SentenceTransformer) -> None:
    vector = toy.encode(text)
    assert np.isfinite(vector).all() and abs(np.linalg.norm(vector) - 1) < 1e-5


def test_empty_list(toy: SentenceTransformer) -> None:
    assert toy.encode([]).shape == (0,)


def test_forward_is_re_runnable_on_the_same_dict(model: SentenceTransformer) -> None:
    features = model.preprocess(["the cat", "a dog sat"])
    with torch.no_grad():
        first = model(features)["sentence_embedding"].clone()
        second = model(features)["sentence_embedding"]
    torch.testing.assert_close(second, first, atol=1e-6, rtol=0)


def test_prompts_are_put_before_texts(model: SentenceTransformer) -> None:
    np.testing.assert_allclose(model.encode("b", prompt="a "), model.encode("a b"), atol=1e-6)
    model.prompts = {"query": "find: "}
    np.testing.assert_allclose(model.encode("b", prompt_name="query"), model.encode("find: b"), atol=1e-6)


def test_what_is_no_text_raises_through_encode(toy: SentenceTransformer) -> None:
    with pytest.raises(ValueError, match="An input is a NoneType"):
        toy.encode([None])


# build


def test_build_names_its_modules() -> None:
    model = build("toy", device="cpu")
    assert type(model) is SentenceTransformer
    assert [name for name, _ in model.named_children()] == ["tiers", "semantic_encoder", "pooling", "normalize"]
    assert model.max_seq_length == TOY.max_chunks
    assert model.get_embedding_dimension() == TOY.d_sem
    assert model.similarity_fn_name == "cosine"


def test_build_refuses_an_unknown_preset() -> None:
    with pytest.raises(ValueError, match="No preset is called 'huge': choose from toy, small"):
        build("huge")


@pytest.mark.parametrize("pooling", ["mean", "max", "cls"])
def test_poolings(pooling: str) -> None:
    vectors = make_model(TOY.replace(pooling=pooling)).encode(["the cat", "the dog on the mat"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


# save and load


@pytest.fixture(scope="module", params=BODIES)
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[SentenceTransformer, Path]:
    model = make_model(BODIES[request.param])
    folder = tmp_path_factory.mktemp("saved") / request.param
    model.save(str(folder))
    return model, folder


def test_the_files_of_a_model_are_pinned(saved: tuple[SentenceTransformer, Path]) -> None:
    """File names in modules/ are the on-disk format: moving a class breaks every saved model."""
    rows = json.loads((saved[1] / "modules.json").read_text())
    assert [(row["name"], row["path"], row["type"]) for row in rows] == [
        ("tiers", "", "tiered_st.modules.tiered_input.TieredInput"),
        ("semantic_encoder", "1_SemanticEncoder", "tiered_st.modules.semantic_encoder.SemanticEncoder"),
        ("pooling", "2_Pooling", "sentence_transformers.sentence_transformer.modules.pooling.Pooling"),
        ("normalize", "3_Normalize", "sentence_transformers.base.modules.normalize.Normalize"),
    ]
    files = {str(path.relative_to(saved[1])) for path in saved[1].rglob("*") if path.is_file()}
    assert {"model.safetensors", "1_SemanticEncoder/model.safetensors", "config.json"} <= files
    assert not [name for name in files if name.endswith((".bin", ".pt", ".pkl")) or name.startswith(".")]


def test_a_loaded_model_equals_the_saved_one(saved: tuple[SentenceTransformer, Path]) -> None:
    model, folder = saved
    again = load(folder, device="cpu")
    np.testing.assert_allclose(again.encode(TEXTS), model.encode(TEXTS), atol=1e-6, rtol=0)
    assert [name for name, _ in again.named_children()] == [name for name, _ in model.named_children()]
    assert again.similarity_fn_name == "cosine" and again.max_seq_length == model.max_seq_length
    assert again[0].settings == model[0].settings


def test_a_new_process_gives_the_same_embeddings(saved: tuple[SentenceTransformer, Path], tmp_path: Path) -> None:
    model, folder = saved
    (tmp_path / "texts.json").write_text(json.dumps(TEXTS))
    code = (
        "import json, sys, numpy; from sentence_transformers import SentenceTransformer\n"
        "model = SentenceTransformer(sys.argv[1], trust_remote_code=True, device='cpu')\n"
        "numpy.save(sys.argv[3], model.encode(json.load(open(sys.argv[2]))))"
    )
    paths = [str(folder), str(tmp_path / "texts.json"), str(tmp_path / "out.npy")]
    subprocess.run(
        [sys.executable, "-c", code, *paths], check=True, capture_output=True, cwd=Path(__file__).parent.parent
    )
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), model.encode(TEXTS), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("storage", "share"), [("float16", 0.56), ("int8", 0.4)])
def test_storages_shrink_the_file_and_keep_the_vectors(
    model: SentenceTransformer, storage: str, share: float, tmp_path: Path
) -> None:
    size = lambda folder: sum(path.stat().st_size for path in folder.rglob("*.safetensors"))  # noqa: E731
    model.save(str(tmp_path / "float32"), create_model_card=False)
    set_storage(model, storage)
    model.save(str(tmp_path / storage), create_model_card=False)
    assert size(tmp_path / storage) < share * size(tmp_path / "float32")
    again = load(tmp_path / storage, device="cpu")
    assert {parameter.dtype for parameter in again.parameters()} == {torch.float32}
    texts = generated(100)
    cosines = (again.encode(texts) * model.encode(texts)).sum(axis=1)
    assert cosines.min() > 0.999
    again.save(str(tmp_path / "again"), create_model_card=False)  # it remembers how it was stored
    np.testing.assert_allclose(load(tmp_path / "again", device="cpu").encode(texts), again.encode(texts), atol=1e-3)
    assert size(tmp_path / "again") == size(tmp_path / storage)


def test_an_unknown_storage_is_refused(toy: SentenceTransformer) -> None:
    with pytest.raises(ValueError, match="storage='zip' is not one of float32, float16, int8"):
        set_storage(toy, "zip")


def test_the_revision_is_a_hash_of_the_model(model: SentenceTransformer, tmp_path: Path) -> None:
    """What mteb files results under; in a card it belongs to a base model, and there is none."""
    model.save(str(tmp_path / "m"))
    assert "revision" not in (tmp_path / "m" / "README.md").read_text(encoding="utf-8")
    again = load(tmp_path / "m", device="cpu")
    revision = again.model_card_data.base_model_revision
    assert revision == model.model_card_data.base_model_revision == model_revision(again)
    with torch.no_grad():
        again[1].body.norm.weight[0] += 1
    assert again.model_card_data.base_model_revision != revision
    again.model_card_data.base_model_revision = "v1"
    assert again.model_card_data.base_model_revision == "v1"


# what load refuses


def edit(name: str, change: Callable[[Any], Any]) -> Callable[[Path], None]:
    """Return a function that changes a JSON file of a folder."""

    def apply(folder: Path) -> None:
        content = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(change(content)))

    return apply


def row(i: int, **changes: Any) -> Callable[[Any], Any]:
    return lambda rows: [r | changes if j == i else r for j, r in enumerate(rows)]


def config(**changes: Any) -> Callable[[Any], Any]:
    return lambda content: content | {"config": content["config"] | changes}


def truncate(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-64])


E2 = "1_SemanticEncoder"
KERNEL_BODY = BERT_BODY | {"attn_implementation": "somebody/kernel"}
CODE_BODY = {"model_type": "encoder-decoder", "hidden_size": 32, "auto_map": {"AutoModel": "somebody/repo--code.Evil"}}


@pytest.mark.parametrize(
    ("file", "damage", "says"),
    [
        ("modules.json", edit("modules.json", row(1, type="os.system")), "names the class os.system"),
        ("modules.json", edit("modules.json", row(2, type="evil.modeling.Pooling")), "names the class evil.modeling"),
        ("modules.json", edit("modules.json", row(1, type="tiered_st.modules.semantic_encoder.Path")), "does not run"),
        ("modules.json", edit("modules.json", row(1, path="../other")), "points outside its folder"),
        ("modules.json", edit("modules.json", row(1, path="/etc")), "points outside its folder"),
        ("modules.json", edit("modules.json", lambda rows: [*rows, "text"]), "without name, path and type"),
        ("modules.json", edit("modules.json", row(1, path=None)), "without name, path and type"),
        ("modules.json", edit("modules.json", lambda rows: {"rows": rows}), "holds a dict instead of a list"),
        ("modules.json", edit("modules.json", lambda rows: []), "does not open with a TieredInput"),
        ("modules.json", lambda folder: (folder / "modules.json").write_text("[{"), "is not JSON"),
        ("modules.json", lambda folder: (folder / "modules.json").write_bytes(b"\xff\xfe\x00"), "is not JSON"),
        ("modules.json", lambda folder: (folder / "modules.json").unlink(), "is missing"),
        ("config.json", lambda folder: (folder / "config.json").unlink(), "is missing"),
        ("config.json", lambda folder: (folder / "config.json").write_text("null"), "holds a NoneType"),
        (f"{E2}/config.json", lambda folder: (folder / E2 / "config.json").write_text("{"), "is not JSON"),
        ("2_Pooling/config.json", edit("2_Pooling/config.json", lambda _: {"what": 1}), "does not describe a"),
        ("config.json", edit("config.json", lambda content: content | {"extra": 1}), "does not describe a"),
        ("config.json", edit("config.json", config(gate=True)), "does not know gate"),
        ("config.json", edit("config.json", config(d_char=33)), "d_char=33"),
        ("model.safetensors", lambda folder: (folder / "model.safetensors").unlink(), "is missing"),
        (f"{E2}/model.safetensors", lambda folder: (folder / E2 / "model.safetensors").unlink(), "is missing"),
        ("model.safetensors", truncate("model.safetensors"), "cannot be read"),
        (f"{E2}/model.safetensors", truncate(f"{E2}/model.safetensors"), "cannot be read"),
        ("model.safetensors", edit("config.json", config(ngram_buckets=1024)), r"of shape \(513, 32\)"),
        (f"{E2}/model.safetensors", edit(f"{E2}/config.json", config(sem_layers=3)), "lacks body.layers.2"),
        (f"{E2}/model.safetensors", edit(f"{E2}/config.json", config(sem_layers=1)), "has an unknown body.layers.1"),
        (f"{E2}/config.json", edit(f"{E2}/config.json", config(body={"hidden_size": 32})), "does not describe a"),
        (f"{E2}/config.json", edit(f"{E2}/config.json", config(body=KERNEL_BODY)), "may run foreign code"),
        (f"{E2}/config.json", edit(f"{E2}/config.json", config(body=CODE_BODY)), "may run foreign code"),
    ],
)  # fmt: skip
def test_load_refuses_and_names_the_file(
    file: str, damage: Callable[[Path], object], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "model"
    make_model().save(str(folder), create_model_card=False)
    damage(folder)
    monkeypatch.setattr("builtins.input", lambda *args: "n")
    with pytest.raises(ValueError, match=says) as refusal:
        load(folder, device="cpu")
    assert str(folder / file) in str(refusal.value)


def test_load_runs_no_class_that_a_checkpoint_names(tmp_path: Path) -> None:
    """The file that would be imported under trust_remote_code lies beside the weights, and stays unread."""
    folder = tmp_path / "model"
    make_model().save(str(folder), create_model_card=False)
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass TieredInput: pass\n")
    edit("modules.json", row(0, type="evil.TieredInput"))(folder)
    with pytest.raises(ValueError, match=r"names the class evil\.TieredInput"):
        load(folder)
    assert not (tmp_path / "ran").exists()


def test_load_of_nothing_names_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="neither a shipped model"):
        load(tmp_path / "nowhere")
    assert pretrained() == sorted(pretrained())
