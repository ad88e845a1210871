"""Begin a run, or go on with it, and end it: what its folder says at each moment is true.

First manifest.json is written, which says that the run is not complete and what it is of; then parts, and a record in
units/ for each unit that is finished; in the end rejected.jsonl, the manifest anew, and the records go.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from tiered_st import __version__
from tiered_st.indexes.index_files import LITTER
from tiered_st.records.rows import InputError
from tiered_st.scale.embed_block import BLANK
from tiered_st.scale.job import Job
from tiered_st.scale.manifest import (
    MANIFEST,
    PARTS,
    REJECTED,
    UNITS,
    EmbeddingsError,
    read_manifest,
    write_manifest,
)
from tiered_st.scale.part import set_aside_of
from tiered_st.scale.place import Place
from tiered_st.scale.sources import OPENED_AS, read_footers
from tiered_st.scale.units import Unit, block_of, cut

_CURE = "or start anew with restart=True (--restart)"
_NOT_COMPARED = (OPENED_AS, "rows")


class Run:
    """One run into one folder, which nobody else writes.

    Args:
        place: The folder.
        job: What is asked for.
        sources: What `find_sources` found.
        restart: Remove what an earlier run wrote there.

    Attributes:
        complete: Whether nothing is left to do.

    Raises:
        EmbeddingsError: If the folder holds something else, or was begun with other sources, another model or other
            settings.
        InputError: If a source cannot be read.
    """

    def __init__(self, place: Place, job: Job, sources: Sequence[dict[str, Any]], *, restart: bool) -> None:
        self._place, self._job = place, job
        self._sources = [dict(source) for source in sources]
        begun = self._begun(restart)
        if begun is None:
            read_footers(self._sources, job.fields)
            self._meta = self._new_meta()
            write_manifest(place, self._meta)
        else:
            self._refuse_other(begun)
            for source, before in zip(self._sources, begun["sources"], strict=True):
                source |= {key: before[key] for key in ("rows",) if key in before}
            self._meta = begun
        self._id = self._identity()
        self.complete = self._meta["complete"] and not self._lacks_parts()
        if self.complete:
            self._refuse_rejected()
        elif self._meta["complete"]:  # a part went away: what is missing is embedded again
            self._meta |= {"complete": False, "parts": [], "count": 0}
            write_manifest(place, self._meta)

    @property
    def rows(self) -> int | None:
        """Rows of all sources; None where some do not say how many they have."""
        known = [source.get("rows") for source in self._sources]
        return None if None in known else sum(rows for rows in known if rows is not None)

    def units(self) -> Iterator[Unit]:
        """Yield the units that are not finished, each with the blocks of it that are done.

        Raises:
            EmbeddingsError: If there is a file among the parts that is none.
        """
        finished = set(self._place.names(UNITS))
        done: dict[int, list[int]] = {}
        for name in self._place.names(PARTS):
            if (found := block_of(name)) is None:
                raise EmbeddingsError(f"{self._place.path(PARTS)}: {name} is no part of this run. Remove it.")
            if found[2] == self._id:
                done.setdefault(found[0], []).append(found[1])
        for unit in cut(self._sources, self._job.part_rows, self._id):
            if unit.name.rpartition("/")[2] not in finished:
                yield replace(unit, done=tuple(block for block in done.get(unit.number, ()) if unit.has(block)))

    def finished_rows(self) -> int:
        """Return the rows of the units that are finished."""
        records = self._place.read_all(f"{UNITS}/{name}" for name in self._place.names(UNITS))
        return sum(part["rows"] for record in records for part in json.loads(record)["parts"])

    def finish(self) -> None:
        """Gather what the units' records say, and put down that the run is complete.

        Raises:
            EmbeddingsError: If there is a part that no unit made.
        """
        parts: list[dict[str, Any]] = []
        for record in self._place.read_all(unit.name for unit in cut(self._sources, self._job.part_rows, self._id)):
            parts += json.loads(record)["parts"]
        parts.sort(key=lambda part: part["file"])
        foreign = set(self._place.names(PARTS)) - {part["file"].rpartition("/")[2] for part in parts}
        for name in sorted(foreign):
            if (found := block_of(name)) is not None and found[2] != self._id:  # by a worker that outlived its run
                self._place.remove(f"{PARTS}/{name}")
                foreign.remove(name)
        if foreign:
            raise EmbeddingsError(f"{self._place.path(PARTS)}: {min(foreign)} is no part of this run. Remove it.")
        with self._place.writing(REJECTED) as file:
            for part in parts:
                if part["rejected"]:
                    with self._place.open(part["file"]) as data:
                        for row in set_aside_of(data)[1]:
                            file.write(json.dumps(row).encode() + b"\n")
        self._meta |= {
            "complete": True, "count": sum(part["rows"] for part in parts),
            "rejected": sum(part["rejected"] for part in parts), "blank": sum(part["blank"] for part in parts),
            "parts": [{key: part[key] for key in ("file", "rows", "sha256")} for part in parts],
        }  # fmt: skip
        write_manifest(self._place, self._meta)
        self.clean()

    def clean(self) -> None:
        """Remove what is of use while a run is at work, and what killed writers left."""
        self._place.remove(UNITS)
        self._place.tidy(PARTS)
        self._place.tidy("")

    def _begun(self, restart: bool) -> dict[str, Any] | None:
        """Return the manifest of the run that was begun here, None where none was."""
        names = set(self._place.names()) - LITTER
        if not names:
            return None
        if MANIFEST not in names:
            found = f"holds {min(names)!r} and is no folder of embeddings"
            raise EmbeddingsError(f"{self._place.folder}: {found}. Refusing to write into it: give another folder.")
        begun = read_manifest(self._place)
        if not restart:
            return begun
        # Whoever is killed between here and the new manifest leaves what is refused unless it is restarted again.
        write_manifest(self._place, begun | {"complete": False, "settings": {"removed": True}})
        for name in (PARTS, UNITS, REJECTED):
            self._place.remove(name)
        return None

    def _identity(self) -> str:
        """Return what a run of these sources, this model and these settings is known by."""
        of_run = [self._meta[key] for key in ("model_fingerprint", "dimension", "dtype", "settings")]
        told = [of_run, self._meta.get("prompts"), list(_compared(self._meta["sources"]).values())]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:8]

    def _new_meta(self) -> dict[str, Any]:
        job = self._job
        sources = [{key: value for key, value in source.items() if key != OPENED_AS} for source in self._sources]
        return {
            "complete": False, **job.about_model, "dtype": job.dtype, "settings": job.settings(), "sources": sources,
            "count": 0, "rejected": 0, "blank": 0, "parts": [], "library_version": __version__,
        }  # fmt: skip

    def _refuse_other(self, begun: dict[str, Any]) -> None:
        """Refuse to go on with other sources, another model or other settings than the run was begun with."""
        new = self._new_meta()
        folder = self._place.folder
        for key in ("model_fingerprint", "dimension", "prompts"):
            if begun.get(key) != new.get(key):
                found = f"with {begun['model_name']!r} ({key} {begun.get(key)}), not this model ({new.get(key)})"
                raise EmbeddingsError(f"{folder}: it was begun {found}. Give that model, {_CURE}.")
        settings = begun["settings"] | {"dtype": begun["dtype"]}
        for key, value in (new["settings"] | {"dtype": new["dtype"]}).items():
            if key not in settings or settings[key] != value:
                found = f"with {key}={settings.get(key)!r}, not {value!r}"
                raise EmbeddingsError(f"{folder}: it was begun {found}. Give the same, {_CURE}.")
        before, now = map(_compared, (begun["sources"], new["sources"]))
        for path in [*before, *(path for path in now if path not in before)]:
            if before.get(path) != now.get(path):
                state = "is new" if path not in before else "is missing" if path not in now else "has changed"
                raise EmbeddingsError(
                    f"{folder}: it was begun with other sources: {path} {state}. Give the same, {_CURE}."
                )
        if list(before) != list(now):
            raise EmbeddingsError(f"{folder}: it was begun with its sources in another order. Give the same, {_CURE}.")

    def _lacks_parts(self) -> bool:
        there = set(self._place.names(PARTS))
        return any(part["file"].rpartition("/")[2] not in there for part in self._meta["parts"])

    def _refuse_rejected(self) -> None:
        """Refuse a complete folder with rows that were set aside where such rows are to end the run."""
        if self._job.skip or self._meta["rejected"] == self._meta.get("blank", 0):
            return
        with self._place.open(REJECTED) as file:
            rows = (json.loads(line) for line in file)
            first = next(row for row in rows if row["reason"] != BLANK)
        cure = f"{self._place.path(REJECTED)} has them all; on_error='skip' (--on-error skip) takes the rest"
        raise InputError(f"{first['where']}: {first['reason']} ({cure})")


def _compared(sources: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        source["path"]: {key: value for key, value in source.items() if key not in _NOT_COMPARED} for source in sources
    }
