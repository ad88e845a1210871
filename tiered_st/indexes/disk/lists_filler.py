"""Fill a FAISS index in bounded memory: lists go to disk as shards, and are merged there."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from tiered_st.indexes.disk.lists import INDEX, LISTS
from tiered_st.indexes.index_files import import_faiss

SHARD_BYTES = 128 << 20  # of lists held in memory, before they are written as a shard
_ALIGNED = 8  # entries to which lists are filled up, so that row numbers behind codes of any size are aligned


class ListsFiller:
    """Fill a trained index with rows, and write it into a folder.

    Args:
        index: Trained and empty.
        folder: Where `INDEX`, and for lists `LISTS`, are written; shards of them stand there meanwhile.
    """

    def __init__(self, index: Any, folder: Path) -> None:
        self._index, self._folder = index, folder
        self._shards: list[Path] = []
        self._has_lists = hasattr(index, "nlist")
        self._most = SHARD_BYTES // (index.code_size + 8) if self._has_lists else 0  # rows; 8 bytes are their number

    def add(self, vectors: NDArray[np.float32], start: int) -> None:
        """Add unit vectors as the rows from number ``start`` on."""
        if not self._has_lists:
            self._index.add(vectors)
            return
        self._index.add_with_ids(vectors, np.arange(start, start + len(vectors), dtype=np.int64))
        if self._index.ntotal >= self._most:
            self._write_shard()

    def finish(self) -> None:
        """Merge the shards, and write the index."""
        faiss = import_faiss()
        if self._has_lists:
            if self._index.ntotal:
                self._write_shard()
            self._merge()
        with open(self._folder / INDEX, "wb") as file:
            faiss.write_index(self._index, faiss.PyCallbackIOWriter(file.write))

    def _write_shard(self) -> None:
        shard = self._folder / f"shard-{len(self._shards):05d}.faiss"
        import_faiss().write_index(self._index, str(shard))
        self._shards.append(shard)
        self._index.reset()

    def _merge(self) -> None:
        """Write the lists of all shards as one file that FAISS maps.

        FAISS's own `merge_ondisk` gives such a file too, but maps all that it writes and tells standard output of it.
        """
        faiss = import_faiss()
        shards = [faiss.read_index(str(shard), faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY) for shard in self._shards]
        merged = faiss.OnDiskInvertedLists(self._index.nlist, self._index.code_size, str(self._folder / LISTS))
        merged.lists.clear()
        with open(self._folder / LISTS, "wb") as file:
            for number in range(self._index.nlist):
                merged.lists.push_back(self._merged_list(number, [shard.invlists for shard in shards], file))
            merged.totsize = file.tell()
        self._index.replace_invlists(merged, True)
        merged.this.disown()  # the index frees it
        self._index.ntotal = sum(shard.ntotal for shard in shards)
        for shard in self._shards:
            shard.unlink()

    def _merged_list(self, number: int, parts: list[Any], file: BinaryIO) -> Any:
        faiss = import_faiss()
        sizes = [part.list_size(number) for part in parts]
        one = faiss.OnDiskOneList()
        one.offset, one.size = file.tell(), sum(sizes)
        one.capacity = -(-one.size // _ALIGNED) * _ALIGNED
        spare = one.capacity - one.size
        width = self._index.code_size
        for part, size in zip(parts, sizes, strict=True):
            if size:
                file.write(faiss.rev_swig_ptr(part.get_codes(number), size * width).tobytes())
        file.write(bytes(spare * width))
        for part, size in zip(parts, sizes, strict=True):
            if size:
                file.write(faiss.rev_swig_ptr(part.get_ids(number), size).tobytes())
        file.write(bytes(spare * 8))
        return one
