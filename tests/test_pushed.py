"""A model on the hub: pushed as this library says, its card, and loaded from there in both ways."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml
from conftest import make_model
from fake_hub import commit_of, serving
from sentence_transformers import SentenceTransformer

import tiered_st
from tiered_st.saved.hub import folder_of

NAME = "owner/name"
TEXTS = ["how do i get my money back", "teh parsel"]
COMMIT = commit_of(1)


def push(model: SentenceTransformer, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, **options: Any) -> None:
    """Push a model to a hub that keeps what it is given in ``folder``."""

    class Api:
        def __init__(self, token: str | None = None) -> None: ...

        def create_repo(self, repo_id: str, **options: Any) -> Any:
            return SimpleNamespace(repo_id=repo_id)

        def upload_folder(self, folder_path: str, **options: Any) -> Any:
            shutil.copytree(folder_path, folder)
            return SimpleNamespace(commit_url="done")

    monkeypatch.setattr("sentence_transformers.base.model.HfApi", Api)
    assert model.push_to_hub(name, **options) == "done"


def card_of(folder: Path) -> tuple[dict[str, Any], str]:
    _, front, text = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(front), text


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[SentenceTransformer, Path, Any]:
    """A model, the folder of a cache that holds it as ``NAME``, and what the last download was asked for."""
    folder = tmp_path / f"models--{NAME.replace('/', '--')}" / "snapshots" / COMMIT
    model = make_model()
    model.save(str(folder))
    asked: dict[str, Any] = {}

    def snapshot_download(name: str, **options: Any) -> str:
        asked.update(options | {"name": name})
        return str(folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    return model, folder, asked


def test_load_takes_a_name_on_the_hub_and_knows_the_commit(served: tuple[SentenceTransformer, Path, Any]) -> None:
    model, _, asked = served
    again = tiered_st.load(
        NAME, device="cpu", revision="v1", token="secret", cache_folder="there", local_files_only=True
    )
    np.testing.assert_allclose(again.encode(TEXTS), model.encode(TEXTS), atol=1e-6)
    expected = {"name": NAME, "revision": COMMIT, "token": "secret", "cache_dir": "there", "local_files_only": True}
    assert asked.items() >= (expected | {"allow_patterns": ["*.json", "*.safetensors"]}).items()
    card: Any = again.model_card_data
    assert (card.hub_name, card.hub_commit, card.model_name) == (NAME, COMMIT, NAME)
    assert card.base_model_revision == model.model_card_data.base_model_revision
    own: Any = tiered_st.load("en-nano", device="cpu").model_card_data
    assert (own.hub_name, own.hub_commit, own.model_name) == (None, None, "en-nano")


def test_a_damaged_file_of_the_hub_says_what_to_delete(served: tuple[SentenceTransformer, Path, Any]) -> None:
    """Downloading again would find the damaged file in the cache."""
    _, folder, _ = served
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-64])
    with pytest.raises(ValueError, match="cannot be read") as refusal:
        tiered_st.load(NAME, device="cpu")
    cure = f"This is {NAME}@{COMMIT} on the hub: delete {folder.parent.parent} to download it anew."
    assert str(weights) in str(refusal.value) and str(refusal.value).endswith(cure)
    with pytest.raises(ValueError, match="cannot be read") as refusal:
        tiered_st.load(folder, device="cpu")
    assert "on the hub" not in str(refusal.value)


def test_a_bar_shows_for_what_takes_a_while(served: tuple[SentenceTransformer, Path, Any]) -> None:
    folder_of(NAME)
    shown = io.StringIO()
    served[2]["tqdm_class"](range(8), disable=False, file=shown).close()
    assert shown.getvalue() == ""


def test_a_card_says_how_to_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make_model()
    push(model, NAME, tmp_path / "pushed", monkeypatch)
    model.model_card_data.model_id = None
    model.save_pretrained(str(tmp_path / "saved"))
    for folder, name in ((tmp_path / "pushed", NAME), (tmp_path / "saved", "path/to/this/folder")):
        front, text = card_of(folder)
        assert "pip install -U tiered-st\n" in text
        assert f'model = tiered_st.load("{name}")' in text
        assert f'model = SentenceTransformer("{name}", trust_remote_code=True)' in text
        assert text.count("SentenceTransformer(") == 1  # none without trust_remote_code
        assert {"tiered-st", "custom_code", "sentence-transformers"} <= set(front["tags"])
        assert front["library_name"] == "sentence-transformers" and "base_model" not in front


def test_a_card_says_what_a_model_started_from(
    served: tuple[SentenceTransformer, Path, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiered_st.load(NAME, device="cpu")
    push(model, "owner/tuned", tmp_path / "tuned", monkeypatch)
    front, text = card_of(tmp_path / "tuned")
    assert front["base_model"] == NAME and f"- **Started from:** {NAME} at {COMMIT}\n" in text
    assert 'tiered_st.load("owner/tuned")' in text and text.startswith("\n# owner/tuned\n")
    again = tiered_st.load(NAME, device="cpu")
    push(again, NAME, tmp_path / "again", monkeypatch)
    front, text = card_of(tmp_path / "again")
    assert "base_model" not in front and "Started from" not in text


def test_what_was_pushed_loads_in_both_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a process of its own, from a server on this machine: no code lies there, and none is needed."""
    model = make_model()
    model.prompts, model.default_prompt_name = {"query": "find: "}, "query"
    push(model, NAME, tmp_path / "pushed", monkeypatch, replace_model_card=True)
    rows = json.loads((tmp_path / "pushed" / "modules.json").read_text())
    assert {row["type"].partition(".")[0] for row in rows} == {"tiered_st", "sentence_transformers"}
    assert not list((tmp_path / "pushed").rglob("*.py"))
    code = (
        "import json, sys, numpy, tiered_st\n"
        "from sentence_transformers import SentenceTransformer\n"
        "texts = json.loads(sys.argv[1])\n"
        "mine = [tiered_st.load('owner/name', device='cpu', local_files_only=local) for local in (False, True)]\n"
        "stock = SentenceTransformer('owner/name', trust_remote_code=True, device='cpu')\n"
        "numpy.save(sys.argv[2], [model.encode(texts) for model in [*mine, stock]])\n"
    )
    with serving() as hub:
        hub.add(NAME, tmp_path / "pushed")
        done = subprocess.run(
            [sys.executable, "-c", code, json.dumps(TEXTS), str(tmp_path / "out.npy")],
            capture_output=True, text=True, cwd=tmp_path, env=hub.environment(tmp_path / "home"), check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for vectors in np.load(tmp_path / "out.npy"):
        np.testing.assert_allclose(vectors, model.encode(TEXTS), atol=1e-5)
