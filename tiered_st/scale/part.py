"""One part of a folder of embeddings: a parquet file of ids, vectors and what is carried along."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

ID, VECTOR, SCALE, TEXT = "id", "vector", "scale", "text"
OWN = (ID, VECTOR, SCALE)  # names of columns that are not to be carried along
_SET_ASIDE = b"tiered_st.set_aside"  # rows of the block that were not embedded, as JSON, in the footer
_LARGEST = 127  # of an int8, without the -128 that has no counterpart


def import_pyarrow() -> Any:
    """Import pyarrow, or say how to install it."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError("folders of embeddings need pyarrow: pip install pyarrow") from error
    return pyarrow


def part_bytes(
    ids: Sequence[str],
    vectors: NDArray[np.float32],
    *,
    dtype: str,
    carried: dict[str, Any] | None = None,
    set_aside: Sequence[dict[str, Any]] = (),
) -> bytes:
    """Return a part as the bytes of its parquet file.

    Args:
        ids: Of the rows.
        vectors: Unit vectors, (rows, dimension).
        dtype: "float32", "float16" or "int8".
        carried: What stands in other columns, by name: arrays of Arrow.
        set_aside: Rows of the block that were not embedded: where they are and why not.
    """
    pa = import_pyarrow()
    dimension = vectors.shape[1]
    columns: dict[str, Any] = {ID: pa.array(ids, pa.string())}
    if dtype == "int8":
        stored, scale = quantized(vectors)
        columns[SCALE] = pa.array(scale)
    else:
        stored = vectors.astype(dtype)
    flat = pa.array(np.ascontiguousarray(stored).reshape(-1))  # (rows · dimension,)
    columns[VECTOR] = pa.FixedSizeListArray.from_arrays(flat, dimension)
    table = pa.table(columns | (carried or {}))
    table = table.replace_schema_metadata({_SET_ASIDE: json.dumps(list(set_aside)).encode()})
    sink = pa.BufferOutputStream()
    leaf = f"{VECTOR}.list.element"
    # Floats do not compress. Parquet has no integer below 32 bits: by a dictionary of them an int8 takes a byte.
    compression = dict.fromkeys(table.column_names, "zstd") | {leaf: "none"}
    pa.parquet.write_table(table, sink, compression=compression, use_dictionary=[leaf] if dtype == "int8" else False)
    return bytes(sink.getvalue())


def quantized(vectors: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return integers (rows, dimension) and scales (rows,): a vector is nearly its integers times its scale."""
    scale = np.abs(vectors).max(axis=1, initial=0.0) / np.float32(_LARGEST)
    safe = np.where(scale > 0, scale, 1).astype(np.float32)
    return np.rint(vectors / safe[:, None]).astype(np.int8), scale.astype(np.float32)


def vectors_of(batch: Any, dimension: int) -> NDArray[np.float32]:
    """Return the vectors of some rows of a part, (rows, dimension), whatever they are stored as.

    Args:
        batch: A record batch or table with the columns "vector" and, of int8, "scale".
        dimension: Of the vectors.
    """
    values = _one(batch.column(VECTOR)).flatten().to_numpy(zero_copy_only=False)
    vectors = values.reshape(-1, dimension).astype(np.float32)  # (rows, dimension)
    if SCALE in batch.schema.names:
        vectors *= _one(batch.column(SCALE)).to_numpy(zero_copy_only=False)[:, None]
    return vectors


def set_aside_of(file: BinaryIO) -> tuple[int, list[dict[str, Any]]]:
    """Return how many rows a part has, and which of its block were set aside, from its footer."""
    found = import_pyarrow().parquet.ParquetFile(file)
    kept = (found.schema_arrow.metadata or {}).get(_SET_ASIDE, b"[]")
    return found.metadata.num_rows, json.loads(kept)


def _one(column: Any) -> Any:
    return column.combine_chunks() if hasattr(column, "combine_chunks") else column
