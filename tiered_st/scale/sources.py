"""Find what a run reads, in a fixed order: files, folders and patterns, here or behind URLs, and datasets."""

from __future__ import annotations

import glob
import logging
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from tiered_st.records import guess_format
from tiered_st.records.compression import SUFFIXES as COMPRESSED
from tiered_st.records.rows import Columns, InputError
from tiered_st.records.source import opened_bytes
from tiered_st.records.urls import file_system, is_url
from tiered_st.scale.hub_blocks import SCHEME, hub_sources
from tiered_st.scale.parquet_blocks import chosen, unreadable
from tiered_st.scale.part import import_pyarrow

logger = logging.getLogger(__name__)

OPENED_AS = "opened_as"  # what opens a source from any working directory; not put down, and not compared
_TEXTS = (".txt", ".text")
_STATES = ("ETag", "etag", "md5Hash", "content_md5", "mtime", "LastModified", "last_modified", "updated", "created")
_FOOTERS_AT_ONCE = 16


class _Footer(NamedTuple):
    """Rows of a table, and the types of the columns that are carried along."""

    rows: int
    kinds: dict[str, str]


def find_sources(
    given: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    target: str,
    format: str | None,
    tell: bool = True,
) -> list[dict[str, Any]]:
    """Return what the manifest says of each file or shard: where it is, its size and state, and its format.

    Files of a folder or a pattern are in order of their names. What lies in ``target`` is no source.

    Args:
        given: One or more files, folders, patterns, URLs of such, or ``hub:`` datasets.
        target: The folder that the run writes.
        format: Of all files; None for what the suffix of each says.
        tell: Warn of files in folders that are left out.

    Raises:
        InputError: If one is not there, is there twice, or holds no file of texts.
    """
    all_given = [given] if isinstance(given, (str, os.PathLike)) else list(given)
    found: list[dict[str, Any]] = []
    for one in [os.fspath(one) for one in all_given]:
        if one.startswith(SCHEME):
            found += hub_sources(one)
            continue
        files = list(_remote(one, format, tell) if is_url(one) else _local(one, format, tell))
        inside = target.rstrip("/\\") + ("/" if is_url(target) else os.sep)
        files = [file for file in files if not file[OPENED_AS].startswith(inside)]
        if not files:
            raise InputError(f"{one}: no file of texts is there")
        found += files
    if not found:
        raise InputError("no source was given: name a file, a folder, a pattern or a dataset of the hub")
    seen: set[str] = set()
    for source in found:
        place = source.get(OPENED_AS) or source["path"]
        place = place if is_url(place) else os.path.realpath(place)
        if place in seen:
            raise InputError(f"{source['path']}: is given twice, and would be embedded twice")
        seen.add(place)
    return found


def read_footers(sources: Sequence[dict[str, Any]], columns: Columns) -> None:
    """Put down in each parquet source how many rows it has, and see that all sources have what is asked for.

    Args:
        sources: Of which those of parquet are opened.
        columns: What is read of them.

    Raises:
        InputError: If a source cannot be read, lacks a column, or has one that is carried along of another type.
    """
    tables = [source for source in sources if source["format"] == "parquet"]
    lines = next((source["path"] for source in sources if source["format"] != "parquet"), None)
    first = {} if lines is None else dict.fromkeys(columns.carried, ("string", lines))
    if not tables:
        return
    import_pyarrow()
    with ThreadPoolExecutor(_FOOTERS_AT_ONCE) as pool:
        for source, found in zip(tables, pool.map(lambda table: _footer(table, columns), tables), strict=True):
            source["rows"] = found.rows
            for name, kind in found.kinds.items():
                before, path = first.setdefault(name, (kind, source["path"]))
                if kind != before:
                    found_kinds = f"{before} in {path} and {kind} in {source['path']}"
                    raise InputError(f"column {name!r} is {found_kinds}: embed them apart, or leave it out of columns")


def _local(given: str, format: str | None, tell: bool) -> Iterator[dict[str, Any]]:
    if os.path.lexists(given):
        paths = list(_files_in(given, format, tell)) if os.path.isdir(given) else [given]
    elif glob.has_magic(given):
        matched = sorted(glob.glob(given, recursive=True))
        paths = [file for path in matched for file in ([path] if os.path.isfile(path) else [])]
    else:
        raise InputError(f"{given}: no such file or folder")
    for path in paths:
        try:
            found = os.stat(path)
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from None
        yield {
            "path": Path(path).as_posix(), OPENED_AS: os.path.abspath(path), "bytes": found.st_size,
            "modified": found.st_mtime_ns, "format": format or guess_format(path),
        }  # fmt: skip


def _remote(given: str, format: str | None, tell: bool) -> Iterator[dict[str, Any]]:
    fs, path = file_system(given)
    try:
        if glob.has_magic(path) and not fs.exists(path):
            paths = [file for file in sorted(fs.glob(path)) if fs.isfile(file)]
        elif fs.isdir(path):
            root = path.rstrip("/") + "/"
            names = [file.removeprefix(root) for file in sorted(fs.find(path))]
            paths = [root + name for name in _texts_of(names, given, format, tell)]
        else:
            paths = [path]
        infos = [fs.info(file) for file in paths]
    except FileNotFoundError:
        raise InputError(f"{given}: no such file or folder") from None
    except Exception as error:  # of a client of a store: no credentials, no route
        raise InputError(f"{given}: cannot be listed ({type(error).__name__}: {error})") from None
    for file, info in zip(paths, infos, strict=True):
        url = fs.unstrip_protocol(file)
        state = next((str(info[key]) for key in _STATES if info.get(key) is not None), "")
        yield {
            "path": url, OPENED_AS: url, "bytes": int(info.get("size") or 0), "etag": state,
            "format": format or guess_format(file),
        }  # fmt: skip


def _files_in(folder: str, format: str | None, tell: bool) -> Iterator[str]:
    names = [
        os.path.relpath(os.path.join(root, name), folder)
        for root, _, files in os.walk(folder, followlinks=True)
        for name in files
    ]
    for name in _texts_of(sorted(Path(name).as_posix() for name in names), folder, format, tell):
        yield os.path.join(folder, name)


def _texts_of(names: Sequence[str], folder: str, format: str | None, tell: bool) -> list[str]:
    """Return the files of a folder that hold texts: by suffix, unless their format is given; hidden ones do not."""
    seen = [name for name in names if not any(part.startswith((".", "_")) for part in name.split("/"))]
    texts = [name for name in seen if format or _is_known(name)]
    if tell and (left_out := sorted(set(seen) - set(texts))):
        logger.warning(
            "%s: %d left out, whose suffix is none of texts (first: %s); a format given for all reads them too",
            folder, len(left_out), left_out[0],
        )  # fmt: skip
    return texts


def _is_known(name: str) -> bool:
    path = Path(name)
    path = path.with_suffix("") if path.suffix.lower() in COMPRESSED else path
    return path.suffix.lower() in _TEXTS or guess_format(name) != "text"


def _footer(source: dict[str, Any], columns: Columns) -> _Footer:
    pa = import_pyarrow()
    try:
        with opened_bytes(source[OPENED_AS]) as file:
            found = pa.parquet.ParquetFile(file)
            chosen(found.schema_arrow.names, source["path"], columns)
            kinds = {name: str(found.schema_arrow.field(name).type) for name in columns.carried}
            return _Footer(int(found.metadata.num_rows), kinds)
    except (pa.ArrowException, OSError) as error:
        raise unreadable(source["path"], error) from None
