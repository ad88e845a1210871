"""Build or search one index in this process: ``python -m benchmarks.scale.one_index build|search …`` prints JSON.

A process of its own, for its peak of memory is what is asked. ``build INDEX EMBEDDINGS CONFIG``, where CONFIG is JSON;
``search INDEX TRUTH MOST`` asks at most so many queries one at a time on one thread, after as many to warm up as
`WARM`. The system's page cache is as the build left it.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fresh_process import peak_mebibytes
from tiered_st.indexes import DiskIndex, IndexConfig

WARM = 5


def build(index: str, embeddings: str, config: str) -> dict[str, Any]:
    """Build an index; return its seconds, peak of memory in MB, bytes by file, and the settled config."""
    start = time.perf_counter()
    DiskIndex.build(index, embeddings, config=IndexConfig(**json.loads(config)))
    seconds = time.perf_counter() - start
    files = {path.name: path.stat().st_size for path in sorted(Path(index).iterdir())}
    meta = json.loads((Path(index) / "meta.json").read_text(encoding="utf-8"))
    return {"seconds": seconds, "memory": _peak(), "files": files, "config": meta["config"], "told": meta["recall"]}


def search(index: str, truth: str, most: str) -> dict[str, Any]:
    """Search an index; return milliseconds of a query, recall@10 before and after re-ranking, the peak of memory."""
    import faiss

    from tiered_st.indexes.disk.lists import candidates
    from tiered_st.indexes.disk.open_folder import OpenFolder

    faiss.omp_set_num_threads(1)
    known = np.load(truth)
    queries, expected = known["queries"][: int(most)], known["rows"][: int(most)]
    opened, times, shares = DiskIndex.load(index), [], []
    for query in queries[:WARM]:
        opened.search_vectors(query[None])
    for query, rows in zip(queries, expected, strict=True):
        start = time.perf_counter()
        hits = opened.search_vectors(query[None], rows.shape[0])[0]
        times.append(1000 * (time.perf_counter() - start))
        shares.append(len({int(hit.id[1:]) for hit in hits} & set(rows.tolist())) / len(rows))
    memory, anonymous = _peak(), _anonymous()
    folder, coarse = OpenFolder(Path(index)), None
    if folder.index is not None:
        found = candidates(folder.index, queries, expected.shape[1], folder.config, None)
        pairs = zip(found.tolist(), expected.tolist(), strict=True)
        coarse = float(np.mean([len(set(own) & set(rows)) / len(rows) for own, rows in pairs]))
    return {
        "queries": len(queries), "median_ms": float(np.median(times)), "p95_ms": float(np.quantile(times, 0.95)),
        "recall": float(np.mean(shares)), "recall_before": coarse, "memory": memory, "anonymous": anonymous,
        "cosines": [float(known["scores"][:, place].mean()) for place in (0, -1)],
    }  # fmt: skip


def _peak() -> float:
    return peak_mebibytes() * 2**20 / 1e6


def _anonymous() -> float:
    """Return the resident memory that is no file's, in MB: what the system cannot take back."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024 / 1e6
    return float("nan")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", str(os.cpu_count()))
    print(json.dumps({"build": build, "search": search}[sys.argv[1]](*sys.argv[2:])))
