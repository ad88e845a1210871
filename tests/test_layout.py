"""Who may import whom, and what importing costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("tiered_st", "training", "benchmarks")


def imports(path: Path) -> set[str]:
    """Return the top-level packages that a source file imports anywhere, inside functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add((node.module or "").partition(".")[0])
    return names


def modules() -> dict[str, Path]:
    """Return every module of the house by its dotted name."""
    paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    parts = {path: path.relative_to(ROOT).with_suffix("").parts for path in paths}
    return {".".join(names[:-1] if names[-1] == "__init__" else names): path for path, names in parts.items()}


def imported_modules(path: Path, known: dict[str, Path]) -> set[str]:
    """Return the modules that a file names in its imports, those inside functions too.

    What a name's packages import on the way is left out: a package may gather what is in it, and the face of the whole
    names it ``if TYPE_CHECKING``.
    """
    found: set[str] = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if path == ROOT / "tiered_st" / "__init__.py":
        tree.body = [node for node in tree.body if not isinstance(node, ast.If)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            found |= {name if name in known else node.module for name in names}
    return found & known.keys()


def test_no_module_imports_itself_by_way_of_others() -> None:
    known = modules()
    graph = {name: imported_modules(path, known) for name, path in known.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(reversed(error.args[1])))


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [
        ("tiered_st", {"training", "benchmarks", "tests"}),
        ("training", {"benchmarks", "tests"}),
        ("benchmarks", {"tests"}),
    ],
)
def test_packages_import_only_what_lies_below_them(package: str, forbidden: set[str]) -> None:
    sources = sorted((ROOT / package).rglob("*.py"))
    assert sources
    wrong = {str(path.relative_to(ROOT)): found for path in sources if (found := imports(path) & forbidden)}
    assert not wrong


def test_one_class_path_per_module_file() -> None:
    """File names in modules/ are the on-disk format of saved models."""
    names = {path.name for path in (ROOT / "tiered_st" / "modules").glob("*.py")}
    assert {"tiered_input.py", "semantic_encoder.py", "char_encoder.py", "chunk_projector.py"} <= names
    assert "boundary_predictor.py" in names


@pytest.mark.parametrize("statement", ["import tiered_st", "import tiered_st.cli", "import tiered_st.noise"])
def test_importing_does_not_import_torch(statement: str) -> None:
    heavy = "'torch', 'transformers', 'sentence_transformers'"
    code = f"import sys; {statement}; print(sorted({{{heavy}}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


def test_the_package_offers_what_it_names() -> None:
    import tiered_st

    for name in tiered_st.__all__:
        assert getattr(tiered_st, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        tiered_st.nothing  # noqa: B018


@pytest.mark.parametrize(
    ("old", "name", "new"),
    [
        ("tiered_st.index", "FaissIndex", "tiered_st.indexes"),
        ("tiered_st.index", "Hit", "tiered_st.indexes"),
        ("tiered_st.index", "IndexFileError", "tiered_st.indexes"),
        ("tiered_st.index", "ModelMismatchError", "tiered_st.indexes"),
        ("tiered_st.index", "model_fingerprint", "tiered_st.fingerprint"),
        ("tiered_st.deployment", "LongDocument", "tiered_st.documents"),
        ("tiered_st.deployment", "Passage", "tiered_st.documents"),
        ("tiered_st.deployment", "encode_long", "tiered_st.documents"),
        ("tiered_st.deployment", "quantize_char_encoder", "tiered_st.compression"),
        ("tiered_st.deployment", "tabulate", "tiered_st.compression"),
    ],
)
def test_old_import_paths_work_with_a_warning(old: str, name: str, new: str) -> None:
    found: dict[str, object] = {}
    with pytest.warns(DeprecationWarning, match=f"{old}.{name} is {new}.{name} now") as warned:
        exec(compile(f"from {old} import {name}", __file__, "exec"), found)
    assert found[name] is getattr(import_module(new), name)
    assert {warning.filename for warning in warned} <= {__file__, "<frozen importlib._bootstrap>"}
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        import_module(old).nothing  # noqa: B018
