"""The files of an index on disk, and what meta.json says of them.

meta.json       format, counts, the model's fingerprint and prompts, the settled config, measured recall; and sizes and
                sha256 of what was built: sizes are compared when it is opened, sha256 by verify(), that of the records
                as long as none was added or removed
index.faiss     lists, codes, or the graph, as FAISS writes them; not of kind "flat"
lists.ivfdata   the inverted lists, mapped by FAISS; of "ivf" and "ivf_pq"
vectors.bin     a unit vector per row, removed ones included; what was added since it was built stands at the end
records.sqlite  id and text by row, rows that were removed, and how many there are: what it says is what is there
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tiered_st.indexes.disk.lists import INDEX, LISTS
from tiered_st.indexes.index_config import IndexConfig
from tiered_st.indexes.index_files import (
    LITTER,
    META,
    IndexFileError,
    damaged,
    read_typed_meta,
    refuse_foreign,
    sha256_of,
    unreadable,
)

FORMAT, FORMAT_VERSION = "tiered_st.disk_index", 1
VECTORS, RECORDS = "vectors.bin", "records.sqlite"
_JOURNALS = {f"{RECORDS}-journal", f"{RECORDS}-wal", f"{RECORDS}-shm"}  # SQLite's own, of a change under way
_TYPES = {
    "dimension": int, "count": int, "dtype": str, "model_fingerprint": str, "model_name": str, "prompts": dict,
    "config": dict, "asked": dict, "recall": dict, "files": dict,
}  # fmt: skip


def is_disk_index(home: Path) -> bool:
    """Tell whether a folder's meta.json is of this format, of whatever version, rather than of another or none."""
    try:
        found = json.loads((home / META).read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(found, dict) and found.get("format") == FORMAT


def read_meta(home: Path) -> dict[str, Any]:
    """Return meta.json.

    Raises:
        IndexFileError: If it is missing, damaged, foreign, or of another version.
    """
    if not home.is_dir():
        raise IndexFileError(f"{home}: no index directory. Check the path, or build the index.")
    return read_typed_meta(home / META, format=FORMAT, types={FORMAT_VERSION: _TYPES}, writer="DiskIndex.build")


def config_of(meta: dict[str, Any], name: str = "config") -> IndexConfig:
    """Return the settled config of an index, or what was "asked" for."""
    try:
        return IndexConfig(**meta[name])
    except (TypeError, ValueError) as err:
        raise IndexFileError(f"{META}: {name!r} is no config ({err}). Restore it, or build the index again.") from err


def write_meta(folder: Path, meta: dict[str, Any]) -> None:
    """Write meta.json."""
    with open(folder / META, "w", encoding="utf-8") as file:
        json.dump({"format": FORMAT, "format_version": FORMAT_VERSION, **meta}, file, indent=2)


def files_of(folder: Path, *, vectors_bytes: int) -> dict[str, dict[str, Any]]:
    """Return size and sha256 of the files, and of the vectors it was built of: rows may follow."""
    sizes = {name: (folder / name).stat().st_size for name in (INDEX, LISTS) if (folder / name).exists()}
    sizes[VECTORS] = vectors_bytes
    sizes[RECORDS] = (folder / RECORDS).stat().st_size
    return {name: {"bytes": size, "sha256": _digest(folder / name, size)} for name, size in sizes.items()}


def check_sizes(home: Path, meta: dict[str, Any]) -> None:
    """Raise IndexFileError for a file that is missing, or of another size than it had."""
    for name, said in meta["files"].items():
        try:
            size = (home / name).stat().st_size
        except OSError as err:
            raise unreadable(home / name, err) from err
        if name == RECORDS:  # which changes with them; SQLite knows whether it is whole
            continue
        if size < said["bytes"] or (name != VECTORS and size != said["bytes"]):
            raise damaged(home / name, f"it has {size:,} bytes, {META} says {said['bytes']:,}")


def check_digests(home: Path, meta: dict[str, Any], *, changed: bool) -> None:
    """Raise IndexFileError for a file whose bytes are not those it was built with; reads all of them.

    Args:
        home: The folder.
        meta: Its meta.json.
        changed: Records were added or removed since: theirs are not compared.
    """
    check_sizes(home, meta)
    for name, said in meta["files"].items():
        if changed and name == RECORDS:
            continue
        if (found := _digest(home / name, said["bytes"])) != said["sha256"]:
            raise damaged(home / name, f"its sha256 is {found}, {META} says {said['sha256']}")


def refuse_other_folders(place: Path) -> None:
    """Raise unless replacing ``place`` loses only an index, of this format or `FaissIndex`'s."""
    if not place.is_dir() or not is_disk_index(place):
        refuse_foreign(place)
        return
    names = {entry.name for entry in place.iterdir() if not entry.name.startswith("._")}
    own = {META, INDEX, LISTS, VECTORS, RECORDS} | _JOURNALS | LITTER
    if foreign := sorted(names - own):
        cure = "Refusing to overwrite it: build to another path, or remove it first."
        raise IndexFileError(f"{place}: holds {foreign[0]!r}, which is no part of an index. {cure}")


def _digest(path: Path, size: int) -> str:
    """Return the sha256 of the first ``size`` bytes of a file."""
    try:
        with open(path, "rb") as file:
            return sha256_of(path, file, size)
    except OSError as err:
        raise unreadable(path, err) from err
