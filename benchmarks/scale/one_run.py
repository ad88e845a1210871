"""Embed a folder of texts in this process: ``python -m benchmarks.scale.one_run KIND SOURCE TARGET MODEL``.

What is timed, watched and killed is a process of its own, for imports, Ray and memory are never given back. KIND is one
of `KINDS`. The model reads on one thread per worker.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

PLAIN, ALONE = "plain loop", "one process"
ROWS = 4096  # of a part


def plain_loop(source: str, target: str, model: str) -> None:
    """Do what a script does: read rows, encode them, write them; no manifest, checksums or going on."""
    import pyarrow as pa
    from pyarrow import parquet

    from tiered_st import runtime

    encoder = runtime.load(model, threads=1)
    Path(target).mkdir(parents=True)
    number = 0
    for path in sorted(Path(source).glob("*.parquet")):
        for batch in parquet.ParquetFile(path).iter_batches(batch_size=ROWS):
            vectors = encoder.encode_document(batch.column("text").to_pylist(), batch_size=64, show_progress_bar=False)
            column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), vectors.shape[1])
            table = pa.table({"id": batch.column("id"), "text": batch.column("text"), "vector": column})
            parquet.write_table(table, Path(target, f"{number:05d}.parquet"), use_dictionary=False)
            number += 1


def by_embed(source: str, target: str, model: str, *, workers: int, ray: bool) -> None:
    """Do it by `tiered_st.scale.embed`."""
    from tiered_st.scale import embed

    embed(source, target, model=model, id="id", workers=workers, ray=ray, threads=1, part_rows=ROWS)


def _by_ray(workers: int) -> str:
    return f"Ray, {workers} worker{'s' * (workers > 1)}"


KINDS: dict[str, Callable[[str, str, str], None]] = {
    PLAIN: plain_loop,
    ALONE: partial(by_embed, workers=1, ray=False),
    **{_by_ray(count): partial(by_embed, workers=count, ray=True) for count in (1, 2, 4, 8, 16)},
}


def by_ray(workers: int) -> str:
    """Return the kind of so many workers of Ray's.

    Raises:
        ValueError: If there is none.
    """
    kind = _by_ray(workers)
    if kind not in KINDS:
        raise ValueError(f"{workers} workers are none of those that are measured: {', '.join(list(KINDS)[2:])}")
    return kind


if __name__ == "__main__":
    start = time.perf_counter()
    KINDS[sys.argv[1]](*sys.argv[2:5])
    print(json.dumps({"seconds": time.perf_counter() - start}))
