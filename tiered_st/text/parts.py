"""Join the parts of a text, a question and its answer say, into one sequence with marks between."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor


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


def join_parts(ids: Tensor, mask: Tensor, counts: Sequence[int], limit: int) -> tuple[dict[str, Tensor], bool]:
    """Join parts that were laid out as texts of their own: BEGIN a FINISH, BEGIN b FINISH to BEGIN a FINISH b FINISH.

    Args:
        ids: (parts, chunks, chars) int64.
        mask: (parts, chunks) int64.
        counts: how many parts each text has; they sum to the first dimension.
        limit: most chunks per text, marks included.

    Returns:
        ``input_ids`` (batch, chunks, chars), ``attention_mask`` and ``token_type_ids`` (batch, chunks), all int64; and
        whether anything was cut.
    """
    lengths = (mask.sum(dim=1) - 2).tolist()  # (parts,): chunks between the marks
    rows, kinds, cut, start = [], [], False, 0
    for count in counts:
        own = lengths[start : start + count]
        kept = shares(own, limit - count - 1)
        cut = cut or kept != own
        pieces = [ids[start, :1]]  # BEGIN
        for part, (length, keep) in enumerate(zip(own, kept, strict=True), start):
            pieces += [ids[part, 1 : 1 + keep], ids[part, 1 + length : 2 + length]]  # chunks, FINISH
        rows.append(torch.cat(pieces))  # (chunks, chars)
        numbers = torch.arange(count).repeat_interleave(torch.tensor(kept) + 1)
        kinds.append(torch.cat([numbers.new_zeros(1), numbers]))  # (chunks,)
        start += count
    pad = torch.nn.utils.rnn.pad_sequence
    sizes = torch.tensor([len(row) for row in rows])
    joined = pad(rows, batch_first=True)  # (batch, chunks, chars)
    return {
        "input_ids": joined,
        "attention_mask": (torch.arange(joined.shape[1]) < sizes[:, None]).long(),
        "token_type_ids": pad(kinds, batch_first=True),
    }, cut
