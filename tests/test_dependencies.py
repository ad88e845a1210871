"""What the code imports is what `pyproject.toml` declares, so that a fresh installation lacks nothing."""

import ast
import re
import sys
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
IMPORTED_AS = {"faiss-cpu": "faiss", "scikit-learn": "sklearn"}
OURS = {"tiered_st", "training", "benchmarks"}
# What each tree may import beyond the dependencies: the extras that its users are told to install.
EXTRAS = {
    "tiered_st": ("faiss", "onnx", "train", "ray"),
    "training": ("train",),
    "benchmarks": ("train", "faiss", "mteb", "onnx", "ray", "benchmarks"),
}


def _packages(*extras: str) -> set[str]:
    lines = [*PROJECT["dependencies"], *(line for extra in extras for line in PROJECT["optional-dependencies"][extra])]
    names = (re.match(r"[\w-]+", line).group() for line in lines)
    return {IMPORTED_AS.get(name, name.replace("-", "_")) for name in names}


def _imports(file: Path) -> dict[str, bool]:
    """Return the third-party packages a file imports, and whether any import of each is at its top level."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    found: dict[str, bool] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        else:
            continue
        for name in {name.split(".")[0] for name in names} - sys.stdlib_module_names - OURS:
            found[name] = found.get(name, False) or node in tree.body
    return found


@pytest.mark.parametrize("tree", sorted(EXTRAS))
def test_every_import_is_declared(tree):
    declared = _packages(*EXTRAS[tree])
    missing = {f"{file.relative_to(ROOT)}: {name}" for file in (ROOT / tree).rglob("*.py") for name in _imports(file)
               if name not in declared}  # fmt: skip
    assert not missing


def test_the_package_opens_without_any_extra():
    declared = _packages()
    eager = {f"{file.relative_to(ROOT)}: {name}" for file in (ROOT / "tiered_st").rglob("*.py")
             for name, at_top in _imports(file).items() if at_top and name not in declared}  # fmt: skip
    assert not eager
