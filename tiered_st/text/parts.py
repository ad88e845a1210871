"""Join the parts of a text, a question and its answer say, into one sequence with marks between."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tiered_st.text.text_rows import TextRows


def split_inputs(inputs: Sequence[Any], segments: int) -> list[tuple[str, ...]]:
    """Return the parts of each input: one of a text, several of a pair or a longer sequence of texts.

    ``{"text": …}`` is a text or a pair, as elsewhere in sentence-transformers. A model without segments reads the texts
    of a pair as one text, each on a line of its own.

    Raises:
        ValueError: if an input is neither, or has more parts than there are segments.
    """
    parts: list[tuple[str, ...]] = []
    for item in inputs:
        if isinstance(item, dict) and item.keys() == {"text"}:
            item = item["text"]
        several = isinstance(item, (tuple, list)) and len(item) > 0 and all(isinstance(part, str) for part in item)
        if not isinstance(item, str) and not several:
            raise ValueError(_refusal(item))
        if several and not segments and len(item) <= 2:
            item = "\n".join(item)
        elif several and len(item) > segments:
            raise ValueError(
                f"An input is a {type(item).__name__} of {len(item)} texts, but the model was built with segments="
                f"{segments}: give one text, or build the model with segments={max(2, len(item))}."
            )
        parts.append((item,) if isinstance(item, str) else tuple(item))
    return parts


def _refusal(item: Any) -> str:
    """Say what an input is and what to pass instead; not where it is: ``encode`` sorts texts before they come here."""
    kind = type(item).__name__
    columns = getattr(item, "columns", None)
    if columns is not None:
        return f'encode got a {kind}: give one column, list(table["text"]), of {", ".join(map(str, columns))[:200]}.'
    if isinstance(item, Mapping):
        return (
            f"An input is a {kind} with the keys {', '.join(map(str, item))[:200]}: give its texts, list(….values())."
        )
    if isinstance(item, Iterable) and not isinstance(item, (bytes, tuple, list)):
        return f"An input is a {kind}, but this model reads text, or a list of texts: give list(…)."
    cure = "leave it out, or put a text in its place"
    if isinstance(item, (bytes, tuple, list)):
        cure = "decode it" if isinstance(item, bytes) else "each of its parts must be a str, and there must be one"
    return (
        f"An input is a {kind} ({item!r:.80}), but this model reads text: {cure}. "
        "[i for i, text in enumerate(texts) if not isinstance(text, str)] says where it is."
    )


def shares(lengths: Sequence[int], room: int) -> list[int]:
    """Cut the longest parts first, until all fit into ``room``; return how much of each is kept."""
    kept = list(lengths)
    for place, part in enumerate(sorted(range(len(lengths)), key=lambda i: lengths[i])):
        kept[part] = min(lengths[part], room // (len(lengths) - place))
        room -= kept[part]
    return kept


def join_parts(rows: TextRows, counts: Sequence[int], limit: int) -> tuple[TextRows, bool]:
    """Join parts that were laid out as texts of their own: BEGIN a FINISH, BEGIN b FINISH to BEGIN a FINISH b FINISH.

    Args:
        rows: the parts of all texts, one after another.
        counts: how many parts each text has; there is at least one text.
        limit: most chunks per text, marks included.

    Returns:
        The texts, ``token_type_ids`` numbering their parts; and whether anything was cut.
    """
    lengths = rows.attention_mask.sum(axis=1) - 2  # (parts,): chunks between the marks
    kept = [shares(own.tolist(), limit - len(own) - 1) for own in np.split(lengths, np.cumsum(counts)[:-1])]
    sizes = np.array([1 + sum(own) + len(own) for own in kept])  # (batch,)
    ids = np.zeros((len(counts), sizes.max(), rows.input_ids.shape[2]), dtype=np.int64)
    ids[:, 0] = rows.input_ids[0, 0]  # BEGIN
    kinds = np.zeros(ids.shape[:2], dtype=np.int64)
    parts = zip(rows.input_ids, lengths.tolist(), strict=True)
    for text, own in enumerate(kept):
        at = 1
        for number, keep in enumerate(own):
            part, length = next(parts)
            ids[text, at : at + keep] = part[1 : 1 + keep]
            ids[text, at + keep] = part[1 + length]  # FINISH
            kinds[text, at : at + keep + 1] = number
            at += keep + 1
    mask = (np.arange(ids.shape[1]) < sizes[:, None]).astype(np.int64)
    return TextRows(ids, mask, kinds), bool(sizes.sum() < (1 + lengths).sum() + len(counts))
