"""Teach a trained model words that it has no place for, without training: names of products, people, terms.

A model and words go in; the model is changed in place, and saves and loads with what it has learned, for the runtime
without torch too. The way of a word: `modules.learned_words`.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor

from tiered_st.modules import TieredInput
from tiered_st.modules.chunk_source import cut
from tiered_st.modules.learned_words import LearnedWords
from tiered_st.modules.tiers_of import tiers_of
from tiered_st.text.chunk_types import NOT_WORDS
from tiered_st.text.tokenizer import PAD

MOST = 50_000  # words; each takes four bytes for each of its key's and vector's numbers, and a comparison per new chunk
_BATCH = 1_024  # texts read at once
_SURE = 0.1  # share of slot 0 below which the memory has the word, and would let nothing pull it to another
_NO_LIMIT = 1 << 30


def learn_words(model: SentenceTransformer, words: str | Iterable[str]) -> list[str]:
    """Teach a model words in place, so that they are recognised when they are misspelt.

    What is learned is each word's right spelling as E1 reads it; nothing is trained, and a text without such words
    keeps its vector. Words that the model's memory has already are left out. Words are lower-cased where the model
    reads so.

    Args:
        model: the model to teach. An index that was built by it has to be built again.
        words: words, or texts whose words are meant: of "Zyrvexa XR 20" each chunk is learned.

    Returns:
        The words that are new, in order.

    Raises:
        ValueError: If the model has no memory, is not to be taught (a table in E1's place, chunks that see their
            text), or would know more than 50,000 words.
    """
    tiers = _teachable(model)
    texts = [words] if isinstance(words, str) else words
    found: dict[bytes, Tensor] = {}
    known = set(_spellings(tiers.learned_words))
    iterator = iter(texts)
    while batch := list(islice(iterator, _BATCH)):
        for row in _words_of(tiers, batch):
            spelling = row[1:].numpy().tobytes()
            if spelling not in known:
                found.setdefault(spelling, row)
    if not found:
        return []
    rows = torch.stack(list(found.values())).to(next(tiers.parameters()).device)
    readings, unknown = _read(tiers, rows)
    rows, readings = rows[unknown], readings[unknown]
    if not len(rows):
        return []
    if (total := len(rows) + len(known)) > MOST:
        raise ValueError(f"{total:,} words are more than the {MOST:,} that a model can be taught: give fewer.")
    learned = tiers.learned_words
    tiers.set_learned_words(None)  # a word's vector is its own, not one that was pulled to another's
    try:
        vectors = torch.cat([_plain(tiers, part) for part in rows.split(_BATCH)])
    finally:
        tiers.set_learned_words(learned)
    new = LearnedWords.of(rows, readings, vectors, storage=tiers.storage)
    tiers.set_learned_words(new if learned is None else learned.joined(new))
    return _texts(tiers, new.rows)


def forget_words(model: SentenceTransformer, words: str | Iterable[str] | None = None) -> list[str]:
    """Unlearn words in place: those given, or all.

    Args:
        model: the model.
        words: as `learn_words` returned them, or texts that hold them; None for all.

    Returns:
        The words that were forgotten.
    """
    tiers = tiers_of(model)
    learned = tiers.learned_words
    if learned is None:
        return []
    if words is None:
        tiers.set_learned_words(None)
        return _texts(tiers, learned.rows)
    texts = [words] if isinstance(words, str) else list(words)
    named = {row[1:].numpy().tobytes() for row in _words_of(tiers, texts)} if texts else set()
    gone = torch.tensor([spelling in named for spelling in _spellings(learned)], device=learned.rows.device)
    if gone.any():
        tiers.set_learned_words(None if gone.all() else learned.without(gone))
    return _texts(tiers, learned.rows[gone])


def learned_words(model: SentenceTransformer) -> list[str]:
    """Return the words that a model was taught, in the order in which it learned them."""
    tiers = tiers_of(model)
    return [] if tiers.learned_words is None else _texts(tiers, tiers.learned_words.rows)


def _teachable(model: SentenceTransformer) -> TieredInput:
    tiers = tiers_of(model)
    problems = {
        "memory_slots=0: no memory that could learn": not tiers.settings.memory_slots,
        f"char_span={tiers.settings.char_span!r}: a word reads otherwise in every text": (
            tiers.settings.char_span != "chunk"
        ),
        "a table in the place of E1": tiers.encoder == "none",
        "a table of chunk vectors, made before": tiers.table is not None,
    }
    for problem, there in problems.items():
        if there:
            raise ValueError(f"This model cannot be taught words, it has {problem}.")
    if tiers.engine is not None:
        raise ValueError("This model runs on ONNX Runtime: load it by torch, teach it words, and save it.")
    return tiers


def _words_of(tiers: TieredInput, texts: list[str]) -> Iterable[Tensor]:
    """Yield the rows of ids (chars,) of the words of texts, in order."""
    ids = tiers.preprocess(texts, max_length=_NO_LIMIT)["input_ids"]
    rows = ids[ids[:, :, 0] != PAD]  # (chunks, chars)
    return rows[torch.isin(rows[:, 0], torch.tensor(NOT_WORDS), invert=True)]


@torch.no_grad()
def _read(tiers: TieredInput, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return how E1 reads chunks, (chunks, width), and whether the memory is unsure of each, (chunks,) boolean."""
    readings, unknown = [], []
    memory = tiers.chunk_projector.memory
    assert memory is not None
    for part in rows.split(_BATCH):
        states, mask = tiers.char_encoder(cut(part))
        recalled = memory(tiers.chunk_projector.weigh(states, mask))
        readings.append(recalled.query)
        unknown.append(recalled.unknown[:, 0] >= _SURE)
    return torch.cat(readings), torch.cat(unknown)


@torch.no_grad()
def _plain(tiers: TieredInput, rows: Tensor) -> Tensor:
    return tiers.encode_chunks(rows)[:, : tiers.settings.d_sem]


def _spellings(words: LearnedWords | None) -> list[bytes]:
    return [] if words is None else [row.numpy().tobytes() for row in words.rows[:, 1:].long().cpu()]


def _texts(tiers: TieredInput, rows: Tensor) -> list[str]:
    return [tiers.characters.decode(row[row != PAD].long().cpu().numpy()) for row in rows[:, 1:]]
