"""A model by its name: what ships, folders, and the hub, which is a server on this machine."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import make_model
from fake_hub import FakeHub, commit_of, serving
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling

from tiered_st.modules import SemanticEncoder, TieredInput
from tiered_st.saved.hub import find, folder_of
from tiered_st.saved.model_folder import ALLOWED_MODULES, NotTieredError, module_rows

ROOT = Path(__file__).parent.parent
NAME = "owner/name"
REFUSING = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "transformers", "sentence_transformers", "scipy"}:
            raise ImportError(f"{name} is not installed")

sys.meta_path.insert(0, Refuse())
"""
FIND = (
    REFUSING
    + """
import json
from tiered_st.saved.hub import find

for name, options in json.loads(sys.argv[1]):
    try:
        found = find(name, **options)
        print(json.dumps([str(found.folder), found.commit]))
    except ValueError as error:
        print(json.dumps(str(error)))
"""
)


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with serving() as server:
        yield server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved model, with files beside it that nobody should fetch."""
    folder = tmp_path_factory.mktemp("saved") / "model"
    make_model().save(str(folder))
    for name in ("pytorch_model.bin", "tiered_st.modules.tiered_input.py", "1_SemanticEncoder/training_args.pt"):
        (folder / name).write_text("raise SystemExit('this was run')")
    return folder


def asking(hub: FakeHub, cache: Path, *calls: tuple[str, dict[str, Any]], **environment: str) -> subprocess.Popen[str]:
    """Start a process, in which torch is not installed, that finds models one after the other."""
    return subprocess.Popen(
        [sys.executable, "-c", FIND, json.dumps(calls)], env=hub.environment(cache) | environment, cwd=cache.parent,
        text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def answers(process: subprocess.Popen[str]) -> list[Any]:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "Retrying" not in err  # what is refused, is so at once
    return [json.loads(line) for line in out.splitlines()]


def ask(hub: FakeHub, cache: Path, *calls: tuple[str, dict[str, Any]], **environment: str) -> list[Any]:
    """Return, for each call, folder and commit, or what the ValueError said."""
    return answers(asking(hub, cache, *calls, **environment))


def files(folder: str | Path) -> dict[str, bytes]:
    found = (path for path in Path(folder).rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def wanted(folder: Path) -> dict[str, bytes]:
    return {name: data for name, data in files(folder).items() if name.endswith((".json", ".safetensors"))}


# without torch


def test_names_are_found_without_torch() -> None:
    code = REFUSING + (
        "import tiered_st\n"
        "from tiered_st.saved import hub, model_folder\n"
        "folder = hub.folder_of('en-nano')\n"
        "assert str(folder) == tiered_st.path('en-nano') and 'en-nano' in tiered_st.pretrained()\n"
        "assert 'huggingface_hub' not in sys.modules\n"
        "print(*(row.kind for row in model_folder.module_rows(folder)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stdout.split() == ["TieredInput", "SemanticEncoder", "Pooling", "Normalize"], done.stderr


@pytest.mark.parametrize("kind", [TieredInput, SemanticEncoder, Pooling, Normalize])
def test_classes_are_allowed_where_they_are_saved_from(kind: type) -> None:
    assert ALLOWED_MODULES[f"{kind.__module__}.{kind.__name__}"] == kind.__name__


# what a name means


@pytest.mark.parametrize(
    "name", ["a/b/c", "../x", "./a", "/a/b", "a/", "/a", "nothing", "", "a/b?c", "a\\b", "ä/b", "a/b@", "a@b"]
)
def test_what_can_be_no_name_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        ValueError, match=r'neither a shipped model \(.*en-nano.*\) nor a folder, nor .* "owner/name" or'
    ):
        find(name)


def test_a_path_is_no_name_on_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="nor a folder"):
        find(Path(NAME))


@pytest.mark.parametrize("name", ["a--b/c", "a/b.git", "a..b/c", "a/b-", "a/" + "b" * 100])
def test_what_no_hub_allows_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}' is no folder here, and no name that the hub could know"):
        find(name)


def test_a_stock_model_is_told_from_a_damaged_one(folder: Path, tmp_path: Path) -> None:
    rows = json.loads((folder / "modules.json").read_text())
    (tmp_path / "modules.json").write_text(json.dumps(rows[2:]))
    with pytest.raises(NotTieredError, match=r"is no tiered model, .*Pooling.*: use SentenceTransformer\(") as refusal:
        module_rows(tmp_path)
    assert str(tmp_path) in str(refusal.value)
    for damage in ("[{}]", "[]", "[" * 100_000):
        (tmp_path / "modules.json").write_text(damage)
        with pytest.raises(ValueError, match=r"damaged|no tiered model") as other:
            module_rows(tmp_path)
        assert not isinstance(other.value, NotTieredError)


def test_a_folder_comes_before_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(NAME).mkdir(parents=True)
    assert folder_of(NAME) == folder_of(NAME, local_files_only=True) == Path(NAME)
    assert find(NAME) == (Path(NAME), "name", None)


def test_a_name_with_its_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    asked: list[tuple[str, str | None]] = []

    def download(name: str, *, revision: str | None, **options: Any) -> Path:
        asked.append((name, revision))
        return tmp_path / commit_of(1)

    monkeypatch.setattr("tiered_st.saved.hub.download", download)
    found = find(f"{NAME}@refs/pr/1")
    assert found == (tmp_path / commit_of(1), NAME, commit_of(1)) and str(found) == f"{NAME}@{commit_of(1)}"
    assert find(NAME, revision="v1").name == find(str(found)).name == NAME
    assert asked == [(NAME, "refs/pr/1"), (NAME, "v1"), (NAME, commit_of(1))]
    with pytest.raises(ValueError, match="owner/name@v1 names its revision, and revision='v2' another time"):
        find(f"{NAME}@v1", revision="v2")
    Path(f"{NAME}@v1").mkdir(parents=True)
    assert find(f"{NAME}@v1") == (Path(f"{NAME}@v1"), "name@v1", None)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"revision": "main"}, "revision='main': only"),
        ({"token": "secret"}, "token: only"),
        ({"cache_folder": "c", "revision": ""}, "revision='', cache_folder='c': only"),
    ],
)
def test_options_of_the_hub_are_refused_elsewhere(options: dict[str, Any], named: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"^{named} .*en-nano is a model that ships with the package"):
        folder_of("en-nano", **options)
    with pytest.raises(ValueError, match=f"^{named} .* is a folder here") as refusal:
        folder_of(tmp_path, **options)
    assert "secret" not in str(refusal.value)


# what is fetched


def test_nothing_but_json_and_safetensors_lands(hub: FakeHub, folder: Path, tmp_path: Path) -> None:
    commit = hub.add(NAME, folder)
    ((there, found),) = ask(hub, tmp_path / "home", (NAME, {}))
    assert found == commit and files(there) == wanted(folder)
    assert Path(there) == tmp_path / "home" / "hub" / "models--owner--name" / "snapshots" / commit
    assert not [path for path in hub.seen if path.endswith((".bin", ".py", ".pt", ".md"))]


def test_a_branch_moves_and_a_commit_does_not(hub: FakeHub, folder: Path, tmp_path: Path) -> None:
    home, newer = tmp_path / "home", tmp_path / "newer"
    first = hub.add(NAME, folder, refs=("main", "v1"))
    ask(hub, home, (NAME, {}))
    make_model(seed=1).save(str(newer))
    second = hub.add(NAME, newer, number=2)
    everyway = [(NAME, {"revision": revision}) for revision in (None, "main", "v1", first, second)]
    found = ask(hub, home, *everyway)
    assert [commit for _, commit in found] == [second, second, first, first, second]
    assert files(found[0][0]) == wanted(newer) and files(found[2][0]) == wanted(folder)

    hub.seen.clear()
    assert ask(hub, home, (NAME, {"revision": first}))[0][1] == first
    assert not [path for path in hub.seen if NAME in path]  # what is pinned and cached asks nobody
    assert ask(hub, home, *everyway, HF_HUB_OFFLINE="1") == found
    assert ask(hub, home, (NAME, {"local_files_only": True}))[0][1] == second
    hub.refuses = 500
    assert ask(hub, home, (NAME, {}))[0][1] == second
    assert ask(hub, home, (NAME, {}), HF_ENDPOINT="http://127.0.0.1:9")[0][1] == second


def test_the_cache_is_where_it_is_said_to_be(hub: FakeHub, folder: Path, tmp_path: Path) -> None:
    hub.add(NAME, folder)
    ((there, _),) = ask(hub, tmp_path / "home", (NAME, {"cache_folder": str(tmp_path / "mine")}))
    assert Path(there).is_relative_to(tmp_path / "mine")
    home = str(tmp_path / "theirs")
    ((there, _),) = ask(hub, tmp_path / "home", (NAME, {}), SENTENCE_TRANSFORMERS_HOME=home)
    assert Path(there).is_relative_to(home)


def test_a_private_and_a_gated_model_take_a_token(hub: FakeHub, folder: Path, tmp_path: Path) -> None:
    hub.add(NAME, folder)
    hub.add("owner/gated", folder)
    hub.private[NAME] = hub.gated["owner/gated"] = "secret"
    names = (NAME, "owner/gated")
    for token in (None, "wrong", False):
        private, gated = ask(hub, tmp_path / "home", *((name, {"token": token}) for name in names))
        assert "no model on the hub" in private and "if it is private, give token=" in private
        assert f"is gated: ask for access at {hub.url}/owner/gated" in gated and "secret" not in private + gated
    found = ask(hub, tmp_path / "home", *((name, {"token": "secret"}) for name in names))
    assert [commit for _, commit in found] == [commit_of(1)] * 2
    assert ask(hub, tmp_path / "other", (NAME, {}), HF_TOKEN="secret") != private
    (said,) = ask(hub, tmp_path / "third", (NAME, {"token": True}))
    assert "no token is known" in said


# what goes wrong


def test_what_cannot_be_had_says_why(hub: FakeHub, folder: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    hub.add(NAME, folder)
    missing, revision, commit = ask(
        hub, home, ("owner/nothing", {}), (NAME, {"revision": "v9"}), (NAME, {"revision": commit_of(9)})
    )
    assert missing.startswith("owner/nothing is no folder here, and no model on the hub")
    assert revision == f"{NAME} on the hub has no branch, tag or commit 'v9'."
    assert commit == f"{NAME} on the hub has no branch, tag or commit '{commit_of(9)}'."
    cure = "Load it once with the network, or give cache_folder=… of where it is."
    (said,) = ask(hub, home, (NAME, {"revision": "v1"}), HF_HUB_OFFLINE="1")
    assert said.startswith(f"{NAME} at v1 is no folder here and not whole in the cache {home / 'hub'}, and local_files")
    assert said.endswith(cure)
    (said,) = ask(hub, home, (NAME, {"local_files_only": True}))
    assert "says to ask nobody" in said and said.endswith(cure)
    (said,) = ask(hub, home, (NAME, {}), HF_ENDPOINT="http://127.0.0.1:9")
    assert "http://127.0.0.1:9 cannot be reached" in said and said.endswith(cure)
    for status, words in ((500, "cannot be reached"), (403, r"refuses to show it (403)"), (429, "cannot be reached")):
        hub.refuses = status
        (said,) = ask(hub, home, (NAME, {}))
        assert words in said and "\n" not in said


def test_a_model_of_another_kind_is_told_before_its_weights_come(hub: FakeHub, folder: Path, tmp_path: Path) -> None:
    stock, bare, evil = tmp_path / "stock", tmp_path / "bare", tmp_path / "evil"
    kinds = [f"sentence_transformers.models.{kind}" for kind in ("Transformer", "Pooling")]
    for place, types in ((stock, kinds), (evil, ["tiered_st.modules.tiered_input.TieredInput", "evil.Module"])):
        shutil.copytree(folder, place)
        rows = [{"idx": i, "name": str(i), "path": "", "type": kind} for i, kind in enumerate(types)]
        (place / "modules.json").write_text(json.dumps(rows))
    shutil.copytree(folder, bare)
    (bare / "modules.json").unlink()
    for place in (stock, bare, evil):
        hub.add(f"owner/{place.name}", place)
    said = ask(hub, tmp_path / "home", *((f"owner/{place.name}", {}) for place in (stock, bare, evil)))
    assert said[0] == (
        f"owner/stock is no tiered model, its modules.json names {', '.join(kinds)}: use "
        "SentenceTransformer('owner/stock')."
    )
    assert "owner/bare on the hub has no modules.json: it is no tiered model" in said[1]
    assert "names the class evil.Module, which tiered_st does not run" in said[2]
    assert "SentenceTransformer('owner/evil', trust_remote_code=True)" in said[2]
    assert not hub.asked_for(".safetensors")


@pytest.mark.parametrize("lost", ["model.safetensors", "1_SemanticEncoder/config.json", "2_Pooling/config.json"])
def test_a_model_without_a_file_is_refused(lost: str, hub: FakeHub, folder: Path, tmp_path: Path) -> None:
    """A model that has pickles in the place of its weights among them."""
    shutil.copytree(folder, tmp_path / "model")
    (tmp_path / "model" / lost).unlink()
    hub.add(NAME, tmp_path / "model")
    (said,) = ask(hub, tmp_path / "home", (NAME, {}))
    assert f"{NAME} on the hub has no {lost}, or" in said and "never pickles (.bin, .pt)" in said


# at once, and killed


def test_a_killed_download_is_completed(hub: FakeHub, folder: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    hub.add(NAME, folder)
    hub.stalls = "1_SemanticEncoder/model.safetensors"
    process = asking(hub, home, (NAME, {}))
    assert hub.stalled.wait(60)
    process.kill()
    process.communicate()
    (said,) = ask(hub, home, (NAME, {}), HF_HUB_OFFLINE="1")
    assert "not whole in the cache" in said
    hub.stalls = ""
    ((there, _),) = ask(hub, home, (NAME, {}))
    assert files(there) == wanted(folder)


def test_two_processes_download_at_once(hub: FakeHub, folder: Path, tmp_path: Path) -> None:
    hub.add(NAME, folder)
    hub.stalls = "1_SemanticEncoder/model.safetensors"
    processes = [asking(hub, tmp_path / "home", (NAME, {})) for _ in range(2)]
    assert hub.stalled.wait(60)
    hub.stalls = ""  # the connection breaks half way: whoever had it takes up the download again
    found = [answers(process)[0][0] for process in processes]
    assert found[0] == found[1] and files(found[0]) == wanted(folder)
