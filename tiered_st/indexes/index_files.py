"""The on-disk form of a `FaissIndex`: one directory, written atomically and verified when it is read.

index.faiss     the vectors, as FAISS writes them
records.jsonl   one {"row", "id", "text"} per line, in insertion order
words.jsonl     one string per line: the words that the model was taught for this index, where it was
meta.json       format, counts, the model's fingerprint, and the sha256 of the files above; of format version 2, which
                is written where there are any, the prompts before documents and queries; of version 3, where there are
                words, their number too, and the fingerprint of the model before it knew them
"""

from __future__ import annotations

import hashlib
import importlib
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

from tiered_st.files import standing

FORMAT = "tiered_st.index"
INDEX, RECORDS, WORDS, META = "index.faiss", "records.jsonl", "words.jsonl", "meta.json"
LITTER = {".DS_Store", ".localized", "Thumbs.db", "desktop.ini"}  # file managers put these into any folder
Record = tuple[int, str, str]  # row number (the FAISS id), id, text

_META_TYPES = {
    "dimension": int, "count": int, "next_row": int, "metric": str, "model_fingerprint": str, "model_name": str,
    "sha256": dict,
}  # fmt: skip


class IndexFileError(ValueError):
    """A saved index is missing, damaged, foreign, or in a format this version cannot read."""


class ModelMismatchError(IndexFileError):
    """A saved index was built by another model than the one it is loaded with."""


def import_faiss() -> Any:
    """Import FAISS, or say how to install it."""
    try:
        return importlib.import_module("faiss")
    except ImportError as err:
        raise ImportError("FaissIndex needs FAISS: pip install faiss-cpu") from err


def read_index_dir(path: str | os.PathLike[str]) -> tuple[Any, list[Record], dict[str, Any]]:
    """Read and verify an index directory; write nothing.

    Where a killed save left only the set-aside directory, that one is read.

    Returns:
        The FAISS index, its records in insertion order, and the contents of `meta.json`, with the words themselves in
        the place of their number, where there are any.

    Raises:
        IndexFileError: If a file is missing, damaged or foreign; the message names it.
    """
    while True:
        home = standing(path)
        before = written_state(home)
        try:
            return _read_index_dir(home)
        except (IndexFileError, FileNotFoundError):
            now = standing(path)
            if (now, written_state(now)) == (home, before):
                raise  # else another process has replaced the index, or is about to, while it was read


def written_state(folder: Path) -> tuple[int, int, int] | None:
    """Return what tells one save at a place from the next; of the file written last: folders' numbers come again."""
    try:
        found = os.stat(folder / META)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns


def _read_index_dir(home: Path) -> tuple[Any, list[Record], dict[str, Any]]:
    if not home.is_dir():
        raise IndexFileError(f"{home}: no index directory. Check the path, or build the index and save() it.")
    meta = _read_meta(home / META)
    # Opened once: what is verified is what is read, whatever takes the files' places meanwhile.
    with ExitStack() as stack:
        names = (INDEX, RECORDS, WORDS) if "learned_words" in meta else (INDEX, RECORDS)
        files = {name: stack.enter_context(_opened(home / name)) for name in names}
        for name, file in files.items():  # before FAISS or json see a byte of them
            found, expected = sha256_of(home / name, file), meta["sha256"].get(name)
            if found != expected:
                raise damaged(home / name, f"its sha256 is {found}, {META} says {expected}")
            file.seek(0)
        faiss = import_faiss()
        try:
            index = faiss.read_index(faiss.PyCallbackIOReader(files[INDEX].read))
        except Exception as err:  # FAISS raises RuntimeError and worse
            raise damaged(home / INDEX, f"FAISS cannot read it ({err})") from err
        records = _read_records(home / RECORDS, files[RECORDS], meta["next_row"])
        words = _read_words(home / WORDS, files[WORDS]) if WORDS in files else []
    held = [(INDEX, "count", index.ntotal), (RECORDS, "count", len(records)), (INDEX, "dimension", index.d)]
    held += [(WORDS, "learned_words", len(words))] if WORDS in files else []
    for name, key, value in held:
        if value != meta[key]:
            raise damaged(home / name, f"its {key} is {value}, {META} says {meta[key]}")
    rows = [row for row, _, _ in records]
    if hasattr(index, "id_map") and faiss.vector_to_array(index.id_map).tolist() != rows:
        raise damaged(home / RECORDS, f"its rows are not those of {INDEX}")
    return index, records, meta | ({"learned_words": words} if words else {})


def _opened(path: Path) -> BinaryIO:
    try:
        return open(path, "rb")
    except OSError as err:
        raise unreadable(path, err) from err


def damaged(file: Path, found: str) -> IndexFileError:
    """Return the error of a file that says something it cannot say."""
    return IndexFileError(f"{file}: {found}. The file is damaged: restore it, or build the index again.")


def unreadable(file: Path, err: OSError) -> IndexFileError:
    """Return the error of a file that the system does not give."""
    return IndexFileError(f"{file}: cannot be read ({err.strerror}). Restore it, or build the index again.")


def refuse_foreign(place: Path) -> None:
    """Raise unless replacing `place` loses only an index, and what file managers leave in any folder."""
    cure = "Refusing to overwrite it: save to another path, or remove it first."
    if not place.is_dir():
        raise IndexFileError(f"{place}: exists and is not an index directory. {cure}")
    names = {entry.name for entry in place.iterdir() if not entry.name.startswith("._")}
    if foreign := sorted(names - {INDEX, RECORDS, WORDS, META} - LITTER):
        raise IndexFileError(f"{place}: holds {foreign[0]!r}, which is no part of an index. {cure}")
    try:
        _read_meta(place / META)
    except IndexFileError as err:
        raise IndexFileError(f"{place}: exists and is not an index directory ({err}). {cure}") from err


def write_index_files(
    folder: Path, index: Any, *, records: Iterable[Record], meta: dict[str, Any], words: Sequence[str] = ()
) -> None:
    """Write the files of an index into an empty folder."""
    faiss = import_faiss()
    with open(folder / INDEX, "wb") as file:
        # A callback, because FAISS itself opens fewer paths than Python does.
        faiss.write_index(index, faiss.PyCallbackIOWriter(file.write))
    # Not ASCII escapes: json joins two escaped surrogates into one character, surrogatepass keeps them apart.
    with open(folder / RECORDS, "w", encoding="utf-8", errors="surrogatepass", newline="\n") as lines:
        for row, id, text in records:
            lines.write(json.dumps({"row": row, "id": id, "text": text}, ensure_ascii=False) + "\n")
    if words:
        with open(folder / WORDS, "w", encoding="utf-8", errors="surrogatepass", newline="\n") as lines:
            lines.writelines(json.dumps(word, ensure_ascii=False) + "\n" for word in words)
        meta = {"prompts": {}} | meta | {"learned_words": len(words)}
    digests = {}
    for name in (INDEX, RECORDS, WORDS) if words else (INDEX, RECORDS):
        with _opened(folder / name) as data:
            digests[name] = sha256_of(folder / name, data)
    head = {"format": FORMAT, "format_version": 3 if words else 2 if "prompts" in meta else 1}
    with open(folder / META, "w", encoding="utf-8") as file:
        json.dump({**head, **meta, "sha256": digests}, file, indent=2)


def _read_meta(file: Path) -> dict[str, Any]:
    # Of versions 1, 2 and 3: whoever reads fewer would ask without prompts, or without words.
    more: tuple[dict[str, type], ...] = ({}, {"prompts": dict}, {"prompts": dict, "learned_words": int})
    types = {version: _META_TYPES | own for version, own in enumerate(more, 1)}
    return read_typed_meta(file, format=FORMAT, types=types, writer="FaissIndex.save")


def read_typed_meta(file: Path, *, format: str, types: Mapping[int, Mapping[str, type]], writer: str) -> dict[str, Any]:
    """Return what a meta.json says.

    Args:
        file: The file.
        format: What it must say that it is of.
        types: By each version of the format that is read, the keys it must have and their types.
        writer: What writes such files, for messages.

    Raises:
        IndexFileError: If it cannot be read, or is damaged, foreign or of another version.
    """
    try:
        meta = json.loads(file.read_bytes())
    except OSError as err:
        raise unreadable(file, err) from err
    except (ValueError, RecursionError) as err:
        raise damaged(file, f"it is not JSON ({err})") from err
    if not isinstance(meta, dict) or meta.get("format") != format:
        raise IndexFileError(f"{file}: not written by {writer} ('format' is not {format!r}).")
    if (version := meta.get("format_version")) not in tuple(types):
        cure = "Build the index again, or install the tiered-st that wrote it."
        reads = " and ".join(map(str, types))
        raise IndexFileError(f"{file}: format version {version!r}, this version reads {reads}. {cure}")
    for key, kind in types[version].items():
        if not isinstance(meta.get(key), kind):
            raise damaged(file, f"{key!r} is {meta.get(key)!r}, expected {kind.__name__}")
    return meta


def _read_records(path: Path, file: BinaryIO, next_row: int) -> list[Record]:
    records: list[Record] = []
    seen: set[str] = set()
    try:
        for line in io.TextIOWrapper(file, encoding="utf-8", errors="surrogatepass", newline="\n"):
            record = json.loads(line)
            row, id, text = record["row"], record["id"], record["text"]
            if type(row) is not int or not 0 <= row < next_row:
                raise ValueError(f"row {row!r} is not in 0…{next_row - 1}")
            if not isinstance(id, str) or not isinstance(text, str):
                raise ValueError("id and text must be strings")
            if id in seen:
                raise ValueError(f"id {id!r} comes twice")
            seen.add(id)
            records.append((row, id, text))
    except (ValueError, KeyError, TypeError, RecursionError) as err:
        raise damaged(path, f"line {len(records) + 1} is not a record ({err!r})") from err
    return records


def _read_words(path: Path, file: BinaryIO) -> list[str]:
    words: list[str] = []
    try:
        for line in io.TextIOWrapper(file, encoding="utf-8", errors="surrogatepass", newline="\n"):
            if not isinstance(word := json.loads(line), str):
                raise ValueError(f"{word!r:.80} is no string")
            words.append(word)
    except (ValueError, RecursionError) as err:
        raise damaged(path, f"line {len(words) + 1} is not a word ({err!r})") from err
    return words


def sha256_of(path: Path, file: BinaryIO, size: int | None = None) -> str:
    """Return the sha256 of what is left of an open file, or of the next ``size`` bytes; ``path`` is for messages."""
    digest = hashlib.sha256()
    left = float("inf") if size is None else size
    try:
        while left and (block := file.read(int(min(left, 1 << 20)))):
            digest.update(block)
            left -= len(block)
    except OSError as err:
        raise unreadable(path, err) from err
    return digest.hexdigest()
