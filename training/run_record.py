"""Remember what a run was begun with: going on with another recipe or other data is refused by name."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

from tiered_st.files import replace_file
from training import ranks
from training.read_table import find_table
from training.stage import Recipe
from training.tables import tables


def table_of(recipe: Recipe) -> str:
    """Return a recipe as it stands in recipe.json."""
    return json.dumps(dataclasses.asdict(recipe), indent=1, default=str)


def check_record(recipe: Recipe, data: Path | None, out: Path) -> None:
    """Check that the run in ``out`` is of this recipe and these tables, or begin its record.

    Raises:
        ValueError: If it is not; says what is another, and what to do.
    """
    digests = {table.name: _digest(find_table(data, table.name)) for table in tables(recipe)} if data else {}
    ranks.check_same(recipe=table_of(recipe), tables=json.dumps(digests))
    ranks.agree(lambda: _check(table_of(recipe), digests, out))


def _check(recipe: str, digests: dict[str, str], out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    record, data_record = out / "recipe.json", out / "data.json"
    if record.is_file() and (before := record.read_text(encoding="utf-8")) != recipe:
        other = _other(json.loads(before), json.loads(recipe))
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


def _digest(path: Path | None) -> str:
    if path is None:
        return ""
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
