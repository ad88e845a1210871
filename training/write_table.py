"""Write a table of training data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tiered_st.files import replace_file


def write_table(path: Path, columns: Mapping[str, Sequence[Any]]) -> None:
    """Write columns as parquet, in the place of what was there once it is whole."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({name: list(column) for name, column in columns.items()})
    with replace_file(path) as beside:
        pq.write_table(table, beside, compression="zstd")
