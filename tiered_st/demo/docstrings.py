"""Collect the docstrings of the running Python's standard library: thousands of real texts that need no download."""

from __future__ import annotations

import ast
import inspect
import sys
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path

MIN_WORDS = 3  # shorter docstrings ("See above.") say nothing to search for
_Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
_TESTS = {"test", "tests", "idle_test", "__pycache__", "site-packages"}


def stdlib_docstrings() -> Iterator[tuple[str, str]]:
    """Yield (id, text) such as ("json.dumps", "Serialize ``obj`` to a JSON formatted ``str``."), sorted by module.

    The text is the first paragraph of a module's, class's or function's docstring. Tests, private names and texts that
    came before are left out. Sources are parsed, never imported.
    """
    seen_ids: set[str] = set()
    seen_texts: set[str] = set()
    for module, path in stdlib_sources():
        for id, text in file_docstrings(path, module):
            if id not in seen_ids and text not in seen_texts:
                seen_ids.add(id)
                seen_texts.add(text)
                yield id, text


def stdlib_sources() -> Iterator[tuple[str, Path]]:
    """Yield the dotted name and the file of every public standard-library module written in Python."""
    root = Path(sysconfig.get_paths()["stdlib"])
    for name in sorted(sys.stdlib_module_names):
        file = root / f"{name}.py"
        files = [file] if file.is_file() else sorted((root / name).rglob("*.py"))
        for path in files:
            parts = path.relative_to(root).with_suffix("").parts
            parts = parts[:-1] if parts[-1] == "__init__" else parts
            if not any(part.startswith("_") or part in _TESTS for part in parts):
                yield ".".join(parts), path


def file_docstrings(path: Path, module: str) -> Iterator[tuple[str, str]]:
    """Yield (id, first paragraph) of the documented public names of one source file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of invalid escapes in other people's sources
            tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):  # a template or a deliberately broken file: no docstrings here
        return
    yield from _documented(tree, module)


def _documented(node: _Documented, id: str) -> Iterator[tuple[str, str]]:
    text = _first_paragraph(ast.get_docstring(node, clean=False))
    if len(text.split()) >= MIN_WORDS:
        yield id, text
    if isinstance(node, (ast.Module, ast.ClassDef)):  # what is defined inside a function cannot be called
        for child in node.body:
            if not isinstance(child, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            if child.name[0] != "_" and child.name not in _TESTS:
                yield from _documented(child, f"{id}.{child.name}")


def _first_paragraph(docstring: str | None) -> str:
    paragraph = inspect.cleandoc(docstring or "").strip().split("\n\n")[0]
    return " ".join(paragraph.split())
