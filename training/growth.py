"""Let the memory of a trained model grow by words, of another language say, that it is to know beside its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from torch import Tensor
from torch.nn import functional as F

from tiered_st.config import TieredConfig
from tiered_st.model import build, set_storage
from tiered_st.modules.chunk_source import cut
from tiered_st.modules.tiered_input import TieredInput
from tiered_st.modules.tiers_of import tiers_of

_BLOCK = 2_048  # words read at once
_KNOWN = 0.5  # of the start's own words, which have to be recognised
_SURE = 0.7  # of the answer: less, and other words would take slots whose own word no text has
_LEAST = 0.3  # weight that a word's own slot is taken to have, where it has less: values would grow without bounds


@dataclass(frozen=True)
class Growth:
    """How a recipe's start grows.

    Attributes:
        of: name of the recipe that made the start: its words, in its order, are those that the start's slots are of.
            None where its tables are not at hand: the slots are of those words of this recipe that the start
            recognises as surely as its own, and slots that none of them has stay what they are.
        memory_slots: after it has grown.
        reading: settings of how text is read that the grown model has, where the start has others.
    """

    of: str | None
    memory_slots: int
    reading: dict[str, Any] = field(default_factory=dict)

    def config(self, start: TieredConfig) -> TieredConfig:
        """Return the architecture of the grown model.

        Raises:
            ValueError: if it would not have more slots.
        """
        if not 0 < start.memory_slots < self.memory_slots:
            raise ValueError(
                f"Growth(memory_slots={self.memory_slots}) of a model with memory_slots={start.memory_slots}: a model "
                "that has a memory grows by giving it more."
            )
        return start.replace(memory_slots=self.memory_slots, **self.reading)


def slots_of(old: Sequence[str], words: Sequence[str], probabilities: NDArray[np.float64], count: int) -> Tensor:
    """Return the slot of each word, (words,) int64, 0 for those that have none.

    Args:
        old: the words that have slots, in the order of slots from 1 on, "" where it is not known; they keep them.
        words: all words.
        probabilities: how often each is practised; the most frequent of those that have no slot get the others.
        count: slots in all.
    """
    kept = {word: slot for slot, word in enumerate(old, start=1)}
    slots = torch.tensor([kept.get(word, 0) for word in words])
    rest = np.argsort(-np.where(slots.numpy() == 0, probabilities, -1.0), kind="stable")
    rest = rest[: min(count - len(old), int((slots == 0).sum()))]
    slots[torch.from_numpy(rest)] = torch.arange(1 + len(old), 1 + len(old) + len(rest))
    return slots


@torch.no_grad()
def grow(
    start: SentenceTransformer,
    config: TieredConfig,
    old: Sequence[str],
    words: Sequence[str],
    probabilities: Tensor,
    meanings: Tensor,
) -> SentenceTransformer:
    """Return a model like ``start`` whose memory knows further words.

    The prototype of a new word is E1's reading of it, as long as lets it answer as surely as old ones do; its value is
    what brings its chunk vector nearest to what it is to mean; the bias of its slot goes with how often it is
    practised, as those of the old ones do.

    Args:
        start: a trained model.
        config: of the grown one.
        old: the words of the start's slots, from 1 on, "" where it is not known.
        words: the words of the further slots, in order.
        probabilities: how often each slot of the grown model is practised, (1 + memory_slots,).
        meanings: what further words mean, in what the projector normalises: (words, d_sem).

    Raises:
        ValueError: if the start does not recognise its words, being of another recipe or of other data.
    """
    set_storage(start, "float32")
    usual = check_words(tiers_of(start), old)
    model = build(config, device=str(start.device))
    for mine, theirs in zip(list(model)[1:], list(start)[1:], strict=True):
        mine.load_state_dict(theirs.state_dict())
    tiers = tiers_of(model)
    _enlarge(tiers, tiers_of(start))
    memory, first = tiers.chunk_projector.memory, 1 + len(old)
    assert memory is not None and memory.values is not None and memory.meaning is not None
    last = first + len(words)
    weight, bias = memory.prototypes.weight, memory.prototypes.bias
    # Slots that no word has are never meant.
    bias.fill_(-1e4)
    have = tiers_of(start).chunk_projector.memory.prototypes.bias  # type: ignore[union-attr]
    bias[: len(have)] = have
    met = probabilities[1:first] > 0
    shift = (have[1:first][met] - probabilities[1:first][met].clamp_min(1e-8).log()).mean()
    bias[first:last] = probabilities[first:last].clamp_min(1e-8).log().to(bias.dtype) + shift
    rows = word_rows(tiers, words)
    read = torch.cat([tiers.read_chunks(part) for part in rows.split(_BLOCK)])
    # Their own readings answer more surely than prototypes that were learned, and would take misspelt words from them.
    weight[first:last] = F.normalize(read, dim=1) * (usual / read.norm(dim=1).mean())
    tiers.source.forget()
    axes = torch.linalg.pinv(memory.meaning.weight)  # (values, d_sem)
    lacks = meanings - unnormalised(tiers, rows)
    share = torch.cat([torch.softmax(tiers.recognize(part).float(), dim=1).amax(dim=1) for part in rows.split(_BLOCK)])
    memory.values.weight[:, first:last] += (lacks @ axes.T / share.clamp_min(_LEAST)[:, None]).T
    return model


@torch.no_grad()
def known_words(tiers: TieredInput, words: Sequence[str]) -> list[str]:
    """Return which of some words each slot of a memory is of, from slot 1 on, "" for slots that none is surely of.

    Raises:
        ValueError: if it knows none of them.
    """
    found = [""] * tiers.settings.memory_slots
    shares = [0.0] * len(found)
    for start in range(0, len(words), _BLOCK):
        part = words[start : start + _BLOCK]
        best = torch.softmax(tiers.recognize(word_rows(tiers, part)).float(), dim=1).max(dim=1)
        for word, share, slot in zip(part, best.values.tolist(), best.indices.tolist(), strict=True):
            if slot and share >= max(_SURE, shares[slot - 1]):
                found[slot - 1], shares[slot - 1] = word, share
    if not any(found):
        raise ValueError(
            f"Growth(of=None): the start's memory knows none of the recipe's {len(words):,} words: give it texts in a "
            "language that it reads too, or name the recipe that made it."
        )
    return found


@torch.no_grad()
def check_words(tiers: TieredInput, words: Sequence[str]) -> float:
    """Return the mean score of words for their own slots, from slot 1 on, without bias, by a thousand of them.

    "" is the word of a slot that is not asked for.

    Raises:
        ValueError: if it does not recognise them.
    """
    given = torch.tensor([place for place, word in enumerate(words) if word])
    places = given[torch.linspace(0, len(given) - 1, min(1_000, len(given))).long()]
    scores = tiers.recognize(word_rows(tiers, [words[i] for i in places.tolist()]))
    known = float((scores.argmax(dim=1) == places + 1).float().mean())
    if known < _KNOWN:
        raise ValueError(
            f"Of the words that the start's memory should have, it recognises {known:.0%}: Growth.of names another "
            "recipe than made it, or --data has other tables."
        )
    memory = tiers.chunk_projector.memory
    assert memory is not None
    return float((scores - memory.prototypes.bias)[torch.arange(len(places)), places + 1].mean())


@torch.no_grad()
def unnormalised(tiers: TieredInput, rows: Tensor) -> Tensor:
    """Return the vectors of chunks (n, chars) before they are normalised, (n, d_sem)."""
    taken: list[Tensor] = []
    hook = tiers.chunk_projector.norm.register_forward_pre_hook(lambda module, given: taken.append(given[0]))
    try:
        for part in rows.split(_BLOCK):
            states, mask = tiers.char_encoder(cut(part))
            tiers.chunk_projector.project(states, mask, part[:, 0])
    finally:
        hook.remove()
    return torch.cat(taken)


def word_rows(tiers: TieredInput, words: Sequence[str]) -> Tensor:
    """Return the characters of words, of what is read as several chunks those of the first: (words, chars)."""
    parts = [tiers.preprocess(list(words[i : i + _BLOCK]))["input_ids"][:, 1] for i in range(0, len(words), _BLOCK)]
    return torch.cat(parts)


def _enlarge(tiers: TieredInput, start: TieredInput) -> None:
    """Copy a smaller model's weights, the first slots of each matrix that is longer."""
    own = tiers.state_dict()
    for name, weight in start.state_dict().items():
        own[name][tuple(slice(size) for size in weight.shape)] = weight
