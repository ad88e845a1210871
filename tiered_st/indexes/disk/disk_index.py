"""Nearest-neighbour search over more texts than fit into RAM: vectors, lists, ids and texts stay on disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tiered_st.files import replace_folder
from tiered_st.indexes.adding import add_in_chunks
from tiered_st.indexes.disk import actions
from tiered_st.indexes.disk.build import write_disk_index
from tiered_st.indexes.disk.current_folder import CurrentFolder
from tiered_st.indexes.disk.layout import config_of, refuse_other_folders
from tiered_st.indexes.disk.live_rows import LiveRows
from tiered_st.indexes.disk.row_records import next_number
from tiered_st.indexes.embedder import Embedder
from tiered_st.indexes.encoder import Encoder, refuse_other
from tiered_st.indexes.hit import Hit
from tiered_st.indexes.index_config import IndexConfig
from tiered_st.indexes.index_files import Record
from tiered_st.indexes.searchable import Searchable
from tiered_st.indexes.uninterrupted import uninterrupted

if TYPE_CHECKING:
    from tiered_st.scale import Embeddings


class DiskIndex(Searchable):
    """Search texts by meaning, in a folder that `build` writes and `load` opens.

    Scores are cosines of whole vectors, whatever codes they were found by. Where the index was built of embeddings
    without texts, those of hits are "".

    What is added is embedded, compared one by one beside the lists, and durable when `add` returns; what is removed is
    left out. `compact` folds both in. A kill at any moment leaves whole chunks.

    Any number of threads and processes may search, and add and remove one after the other: each block of queries is
    answered from one state. A folder that is built again or compacted is taken up by the next call.

    Args:
        path: The folder.
        model: What embeds queries and what is added; without one, vectors alone can be searched for.
        check_model: Compare the model with the one that embedded what is in it.

    Raises:
        IndexFileError: If a file is missing, damaged or foreign.
        ModelMismatchError: If another model embedded what is in it.
        ImportError: If FAISS is not installed.
    """

    def __init__(self, path: str | os.PathLike[str], model: Encoder | None = None, *, check_model: bool = True) -> None:
        self.path, self.model, self._check_model = Path(path), model, check_model
        self._current = CurrentFolder(self.path)
        meta = self._current.refreshed().meta
        self._embedder = None if model is None else Embedder.of_index(meta, model, path, check_model=check_model)

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path.absolute(), "model": self.model, "check_model": self._check_model}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["path"], state["model"], check_model=state["check_model"])  # type: ignore[misc]

    @classmethod
    def build(
        cls,
        path: str | os.PathLike[str],
        embeddings: Embeddings | str | os.PathLike[str],
        model: Encoder | None = None,
        *,
        config: IndexConfig | None = None,
        check_model: bool = True,
        progress: bool = False,
    ) -> DiskIndex:
        """Build an index of a folder of embeddings, put it in the place of ``path``, and open it.

        A build that is killed leaves what stood there, and starts over when it is called again.

        Args:
            path: The folder; an index there is replaced.
            embeddings: What `tiered_st.scale.embed` wrote.
            model: The model that embedded them; needed to search for texts, not to build.
            config: Default: ``IndexConfig()``, by the number of vectors.
            check_model: Compare the model with the one that embedded them.
            progress: Show a progress bar.

        Raises:
            IndexFileError: If `path` exists and is not an index.
            ModelMismatchError: If another model embedded them.
            ValueError: For an id that comes twice, a vector without a cosine, or a config that does not fit.
            EmbeddingsError: If the embeddings are missing, damaged or incomplete.
            TimeoutError: If another process is writing `path` and does not come to an end.
        """
        if isinstance(embeddings, (str, os.PathLike)):
            from tiered_st.scale import Embeddings

            embeddings = Embeddings(embeddings)
        meta = {
            "model_name": embeddings.model_name, "model_fingerprint": embeddings.model_fingerprint,
            "prompts": embeddings.meta.get("prompts", {}),
        }  # fmt: skip
        if model is not None:
            found = {**meta, "dimension": embeddings.dimension}
            refuse_other(model, found, embeddings.folder, check_fingerprint=check_model)
        embeddings.verify()  # what is damaged there would be found here, as something else
        with replace_folder(path, accept=refuse_other_folders) as folder:
            config = config or IndexConfig()
            write_disk_index(folder, embeddings, model=meta, config=config, progress=progress)
        return cls(path, model, check_model=check_model)

    @classmethod
    def load(cls, path: str | os.PathLike[str], model: Encoder | None = None, *, check_model: bool = True) -> DiskIndex:
        """Open an index; the arguments and errors are those of the class."""
        return cls(path, model, check_model=check_model)

    def add(
        self,
        records: Iterable[str | tuple[str, str]] | Mapping[str, str],
        *,
        batch_size: int = 256,
        chunk_size: int = 4096,
        progress: bool = False,
        on_batch: Callable[[int], None] | None = None,
    ) -> int:
        """Embed and append records, as `FaissIndex.add` does; each chunk is on disk, whole, before the next is read.

        What was added is compared one by one: `compact` when searches get slow.
        """
        return add_in_chunks(
            records, self._with_model(), number=self._number, commit=self._commit,
            batch_size=batch_size, chunk_size=chunk_size, progress=progress, on_batch=on_batch,
        )  # fmt: skip

    def remove(self, ids: str | Iterable[str]) -> int:
        """Remove records by id and return how many; all of them or, on an error, none. Durable when it returns.

        Raises:
            KeyError: If an id is unknown; names up to ten.
        """
        ids = list(dict.fromkeys([ids] if isinstance(ids, str) else ids))
        uninterrupted(partial(self._current.write, partial(actions.remove_ids, ids)))
        return len(ids)

    def compact(self, *, config: IndexConfig | None = None, progress: bool = False) -> None:
        """Build the index anew of what it holds, without what was removed; a killed one leaves all as it was.

        Others search the old state meanwhile; who adds or removes waits.

        Args:
            config: Default: what it was built with, settled anew by the number of vectors.
            progress: Show a progress bar.
        """
        with replace_folder(self.path, accept=refuse_other_folders) as staging:
            old = self._current.refreshed()
            model = {name: old.meta[name] for name in ("model_name", "model_fingerprint", "prompts")}
            with old.records.snapshot() as connection:
                source = LiveRows(old, connection)
                asked = config or config_of(old.meta, "asked")
                number = next_number(connection)
                write_disk_index(
                    staging, source, model=model, config=asked, progress=progress, next_number=number
                )  # fmt: skip

    def verify(self) -> None:
        """Read all files and compare them with what was built; opening compares sizes alone.

        Raises:
            IndexFileError: If one is damaged; says which.
        """
        self._current.read(actions.verify)

    @property
    def dimension(self) -> int:
        """Dimensions of a vector."""
        return int(self._current.refreshed().meta["dimension"])

    @property
    def embedder(self) -> Embedder | None:
        """What embeds queries and records, or None where there is no model."""
        return self._embedder

    def model_meta(self) -> dict[str, Any]:
        """Return name, fingerprint and prompts of the model that embedded what is in it, and its dimension."""
        meta = self._current.refreshed().meta
        return {key: meta[key] for key in ("model_name", "model_fingerprint", "prompts", "dimension")}

    def sorted_ids(self) -> Iterator[str]:
        """Yield all ids in order of their characters' codes."""
        some: list[str] | None = None
        while some := self._current.read(partial(actions.sorted_ids_after, some[-1] if some else None)):
            yield from some

    @property
    def ids(self) -> Iterator[str]:
        """All ids in insertion order, read as they are asked for: what is added meanwhile is among them."""
        row = -1
        while some := self._current.read(partial(actions.ids_after, row)):
            row = some[-1][0]
            yield from (id for _, id in some)

    def text(self, id: str) -> str:
        """Return the text of a record; KeyError if the id is unknown, ValueError if it came without its text."""
        text = self._current.read(partial(actions.text_of, id))
        if text is None:
            raise ValueError(f"{self.path}: was built of embeddings without texts, so {id!r} has none")
        return text

    def info(self) -> dict[str, Any]:
        """Return facts: counts, what was added and removed since it was built, config, recall, model."""
        return self._current.read(actions.facts)

    def __len__(self) -> int:
        return self._current.read(actions.count)

    def __contains__(self, id: object) -> bool:
        return isinstance(id, str) and self._current.read(partial(actions.holds, id))

    def _hits(self, vectors: NDArray[np.float32], k: int) -> list[list[Hit]]:
        return self._current.read(partial(actions.hits, vectors, k))

    def _number(self, chunk: Sequence[Any], start: int) -> list[Record]:
        return self._current.read(partial(actions.number_chunk, chunk, start))

    def _commit(self, chunk: Sequence[Any], start: int, vectors: NDArray[np.float32]) -> None:
        self._current.write(partial(actions.append_chunk, chunk, start, vectors))
