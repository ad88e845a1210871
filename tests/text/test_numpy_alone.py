"""Reading texts needs numpy and nothing heavier, so that inference can do without torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import tiered_st.text

FOLDER = Path(tiered_st.text.__file__).parent
HEAVY = {"torch", "transformers", "sentence_transformers", "tiered_st.modules"}


def imported(path: Path) -> set[str]:
    """Return the modules that a source file imports anywhere, inside functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level and node.module
            names.add(node.module)
    return names


def test_no_file_imports_what_is_not_numpy_the_configuration_or_of_this_package() -> None:
    for path in FOLDER.rglob("*.py"):
        for name in imported(path):
            ours = name == "tiered_st.config" or name.startswith("tiered_st.text")
            assert ours or name.partition(".")[0] in {"numpy", *sys.stdlib_module_names}, (path.name, name)


def test_importing_every_file_loads_nothing_heavy() -> None:
    names = ["tiered_st.text", *(f"tiered_st.text.{path.stem}" for path in FOLDER.glob("[!_]*.py"))]
    code = f"import sys, {', '.join(names)}; print(*sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert len(names) > 15 and done.stdout.strip() == ""
