"""Replace E1 by a table of the chunk vectors it gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor

from tiered_st.chunking import ChunkType
from tiered_st.deployment.tiers import tiers_of
from tiered_st.modules import TieredInput
from tiered_st.modules.chunk_table import TABLE_STORAGES, ChunkTable
from tiered_st.tokenizer import PAD

_CASES = (ChunkType.WORD, ChunkType.CAPITALISED, ChunkType.ALL_CAPS)
_NO_LIMIT = 1 << 30


def tabulate(
    model: SentenceTransformer,
    texts: Iterable[str],
    *,
    keep_encoder: bool = True,
    every_case: bool = False,
    storage: str = "float16",
    batch_size: int = 256,
) -> SentenceTransformer:
    """Look the chunks of ``texts`` up in a table from now on, in place, instead of spelling them out with E1.

    The table is saved and loaded with the model. E1 freezes, since a table would not follow it in training; E2 may be
    trained. A new table replaces an old one.

    Args:
        model: the model whose E1 fills the table.
        texts: texts or single words, whose distinct chunks are stored. A chunk's case counts: see ``every_case``.
        keep_encoder: keep E1 for chunks that are not in the table. Without it E1's weights are dropped, for good, and
            an unknown chunk gets the mean vector of its type (word, number, punctuation…), with one warning.
        every_case: store each word in lower case, Capitalised and ALL CAPS, however it was given.
        storage: how vectors are kept, in memory and on disk: "float32" (exact), "float16" or "int8".
        batch_size: texts read at once.

    Returns:
        The same model.

    Raises:
        ValueError: if there are no texts, E1 was dropped already, or a chunk's vector depends on more than its
            spelling (``char_span`` other than "chunk", or ``peek``).
    """
    tiers = tiers_of(model)
    if storage not in TABLE_STORAGES:
        raise ValueError(f"storage={storage!r} is not one of {', '.join(TABLE_STORAGES)}.")
    if isinstance(texts, str):
        raise ValueError("texts is one str: give an iterable of texts, such as [text].")
    if tiers.encoder == "none":
        raise ValueError("This model's E1 was dropped by tabulate(keep_encoder=False): tabulate the model it was.")
    if tiers.settings.char_span != "chunk" or tiers.settings.peek:
        raise ValueError(
            f"char_span={tiers.settings.char_span!r} and peek={tiers.settings.peek} let E2 see more than one vector "
            "per spelling, which no table holds: only char_span='chunk' with peek=False can be tabulated."
        )
    model.eval()
    device = next(tiers.parameters()).device
    rows = _distinct_rows(tiers, texts, every_case=every_case, batch_size=batch_size).to(device)
    with torch.no_grad():
        vectors = torch.cat([tiers.encode_chunks(part) for part in rows.split(4096)])  # (chunks, d_sem)
    tiers.set_table(ChunkTable.of(rows, vectors, storage=storage))
    if not keep_encoder:
        tiers.set_encoder("none")
    return model


def _distinct_rows(tiers: TieredInput, texts: Iterable[str], *, every_case: bool, batch_size: int) -> Tensor:
    """Return the distinct chunk rows of texts, the marks' included, (chunks, chars) int64."""
    found: Tensor | None = None
    for batch in _batches(texts, batch_size):
        ids = tiers.preprocess(batch, max_length=_NO_LIMIT)["input_ids"]
        rows = ids[ids[:, :, 0] != PAD]  # (chunks, chars)
        found = torch.unique(rows if found is None else torch.cat([found, rows]), dim=0)
    if found is None:
        raise ValueError("There are no texts to tabulate: give at least one.")
    if every_case:
        words = found[torch.isin(found[:, 0], torch.tensor(_CASES))]  # (words, chars)
        cases = [torch.cat([torch.full_like(words[:, :1], case), words[:, 1:]], dim=1) for case in _CASES]
        found = torch.unique(torch.cat([found, *cases]), dim=0)
    return found


def _batches(texts: Iterable[str], size: int) -> Iterator[list[str]]:
    iterator = iter(texts)
    for first in iterator:
        yield [*islice(chain([first], iterator), size)]
