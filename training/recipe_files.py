"""Find a recipe by its name or path, and remember in a run's folder what it was begun with."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

from tiered_st.files import replace_file
from training import ranks
from training.read_table import find_table
from training.recipe import Recipe
from training.streams.source_facts import facts_of_table
from training.tables import Table, is_streamed, tables


def find_recipe(name: str) -> Recipe:
    """Return a recipe by the name of its file in training/recipes, or by the path of a file of one's own.

    FILE/VARIANT names one of several that a file holds.

    Raises:
        ValueError: If there is none; says which there are.
    """
    path, is_path, variant = name.partition(".py")
    if is_path:
        file, module = f"{path}.py", _run_file(Path(f"{path}.py"))
        variant = variant.removeprefix("/")
    else:
        known = sorted(p.stem for p in (Path(__file__).parent / "recipes").glob("*.py") if not p.stem.startswith("_"))
        stem, _, variant = name.partition("/")
        stem = stem.replace("-", "_")
        if stem not in known:
            raise ValueError(
                f"No recipe is called {name!r}: choose from {', '.join(known)}, or give the path of a file (….py)."
            )
        file, module = f"training/recipes/{stem}.py", importlib.import_module(f"training.recipes.{stem}")
    if isinstance(getattr(module, "RECIPE", None), Recipe) and not variant:
        return module.RECIPE
    variants: dict[str, Recipe] = getattr(module, "RECIPES", {})
    if variant not in variants:
        short = file if is_path else stem
        raise ValueError(
            f"{file} holds no {variant or 'RECIPE'!r}: choose from "
            f"{', '.join(f'{short}/{known}' for known in variants) or short}."
        )
    return variants[variant]


def _run_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ValueError(f"{path} does not exist: give the path of a recipe, or the name of one in training/recipes.")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None, "a .py file has a loader"
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def table_of(recipe: Recipe) -> str:
    """Return a recipe as it stands in recipe.json."""
    return json.dumps(dataclasses.asdict(recipe), indent=1, default=str)


def check_record(recipe: Recipe, data: Path | None, out: Path) -> None:
    """Check that the run in ``out`` is of this recipe and these tables, or begin its record.

    Raises:
        ValueError: If it is not; says what is another, and what to do.
    """
    digests = {table.name: _told(recipe, table, data) for table in tables(recipe)} if data else {}
    ranks.check_same(recipe=table_of(recipe), tables=json.dumps(digests))
    ranks.agree(lambda: _check(recipe, digests, out))


def _check(asked: Recipe, digests: dict[str, str], out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    record, data_record = out / "recipe.json", out / "data.json"
    recipe = table_of(asked)
    before = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else json.loads(recipe)
    if other := _other(_filled(before, asked), json.loads(recipe)):
        raise ValueError(
            f"{out} holds a run of another recipe (see {record}; {', '.join(other)}): give a new --out, or remove it."
        )
    if data_record.is_file():
        other = _other(json.loads(data_record.read_text(encoding="utf-8")), digests)
        if other:
            raise ValueError(
                f"{out} holds a run on other data ({', '.join(other)} changed since): give a new --out, or the tables "
                "it was begun with."
            )
    write(record, recipe)
    write(data_record, json.dumps(digests, indent=1))


def write(path: Path, text: str) -> None:
    """Put a text in the place of a file, whole."""
    with replace_file(path) as beside:
        beside.write_text(text, encoding="utf-8")


def _other(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    return [key for key in {**before, **now} if before.get(key) != now.get(key)]


def _told(recipe: Recipe, table: Table, data: Path) -> str:
    """Return what a table is known by: its digest, or, of a stream, its files' names, sizes and times of change."""
    if is_streamed(recipe, table):
        return json.dumps(facts_of_table(table.name, data))
    return _digest(find_table(data, table.name))


def _filled(before: Any, asked: Any) -> Any:
    """Return a record with the settings it lacks, since there were none of such a name when it was written.

    They are as a recipe has them that does not name them: a run goes on with a newer version of this code.
    """
    if dataclasses.is_dataclass(asked) and isinstance(before, dict):
        filled = dict(before)
        for field in dataclasses.fields(asked):
            if field.name in before:
                filled[field.name] = _filled(before[field.name], getattr(asked, field.name))
            elif field.default is not dataclasses.MISSING:
                filled[field.name] = json.loads(json.dumps(field.default, default=str))
        return filled
    if isinstance(asked, tuple) and isinstance(before, list) and len(asked) == len(before):
        return [_filled(old, new) for old, new in zip(before, asked, strict=True)]
    return before


def _digest(path: Path | None) -> str:
    if path is None:
        return ""
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
