"""MPNet's bias on attention's scores, learned by distance, as a graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiered_st.runtime.semantic.writer import Writer
from tiered_st.runtime.stored_weights import StoredWeights

_BUCKETS, _FAR = 32, 128  # fixed in transformers, whatever a configuration says of the table's size
_INT64 = 7


def relative_bias(writer: Writer, body: Mapping[str, Any], weights: StoredWeights, heads: int, places: int) -> str:
    """Write what is added to the scores, (1, heads, places, places) (Raffel et al. 2020, MPNet's buckets).

    Args:
        writer: of the layers.
        body: the encoder's configuration.
        weights: those of its ``encoder``.
        heads: number of heads.
        places: most places of a text.
    """
    size = body.get("relative_attention_num_buckets", _BUCKETS)
    table = weights.floats("relative_attention_bias.weight", size, heads)
    by_distance = table[bucket(np.arange(1 - places, places))].T[None]  # (1, heads, 2 * places - 1)
    op = writer.graph.op
    place = op("Cast", writer.first_rows(np.arange(places, dtype=np.float32)[:, None]), to=_INT64)  # (places, 1)
    distance = op("Sub", op("Transpose", place, perm=[1, 0]), place)  # of a key from a query, (places, places)
    at = op("Add", distance, writer.graph.ints(places - 1))
    return op("Gather", writer.graph.constant(by_distance), at, axis=2)


def bucket(distance: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the row of the table for distances of a key from a query."""
    half = _BUCKETS // 2
    exact = half // 2
    far = np.abs(distance)
    ratio = np.log(np.maximum(far, 1).astype(np.float32) / np.float32(exact)) / np.float32(np.log(_FAR / exact))
    large = exact + (ratio * np.float32(half - exact)).astype(np.int64)
    return np.where(distance > 0, half, 0) + np.where(far < exact, far, np.minimum(large, half - 1))
