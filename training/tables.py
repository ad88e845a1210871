"""Say which tables a recipe reads, which are missing, and which it can do without."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tiered_st.config import TieredConfig
from training.baselines.subword import SubwordConfig
from training.objectives import OBJECTIVES
from training.read_table import columns_of, find_shards, find_table, header_of
from training.recipe import Recipe
from training.sources import HUB, Source
from training.streams.kinds import KINDS as STREAMED

KINDS = (
    "texts", "pairs", "passages", "searches", "documents", "scored", "labelled", "words", "frequencies",
    "related", "queries", "candidates", "parallel", "forms",
)  # fmt: skip
JUDGES = "judges"
MISSPELLINGS = ("misspelt", "correct")


@dataclass(frozen=True)
class Table:
    """A table that a recipe reads.

    Attributes:
        name: of its file, without the ending.
        columns: what the recipe reads of it.
        kinds: as what it is read, names of the recipe's fields.
        needed: what cannot go on without it; "" where it can be left out.
    """

    name: str
    columns: tuple[str, ...]
    kinds: tuple[str, ...]
    needed: str

    def __str__(self) -> str:
        out = f"needed by {self.needed}" if self.needed else f"can be left out: --without {self.name}"
        made = f"; `{command} --data DIR` makes it" if (command := _maker(self.name)) else ""
        return f"{self.name}.parquet   columns {', '.join(self.columns)}   ({', '.join(self.kinds)}; {out}{made})"


def tables(recipe: Recipe) -> list[Table]:
    """Return the local tables that a recipe reads, in the order of its fields."""
    columns: dict[str, dict[str, None]] = {}
    kinds: dict[str, dict[str, None]] = {}
    needed: dict[str, str] = {}
    for kind, source in _read(recipe):
        if source.name.startswith(HUB):
            continue
        columns.setdefault(source.name, {}).update(dict.fromkeys(source.wanted))
        kinds.setdefault(source.name, {})[kind] = None
        others = {other.name for other in _sources(recipe, kind)} - {source.name}
        readers = _readers(recipe, kind)
        if readers and not others and kind not in ("words", "frequencies", "forms"):
            needed[source.name] = f"{readers[0]}, which has no other {kind}"
    for name in recipe.misspelling_tables:
        columns.setdefault(name, {}).update(dict.fromkeys(MISSPELLINGS))
        kinds.setdefault(name, {})["misspellings"] = None
    return [Table(name, tuple(columns[name]), tuple(kinds[name]), needed.get(name, "")) for name in columns]


def check_tables(recipe: Recipe, data: Path | None) -> None:
    """Check that every table is there with its columns, before anything is trained.

    Raises:
        ValueError: Names every table that is missing, its columns, and whether it can be left out.
    """
    wanted = tables(recipe)
    if data is None and wanted:
        raise ValueError(
            f"Recipe {recipe.name} reads {len(wanted)} local tables: say where with --data DIR.{_listed(wanted)}"
        )
    files = {table.name: _files(recipe, table, data) for table in wanted} if data is not None else {}
    missing = [table for table in wanted if not files[table.name]]
    if missing:
        raise ValueError(
            f"{data} lacks {len(missing)} of the {len(wanted)} tables of recipe {recipe.name} (also as .csv, "
            f".jsonl or, of one column, .txt):{_listed(missing)}"
        )
    for table in wanted:
        for path in files[table.name]:
            have = header_of(path) if is_streamed(recipe, table) else columns_of(path)
            if absent := [column for column in table.columns if column not in have]:
                raise ValueError(f"{path} has no column {', '.join(absent)}; it has {', '.join(have)}.")


def is_streamed(recipe: Recipe, table: Table) -> bool:
    """Say whether a table is read as a stream, and as nothing else, so that it may be a folder of shards."""
    return recipe.stream is not None and all(kind in STREAMED for kind in table.kinds)


def _files(recipe: Recipe, table: Table, data: Path) -> list[Path]:
    if is_streamed(recipe, table):
        return find_shards(data, table.name)
    return [path] if (path := find_table(data, table.name)) is not None else []


def leave_out(recipe: Recipe, names: Sequence[str]) -> Recipe:
    """Return the recipe without some of its tables; without misspellings, no stage puts any in.

    Raises:
        ValueError: If the recipe does not read a table of that name, or cannot do without it.
    """
    for name in names:
        known = {table.name: table for table in tables(recipe)}
        if name not in known:
            raise ValueError(f"--without {name}: recipe {recipe.name} reads {', '.join(known) or 'no table'}.")
        if known[name].needed:
            raise ValueError(f"--without {name}: it is needed by {known[name].needed}.")
        kept = {kind: tuple(row for row in getattr(recipe, kind) if row.name != name) for kind in KINDS}
        judges = tuple(judge for judge in recipe.judges if judge.source.name != name)
        recipe = replace(recipe, **kept, judges=judges)  # type: ignore[arg-type]
        if name in recipe.misspelling_tables:
            left = tuple(table for table in recipe.misspelling_tables if table != name)
            stages = recipe.stages if left else tuple(replace(stage, real=0.0) for stage in recipe.stages)
            recipe = replace(recipe, misspellings=left or None, stages=stages)
    return recipe


def _read(recipe: Recipe) -> Iterator[tuple[str, Source]]:
    for kind in (*KINDS, JUDGES):
        if _readers(recipe, kind):
            for source in _sources(recipe, kind):
                yield kind, source


def _sources(recipe: Recipe, kind: str) -> tuple[Source, ...]:
    if kind == JUDGES:
        return tuple(judge.source for judge in recipe.judges)
    return getattr(recipe, kind)


def _readers(recipe: Recipe, kind: str) -> list[str]:
    """Return what reads a kind of tables: objectives, what is made of the words of the texts, or judged stages."""
    if kind == JUDGES:
        return [f"stage {stage.name} to be judged" for stage in recipe.stages if stage.judged]
    practised = [row.name for stage in recipe.stages for row in stage.objectives]
    readers = [name for name in practised if kind in OBJECTIVES[name].reads]
    readers.sort(key=lambda name: "words" in OBJECTIVES[name].reads)  # who reads it as it is comes first
    if kind in ("texts", "words", "frequencies") and isinstance(recipe.config, TieredConfig) and recipe.warm_start:
        readers.append("warm_start")
    if kind == "texts" and isinstance(recipe.config, SubwordConfig):
        readers.append("the vocabulary")
    return readers


def _maker(name: str) -> str:
    """Return the command that makes a table of others, "" for one that is nobody's here."""
    kind, _, rest = name.partition("_")
    if kind == "asked":
        return f"python -m training.made_questions {rest}"
    if kind == "translated":
        return f"python -m training.machine_translation {rest.partition('_')[0]}"
    return ""


def _listed(wanted: Iterable[Table]) -> str:
    return "".join(f"\n  {table}" for table in wanted)
