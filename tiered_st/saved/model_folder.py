"""What a model's folder says of it, read without torch and without running anything: shipped names, modules.json.

:mod:`tiered_st.model` and :mod:`tiered_st.runtime` both read a folder by this, so that both refuse the same.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

PRETRAINED = Path(__file__).parents[1] / "pretrained"
DEFAULT_MODEL = "en-small"

# The only classes a checkpoint may name, and what each is called here: nothing is imported on a checkpoint's word.
ALLOWED_MODULES: dict[str, str] = {
    "tiered_st.modules.tiered_input.TieredInput": "TieredInput",
    "tiered_st.modules.semantic_encoder.SemanticEncoder": "SemanticEncoder",
    "sentence_transformers.sentence_transformer.modules.pooling.Pooling": "Pooling",
    "sentence_transformers.base.modules.normalize.Normalize": "Normalize",
    "sentence_transformers.models.Pooling": "Pooling",
    "sentence_transformers.models.Normalize": "Normalize",
}
_FILES = {  # what each of them cannot be loaded without
    "config.json": ("TieredInput", "SemanticEncoder", "Pooling"),
    "model.safetensors": ("TieredInput", "SemanticEncoder"),
}


class ModuleRow(NamedTuple):
    """A row of modules.json: the module's name, its subfolder ("" for the first), and which of ours it is."""

    name: str
    subfolder: str
    kind: str


class NotTieredError(ValueError):
    """What has been found is a model, or may be one, but none of this library."""


def pretrained() -> list[str]:
    """Return the names of the models that ship with the package."""
    return sorted(path.parent.name for path in PRETRAINED.glob("*/modules.json"))


def path(name: str = DEFAULT_MODEL) -> str:
    """Return the folder of a model that ships with the package, for what takes a folder but not a model.

    Raises:
        ValueError: if no such model ships.
    """
    if name not in pretrained():
        raise ValueError(f"No shipped model is called {name!r}: choose from {', '.join(pretrained()) or 'none here'}.")
    return str(PRETRAINED / name)


def module_rows(folder: Path, *, called: str | None = None) -> list[ModuleRow]:
    """Return the rows of a folder's modules.json, the first of which is a TieredInput.

    Args:
        folder: the folder of a model, of which nothing else is read.
        called: what the model is called in errors; by default ``folder``.

    Raises:
        NotTieredError: if no row names a class of this library.
        ValueError: if the file is missing or damaged, or names a class that is not on the allow-list.
    """
    where, called = folder / "modules.json", called or str(folder)
    contents = read_json(where, list)
    kinds = [row["type"] for row in contents if isinstance(row, dict) and isinstance(row.get("type"), str)]
    if kinds and len(kinds) == len(contents) and not any(kind.startswith("tiered_st.") for kind in kinds):
        raise NotTieredError(
            f"{called} is no tiered model, its modules.json names {', '.join(kinds)}: use "
            f"SentenceTransformer({called!r})."
        )
    rows: dict[str, ModuleRow] = {}
    for content in contents:
        row = _checked_row(content, where, called)
        if row.name in rows:
            raise ValueError(f"{where} has two modules called {row.name!r}. It is damaged, copy it again.")
        rows[row.name] = row
    found = list(rows.values())
    if not found or found[0].kind != "TieredInput":
        raise ValueError(f"{where} does not open with a TieredInput: it is no tiered model.")
    return found


def missing_files(folder: Path, rows: list[ModuleRow]) -> list[str]:
    """Return the files, relative to ``folder``, that its modules are described by and that are not there."""
    wanted = [
        f"{row.subfolder}/{file}".lstrip("/")
        for row in rows
        for file, kinds in _FILES.items()
        if row.kind in kinds
    ]  # fmt: skip
    return [file for file in wanted if not (folder / file).is_file()]


def read_json(path: Path, kind: type, *, optional: bool = False) -> Any:
    """Read a JSON file that must hold a ``kind``; where it is ``optional`` and missing, return an empty one.

    Raises:
        ValueError: if the file is missing or damaged; the text names it and the cure.
    """
    if not path.is_file():
        if optional:
            return kind()
        raise ValueError(f"{path} is missing: this is not a complete model folder, copy or download it again.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON ({error}): it is damaged, copy or download it again.") from None
    if not isinstance(content, kind):
        raise ValueError(f"{path} holds a {type(content).__name__} instead of a {kind.__name__}: it is damaged.")
    return content


def _checked_row(row: Any, where: Path, called: str) -> ModuleRow:
    if not isinstance(row, dict) or not all(isinstance(row.get(key), str) for key in ("name", "path", "type")):
        raise ValueError(f"{where} has a row without name, path and type: {row!r}. It is damaged, copy it again.")
    if row["type"] not in ALLOWED_MODULES:
        raise ValueError(
            f"{where} names the class {row['type']}, which tiered_st does not run. If you trust this model, use "
            f"SentenceTransformer({called!r}, trust_remote_code=True)."
        )
    if Path(row["path"]).is_absolute() or ".." in Path(row["path"]).parts:
        raise ValueError(f"{where} points outside its folder: {row['path']!r}.")
    return ModuleRow(row["name"], row["path"], ALLOWED_MODULES[row["type"]])
