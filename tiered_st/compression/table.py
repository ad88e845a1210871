"""Replace E1 by a table of the chunk vectors it gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor

from tiered_st.documents.passages import PassageCutter
from tiered_st.modules import TieredInput
from tiered_st.modules.chunk_table import TABLE_STORAGES, ChunkTable
from tiered_st.modules.tiers_of import tiers_of
from tiered_st.text import ChunkType
from tiered_st.text.tokenizer import PAD

_CASES = (ChunkType.WORD, ChunkType.CAPITALISED, ChunkType.ALL_CAPS)
_NO_LIMIT = 1 << 30
_PIECE = 512  # chunks that a piece of a long text holds at most, and characters that need no cutting


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
    """Return the distinct chunk rows of texts, those of BEGIN and FINISH included, (chunks, chars) int64.

    In memory are the distinct rows and one batch: rows met before are known by their bytes, and a text is read piece
    by piece, since a batch is padded to its longest.
    """
    found: dict[bytes, None] = {}
    chars = tiers.settings.chunk_chars
    for batch in _batches(_pieces(tiers, texts), batch_size):
        ids = tiers.preprocess(batch, max_length=_NO_LIMIT)["input_ids"]
        rows = torch.unique(ids[ids[:, :, 0] != PAD], dim=0).to(torch.int16).numpy()  # (distinct, chars)
        found.update(dict.fromkeys(map(bytes, rows)))
    if not found:
        raise ValueError("There are no texts to tabulate: give at least one.")
    rows = torch.from_numpy(np.frombuffer(b"".join(sorted(found)), dtype=np.int16).reshape(-1, chars).astype(np.int64))
    if every_case:
        words = rows[torch.isin(rows[:, 0], torch.tensor(_CASES))]  # (words, chars)
        cases = [torch.cat([torch.full_like(words[:, :1], case), words[:, 1:]], dim=1) for case in _CASES]
        rows = torch.cat([rows, *cases])
    return torch.unique(rows, dim=0)


def _pieces(tiers: TieredInput, texts: Iterable[str]) -> Iterator[str]:
    """Yield short texts as they are and long ones in pieces cut between their words.

    Other chunkers cut by what is around, and a piece's chunks would not be its text's.
    """
    cutter = PassageCutter(tiers, _PIECE)
    for text in texts:
        if tiers.settings.chunker == "words" and isinstance(text, str) and len(text) > _PIECE:
            yield from (passage.text for passage in cutter(text))
        else:
            yield text


def _batches(texts: Iterable[str], size: int) -> Iterator[list[str]]:
    iterator = iter(texts)
    for first in iterator:
        yield [*islice(chain([first], iterator), size)]
