"""How good a ranking is.

scikit-learn's `ndcg_score` wants the scores of all documents; this takes the ranking, for BM25 gives nothing else, with
ties in the order that they were ranked in, and counts what is relevant but not in the collection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log2

DEPTH = 10


def ndcg(ranking: Sequence[str], relevant: Mapping[str, float], *, depth: int = DEPTH) -> float:
    """Return the normalised discounted cumulative gain of a ranking, 0 to 1.

    The gain is the relevance itself, discounted by log2(1 + rank), as in trec_eval and MTEB (Järvelin & Kekäläinen,
    2002). Where nothing is relevant the result is 0.
    """
    gains = [relevant.get(id, 0.0) for id in ranking[:depth]]
    ideal = sorted(relevant.values(), reverse=True)[:depth]
    found, best = (sum(gain / log2(rank + 2) for rank, gain in enumerate(row)) for row in (gains, ideal))
    return found / best if best else 0.0
