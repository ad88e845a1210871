"""The FAISS index of a folder: learned from a sample, filled block by block, its lists merged on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiered_st.indexes.index_config import IndexConfig
from tiered_st.indexes.index_files import IndexFileError, import_faiss

INDEX, LISTS = "index.faiss", "lists.ivfdata"


def new_index(config: IndexConfig, dimension: int) -> Any:
    """Return an untrained FAISS index of the inner product for a settled config; None for "flat"."""
    faiss = import_faiss()
    metric = faiss.METRIC_INNER_PRODUCT
    if config.kind == "flat":
        return None
    if config.kind == "hnsw":
        index = faiss.IndexHNSWSQ(dimension, faiss.ScalarQuantizer.QT_fp16, config.links, metric)
        index.hnsw.efConstruction, index.hnsw.efSearch = config.construction, config.depth
        return index
    quantizer = faiss.IndexFlatIP(dimension)
    if config.kind == "ivf":
        half = faiss.ScalarQuantizer.QT_fp16
        index = faiss.IndexIVFScalarQuantizer(quantizer, dimension, config.lists, half, metric, False)
    else:
        index = faiss.IndexIVFPQ(quantizer, dimension, config.lists, config.code_bytes, 8, metric)
        index.pq.cp.seed = config.seed
        index.pq.cp.min_points_per_centroid = 1
    quantizer.this.disown()  # the index frees it
    index.own_fields = True
    index.cp.seed = config.seed
    index.cp.min_points_per_centroid = 1  # who asked for few was heard; the defaults are above what FAISS warns of
    index.nprobe = config.probes
    return index


def train(index: Any, sample: NDArray[np.float32]) -> None:
    """Learn lists and codes from unit vectors, (rows, dimension)."""
    if hasattr(index, "cp"):
        index.cp.max_points_per_centroid = max(len(sample) // index.nlist + 1, 1)  # all of the sample
    index.train(np.ascontiguousarray(sample))


def opened(home: Path) -> Any:
    """Return the FAISS index of a folder, its lists mapped and not read.

    Raises:
        IndexFileError: If FAISS cannot read it.
    """
    faiss = import_faiss()
    try:
        # FAISS opens fewer paths than Python, and would look for the lists where they were built: mapped below.
        with open(home / INDEX, "rb") as file:
            reader = faiss.PyCallbackIOReader(file.read)
            index = faiss.read_index(reader, faiss.IO_FLAG_READ_ONLY | faiss.IO_FLAG_SKIP_IVF_DATA)
        if hasattr(index, "nlist"):
            lists = faiss.downcast_InvertedLists(index.invlists)
            lists.filename, lists.read_only = str(home / LISTS), True
            lists.do_mmap()
        return index
    except Exception as err:  # FAISS raises RuntimeError and worse
        cure = "Restore it, or build the index again"
        raise IndexFileError(f"{home / INDEX}: FAISS cannot read it ({' '.join(str(err).split())}). {cure}.") from err


def candidates(
    index: Any, queries: NDArray[np.float32], number: int, config: IndexConfig, alive: Any
) -> NDArray[np.int64]:
    """Return row numbers that may be the nearest, (queries, number), with -1 where there are fewer.

    Args:
        index: What `opened` gave.
        queries: Unit vectors, (queries, dimension).
        number: Candidates per query.
        config: Settled: probes and depth are taken from it.
        alive: A FAISS selector of the rows that may be found, or None for all.
    """
    faiss = import_faiss()
    if config.kind == "hnsw":
        parameters = faiss.SearchParametersHNSW(efSearch=max(config.depth or 0, number), sel=alive)
    else:
        parameters = faiss.SearchParametersIVF(nprobe=config.probes, sel=alive)
    rows: NDArray[np.int64] = index.search(queries, number, params=parameters)[1]
    return rows
