"""How many of the true nearest an index on disk finds, measured on vectors that it holds."""

from __future__ import annotations

from typing import Any

import numpy as np

from tiered_st.indexes.disk.exact import nearest_of_all
from tiered_st.indexes.disk.open_folder import OpenFolder
from tiered_st.indexes.faiss_vectors import TIE

AT = 10
QUERIES = 200


def measured_recall(folder: OpenFolder, *, seed: int = 0) -> dict[str, Any]:
    """Return recall@10 against exact search over all rows, read block by block.

    The queries are vectors of rows drawn at random; a query's own row counts neither as found nor as missed. Whatever
    is as near as the tenth nearest counts as found, for any members of a tie are right.

    Returns:
        "recall@10", and of how many "queries" it is the mean; nothing where there is only one row.
    """
    with folder.records.snapshot() as connection:
        count = int(folder.meta["count"])
        if count < 2:
            return {}
        drawn = np.random.default_rng(seed).choice(count, min(QUERIES, count), replace=False)
        queries = folder.vectors.rows(drawn)
        nothing = np.empty(0, dtype=np.int64)
        exact = nearest_of_all(folder.vectors, queries, AT + 1, start=0, stop=count, removed=nothing)
        found = folder.nearest(connection, queries, AT + 1)
    shares = []
    for row, (true, rows), (scores, hits) in zip(drawn, exact, found, strict=True):
        others = true[rows != row][:AT]
        near = scores[hits != row][:AT] >= others[-1] - TIE
        shares.append(near.sum() / len(others))
    return {f"recall@{AT}": round(float(np.mean(shares)), 4), "queries": len(drawn)}
