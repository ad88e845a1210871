"""Teach a finished model which word a misspelling means by its text.

``python -m training.spelling_context RECIPE MODEL --data DIR --out FOLDER``. Nothing else of the model changes. The
recipe says which texts and what noise: of each text one word at a time is misspelt, and so are some of those around it;
of the words that E1 finds nearest, the model learns which stood there, or that none of them did. Beside that it learns
to tell the word from any others of the list (Mnih and Hinton 2007), which rare words need.

With ``--reading`` it first learns to read words so that a misspelling is nearest to its own word among all of the list,
and what is no word of it to none.
"""

from __future__ import annotations

import argparse
import logging
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from torch import Tensor
from torch.nn import functional as F

from tiered_st.model import load, set_storage
from tiered_st.modules.hashing import hash_rows
from tiered_st.modules.spelling_context import SpellingContext, SpellingReader
from tiered_st.modules.tiered_input import TieredInput
from tiered_st.modules.tiers_of import tiers_of
from tiered_st.noise import seeded
from tiered_st.suspects import keys_of
from tiered_st.text.spelling import UNABLE, ContextConfig, SpellingConfig, SpellingList
from tiered_st.text.tokenizer import PAD
from training.corpus import Corpus
from training.precision import has_bf16
from training.recipe import Recipe
from training.recipe_files import find_recipe
from training.student import Student
from training.tasks.noise import Noise

logger = logging.getLogger(__name__)
Item = TypeVar("Item")
_READ, _ENCODED, _SPELT = 512, 2_048, 4_096  # texts, chunks and words at a time
_CHUNKS = 64  # of a text
_HELD = 0.01  # share of the texts by which it is judged
_REAL = 0.15  # probability of a misspelling that people made, where there is one
_FORMS, _FREQUENT, _MANY = 3, 6_000, 6  # misspellings of a word, and of each of the most frequent ones
_BROKEN, _MOST = 0.5, 0.7  # share of words of which fragments are read; share of its letters that still is the word
_DRAWN, _BATCH, _NEGATIVES = 2_400, 768, 4_096
_EVEN = 3e-4  # frequency from which words are drawn less often (Mikolov et al. 2013)
_ELSEWHERE = 0.6  # how often, beside others, what is no word of the list
_NOISY = 0.6  # most of the neighbours that are misspelt too
_CANDIDATES, _MARGIN = 16, 12.0  # while it learns: more than it is to weigh then
_RATE, _WARM, _LANGUAGE = 2e-3, 50, 0.3  # peak learning rate, steps until then, weight of telling a word from any other
_MEANT, _STRANGE = 400, 100  # forms of words of the list, and of others, that a reading learns of in a step


class Places(NamedTuple):
    """Some places in texts, each misspelt.

    Attributes:
        around: (places, 2 · reach + 1, d_sem).
        own: (places, d_sem).
        scores: (places, candidates).
        words: (places, candidates), of the list.
        meant: (places,), the word of the list that stood there; -1 for another.
    """

    around: Tensor
    own: Tensor
    scores: Tensor
    words: Tensor
    meant: Tensor


@dataclass
class Practice:
    """Texts as chunks, and how each of their words may be misspelt.

    Attributes:
        listed: (words, d_sem), the vectors of the list's words.
        chunks: (chunks + 1, d_sem), of the distinct chunks of the texts, and zero for what is behind an edge.
        places: (places,), the chunk at each place of the texts, ``reach`` of which are edges before each text.
        texts: (places,), the text of each.
        sums: (texts, d_sem), of the vectors of each text.
        lengths: (texts,), its chunks.
        origins: (places,), what is misspelt there: a word of the list, or a chunk behind these.
        forms: vectors, scores, words and meanings of the misspelt forms, as in Places.
        first: (origins,), where the forms of each begin, in order of origins.
        count: (origins,), how many it has.
    """

    listed: Tensor
    chunks: Tensor
    places: Tensor
    texts: Tensor
    sums: Tensor
    lengths: Tensor
    origins: Tensor
    forms: tuple[Tensor, Tensor, Tensor, Tensor]
    first: Tensor
    count: Tensor
    reach: int

    def __post_init__(self) -> None:
        at = (self.count[self.origins] > 0).nonzero().squeeze(1)
        held = self.texts[at] < max(1, round(_HELD * len(self.lengths)))
        self.held, self.learned = at[held], at[~held]
        often = torch.bincount(self.origins[self.learned], minlength=len(self.count)).float()
        self.kept = (_EVEN * often.sum() / often.clamp_min(1)).sqrt().clamp_max(1)
        self.kept[len(self.listed) :] *= _ELSEWHERE

    def draw(self, places: Tensor, count: int, generator: torch.Generator) -> Tensor:
        """Return up to ``count`` of some places, frequent words less often."""
        some = places[torch.randint(len(places), (_DRAWN * count // _BATCH,), generator=generator)]
        return some[torch.rand(len(some), generator=generator) < self.kept[self.origins[some]]][:count]

    def misspell(self, at: Tensor, share: float, generator: torch.Generator) -> Places:
        """Misspell the chunks at places (places,), and so many of their neighbours."""
        reach = self.reach
        beside = at[:, None] + torch.tensor([k for k in range(-reach, reach + 1) if k])
        beside = beside.clamp(0, len(self.places) - 1)
        text, chunk = self.texts[at], self.places[at]
        inside = (self.texts[beside] == text[:, None]) & (self.places[beside] < len(self.chunks) - 1)
        form = self._form(self.origins[beside], generator)
        misspelt = inside & (form >= 0) & (torch.rand(form.shape, generator=generator) < share)
        vectors, scores, words, meant = self.forms
        sides = torch.where(misspelt[:, :, None], vectors[form.clamp_min(0)].float(), self.chunks[self.places[beside]])
        others = (self.lengths[text] - 1).clamp_min(1)[:, None]
        mean = (self.sums[text] - self.chunks[chunk]) / others
        own = self._form(self.origins[at], generator)
        around = torch.cat([sides * inside[:, :, None], mean[:, None]], dim=1)
        return Places(around, vectors[own].float(), scores[own], words[own], meant[own])

    def _form(self, origins: Tensor, generator: torch.Generator) -> Tensor:
        """Return a form of each of some origins, -1 where there is none."""
        count = self.count[origins]
        some = (torch.rand(origins.shape, generator=generator) * count).long()
        return torch.where(count > 0, self.first[origins] + some, -1)


def practice_of(
    tiers: TieredInput, recipe: Recipe, data: Path, config: ContextConfig, texts: int, steps: int = 0, seed: int = 0
) -> Practice:
    """Read texts of a recipe by a model, and misspell their words.

    Where the context has a reading of its own, that learns first, in so many steps: the model then has one that has.
    """
    spellings = tiers.source.spellings
    assert spellings is not None
    rows, sequences = _chunks(tiers, _texts(recipe, data, texts))
    logger.info("%d texts, %d chunks", len(sequences), len(rows))
    listed = torch.from_numpy(spellings.words.rows)
    own = {key: place for place, key in reversed(list(enumerate(keys_of(listed.numpy()[:, 1:]))))}
    able = ~np.isin(rows[:, 0].numpy(), UNABLE)
    words = [own.get(key, -1) if may else -1 for key, may in zip(keys_of(rows.numpy()[:, 1:]), able, strict=True)]
    word = torch.tensor(words)

    forms, meant, origins = _forms(tiers, listed, rows[able & (word < 0).numpy()], _noise(recipe, data))
    elsewhere = torch.from_numpy(able).logical_and(word < 0).nonzero().squeeze(1)
    origins = torch.where(origins < 0, len(listed) + elsewhere[-1 - origins.clamp_max(-1)], origins)
    doubtful = torch.from_numpy(spellings.words.doubtful(rows.numpy()))  # such as names, which are none of the words
    forms, origins = torch.cat([forms, rows[doubtful]]), torch.cat([origins, len(listed) + doubtful])
    meant = torch.cat([meant, torch.full_like(doubtful, -1)])
    at = torch.from_numpy(spellings.words.doubtful(forms.numpy()))
    at = at[origins[at].argsort()]
    forms, origins, meant = forms[at], origins[at], meant[at]
    logger.info("%d misspelt forms", len(forms))
    if config.reading:
        context = _unlearned(tiers, config, seed)
        assert context.reader is not None
        learn_reading(context.reader, tiers, spellings.words, forms, meant, steps, seed)
        tiers.set_spelling_context(context)

    flat, text = _flat(sequences, len(rows), config.reach)
    chunks = torch.cat([_encoded(tiers, rows), torch.zeros(1, tiers.settings.d_sem)])
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    sums = torch.stack([chunks[torch.from_numpy(sequence)].sum(dim=0) for sequence in sequences])
    scores, near = _nearest(tiers, forms, config)
    total = torch.arange(len(listed) + len(chunks))
    first = torch.searchsorted(origins, total)
    return Practice(
        listed=_encoded(tiers, listed), chunks=chunks, places=flat, texts=text, sums=sums, lengths=lengths,
        origins=torch.where(F.pad(word, (0, 1), value=-1)[flat] >= 0, F.pad(word, (0, 1))[flat], len(listed) + flat),
        forms=(_encoded(tiers, forms).half(), scores, near, meant), first=first,
        count=torch.searchsorted(origins, total, right=True) - first, reach=config.reach,
    )  # fmt: skip


def learn_reading(
    reader: SpellingReader, tiers: TieredInput, words: SpellingList, forms: Tensor, meant: Tensor, steps: int, seed: int
) -> None:
    """Let a reader learn which word of the list each form (forms, chars) means, (forms,), -1 for none of them.

    The softmax is that of reading: over all words, by cosine and rank; what is no word is to be further than ``near``.
    """
    config, generator = words.config, torch.Generator().manual_seed(seed)
    pooled, listed = _pooled(tiers, forms), _pooled(tiers, torch.from_numpy(words.rows))
    expected, wanted = torch.from_numpy(words.expected), torch.where(meant < 0, len(words.rows), meant)
    held = torch.rand(len(forms), generator=generator) < _HELD
    known, strange = (~held & (meant >= 0)).nonzero().squeeze(1), (~held & (meant < 0)).nonzero().squeeze(1)
    none = torch.nn.Parameter(expected.mean())
    optimizer = torch.optim.AdamW([*reader.parameters(), none], lr=_RATE, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, partial(_share_of_rate, steps=steps))

    def logits(at: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=has_bf16("cpu")):
            cosines = F.normalize(reader(pooled[at]), dim=1) @ F.normalize(reader(listed), dim=1).T
        scores = config.sharpness * (cosines.float() - config.near) + expected
        return torch.cat([scores, none.expand(len(at), 1)], dim=1)

    started = time.monotonic()
    for step in range(1, steps + 1):
        parts = [known[torch.randint(len(known), (_MEANT,), generator=generator)]]
        if len(strange):
            parts.append(strange[torch.randint(len(strange), (_STRANGE,), generator=generator)])
        at = torch.cat(parts)
        optimizer.zero_grad()
        F.cross_entropy(logits(at), wanted[at]).backward()
        optimizer.step()
        schedule.step()
        if step % 500 == 0 or step == steps:
            at = held.nonzero().squeeze(1)[:2_000]
            with torch.no_grad():
                right = logits(at).argmax(dim=1) == wanted[at]
            shares = [100 * float(right[some].float().mean()) for some in (meant[at] >= 0, meant[at] < 0)]
            said = (step, steps, (time.monotonic() - started) / 60, *shares)
            logger.info("reading: %d of %d steps, %.1f minutes: %.1f %% of words, %.1f %% of others", *said)


def _share_of_rate(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / _WARM) * max(0.02, 0.5 + 0.5 * float(np.cos(np.pi * step / steps)))


def learn(context: SpellingContext, practice: Practice, steps: int, seed: int) -> None:
    """Let a context learn from practice."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(context.parameters(), lr=_RATE, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, partial(_share_of_rate, steps=steps))
    started = time.monotonic()
    for step in range(1, steps + 1):
        at = practice.draw(practice.learned, _BATCH, generator)
        places = practice.misspell(at, _NOISY * float(torch.rand(1, generator=generator)), generator)
        with torch.autocast("cpu", torch.bfloat16, enabled=has_bf16("cpu")):
            loss = _choice(context, practice, places) + _LANGUAGE * _language(context, practice, places, generator)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 500 == 0 or step == steps:
            minutes = (time.monotonic() - started) / 60
            logger.info("%d of %d steps, %.1f minutes: %s", step, steps, minutes, judge(context, practice))


@torch.no_grad()
def judge(context: SpellingContext, practice: Practice) -> dict[str, float]:
    """Return of how many misspelt places, some neighbours misspelt too, the right word is told, in %.

    The keys: "letters" by E1 alone, and "text"; of those whose word is a candidate. "none": of how many others it is
    said that they are none.
    """
    generator = torch.Generator().manual_seed(0)
    places = practice.misspell(practice.draw(practice.held, 4_000, generator), _NOISY / 2, generator)
    wanted = _wanted(places)
    told = context.weigh(places.around, places.own, places.scores, practice.listed[places.words]).argmax(dim=1)
    listed = wanted < places.words.shape[1]
    shares = {
        "letters": places.scores.argmax(dim=1)[listed] == wanted[listed],
        "text": told[listed] == wanted[listed],
        "none": told[~listed] == wanted[~listed],
    }
    return {name: round(100 * float(share.float().mean()), 1) for name, share in shares.items()}


def _wanted(places: Places) -> Tensor:
    """Return the class of each place: the candidate that is meant, or, behind them, none."""
    same = places.words == places.meant[:, None]
    return torch.where(same.any(dim=1), same.float().argmax(dim=1), same.shape[1])


def _choice(context: SpellingContext, practice: Practice, places: Places) -> Tensor:
    logits = context.weigh(places.around, places.own, places.scores, practice.listed[places.words])
    return F.cross_entropy(logits.float(), _wanted(places))


def _language(context: SpellingContext, practice: Practice, places: Places, generator: torch.Generator) -> Tensor:
    """Tell the word of each place from those of the others and from words drawn at random."""
    known = places.meant >= 0
    meant = places.meant[known]
    words = torch.cat([meant, torch.randint(len(practice.listed), (_NEGATIVES,), generator=generator)])
    expected, _ = context.expect(places.around[known], places.own[known])
    keys = context.words(practice.listed[words])
    logits = (expected @ keys[:, :-1].T + keys[:, -1]).float()
    own = torch.arange(len(meant))
    twice = (words[None] == meant[:, None]) & (torch.arange(len(words))[None] != own[:, None])
    return F.cross_entropy(logits.masked_fill(twice, -1e4), own)


def _texts(recipe: Recipe, data: Path, most: int) -> list[str]:
    """Return texts of a recipe, the foreign sides of its parallel ones too, in an order of chance."""
    texts = [text for source in (*recipe.texts, *recipe.queries) for text in source.texts(data)]
    texts += [pair[1] for source in recipe.parallel for pair in source.pairs(data)]
    texts = list(dict.fromkeys(texts))
    random.Random(recipe.seed).shuffle(texts)
    return texts[:most]


def _noise(recipe: Recipe, data: Path) -> Noise:
    misspellings = Corpus(recipe, data, Student(recipe, "cpu")).misspellings
    return Noise(recipe.stages[0].noise, misspellings, _REAL, "spelling context")


def _chunks(tiers: TieredInput, texts: Sequence[str]) -> tuple[Tensor, list[NDArray[np.int64]]]:
    """Return the distinct chunks of texts, (chunks, chars), and those of each text."""
    known: dict[int, int] = {}
    rows: list[Tensor] = []
    sequences = []
    for part in _parts(texts, _READ):
        ids = _ids(tiers, part)
        hashes = hash_rows(ids.flatten(0, 1)).view(ids.shape[:2]).tolist()
        for own, keys, count in zip(ids, hashes, (ids[:, :, 0] != PAD).sum(dim=1).tolist(), strict=True):
            for place, key in enumerate(keys[:count]):
                if key not in known:
                    known[key] = len(rows)
                    rows.append(own[place].clone())
            sequences.append(np.array([known[key] for key in keys[:count]], dtype=np.int64))
    return torch.stack(rows), sequences


def _ids(tiers: TieredInput, texts: Sequence[str]) -> Tensor:
    ids = tiers.preprocess(texts, max_length=min(_CHUNKS, tiers.settings.max_chunks))["input_ids"]
    return F.pad(ids, (0, tiers.settings.chunk_chars - ids.shape[2]))


def _forms(tiers: TieredInput, listed: Tensor, others: Tensor, noise: Noise) -> tuple[Tensor, Tensor, Tensor]:
    """Return misspelt forms, each of one chunk, (forms, chars), the word each means, and what it was made of.

    What is made of the words of the list is of these, by place; of other chunks, it means none (-1), and is of -1 for
    the first, -2 for the second, and so on.
    """
    made: list[tuple[str, int, int]] = []
    for place, word in enumerate(_spelt(tiers, listed)):
        if not word.isalpha():
            continue
        made += ((form, place, place) for form in _misspelt(noise, word, _MANY if place < _FREQUENT else _FORMS))
        rng = seeded("fragments", word)
        if len(word) >= 5 and rng.random() < _BROKEN:
            cut = rng.randint(2, len(word) - 2)
            parts = (word[:cut], word[cut:])
            made += ((part, place if len(part) >= _MOST * len(word) else -1, place) for part in parts)
    for place, word in enumerate(_spelt(tiers, others)):
        if word.isalpha() and len(word) > 2:
            made += ((form, -1, -1 - place) for form in _misspelt(noise, word, 1))
    rows, one = [], []
    for part in _parts(made, _SPELT):
        ids = _ids(tiers, [form for form, _, _ in part])
        one.append((ids[:, :, 0] != PAD).sum(dim=1) == 3)  # BEGIN, the chunk, FINISH
        rows.append(ids[:, 1])
    at = torch.cat(one)
    return torch.cat(rows)[at], torch.tensor([m for _, m, _ in made])[at], torch.tensor([o for *_, o in made])[at]


def _misspelt(noise: Noise, word: str, count: int) -> Iterator[str]:
    """Yield up to ``count`` misspellings of a word that are letters alone."""
    for view in range(2 * count):
        form = noise(word, 0, view).lower()
        if form != word and form.isalpha():
            yield form
            count -= 1
            if not count:
                return


def _spelt(tiers: TieredInput, rows: Tensor) -> list[str]:
    return [tiers.characters.decode(row[1:][row[1:] != PAD].numpy(), errors="replace") for row in rows]


def _flat(sequences: Sequence[NDArray[np.int64]], edge: int, reach: int) -> tuple[Tensor, Tensor]:
    """Return the chunks of all texts in a row, edges before each and at the end, and the text of each."""
    edges = np.full(reach, edge, dtype=np.int64)
    flat = np.concatenate([part for sequence in sequences for part in (edges, sequence)] + [edges])
    text = np.repeat(np.arange(len(sequences)), [len(sequence) + reach for sequence in sequences])
    return torch.from_numpy(flat), torch.from_numpy(np.concatenate([text, np.full(reach, -1)]))


@torch.no_grad()
def _encoded(tiers: TieredInput, rows: Tensor) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16, enabled=has_bf16("cpu")):
        return torch.cat([tiers.encode_chunks(part).float() for part in rows.split(_ENCODED)])


@torch.no_grad()
def _pooled(tiers: TieredInput, rows: Tensor) -> Tensor:
    return torch.cat([tiers.pool_chunks(part).float() for part in rows.split(_ENCODED)])


@torch.no_grad()
def _nearest(tiers: TieredInput, forms: Tensor, config: ContextConfig) -> tuple[Tensor, Tensor]:
    """Return what speaks for the words that forms may mean, (forms, candidates), and these."""
    spellings, found = tiers.source.spellings, []
    assert spellings is not None
    for part in forms.split(_ENCODED):
        with torch.autocast("cpu", torch.bfloat16, enabled=has_bf16("cpu")):
            queries = tiers.read_spellings(part)
        found.append(spellings.candidates(queries.float(), config))
    scores, words = (torch.cat(values) for values in zip(*found, strict=True))
    return scores, words


def _parts(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _unlearned(tiers: TieredInput, config: ContextConfig, seed: int) -> SpellingContext:
    """Return a context that has learned nothing, the same for a seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return SpellingContext(config, tiers.settings.d_sem, tiers.settings.d_char)


def teach(model: SentenceTransformer, practice: Practice, config: ContextConfig, steps: int, seed: int) -> None:
    """Give a model a context that has learned from practice, stored as the rest of it is."""
    tiers, storage = tiers_of(model), tiers_of(model).storage
    context = _unlearned(tiers, config, seed)
    if config.reading:
        assert tiers.spelling_context is not None
        context.reader = tiers.spelling_context.reader  # by which practice was made
    learn(context, practice, steps, seed)
    tiers.set_spelling_context(context)
    set_storage(model, storage)


def spell_alone(tiers: TieredInput, config: SpellingConfig) -> None:
    """Let a misspelling's vector follow so from its letters alone; what the text makes of it stays."""
    assert tiers.lexicon is not None
    context = tiers.spelling_context
    tiers.set_lexicon(tiers.lexicon.words, config)
    tiers.set_spelling_context(context)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("recipe", help="whose texts, noise and misspellings are read: of training/recipes, or a path")
    parser.add_argument("model", help="a shipped model or a folder")
    parser.add_argument("--data", type=Path, required=True, help="folder of tables")
    parser.add_argument("--out", type=Path, required=True, help="folder of the model that has learned")
    parser.add_argument("--texts", type=int, default=300_000, help="read at most (default 300,000)")
    parser.add_argument("--steps", type=int, default=5_000, help="of learning (default 5,000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--share", type=float, help="by letters alone, once all is learned: see SpellingConfig")
    parser.add_argument("--reading-steps", type=int, default=1_500, help="of a reading's (default 1,500)")
    sizes = ("width", "hidden", "keys", "reading", "reading_hidden")
    for name in sizes:
        size = getattr(ContextConfig, name)
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(flag, type=int, default=size, help=f"see ContextConfig (default {size})")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    try:
        model = load(args.model, device="cpu")
        tiers = tiers_of(model)
        if tiers.spelling is None:
            raise ValueError(f"{args.model} has no list of words that a misspelling may mean: set_lexicon(spelling=…).")
        tiers.set_spelling_context(None)
        config = ContextConfig(**{name: getattr(args, name) for name in sizes})
        alone = tiers.spelling if args.share is None else replace(tiers.spelling, share=args.share)
        wide, steps = replace(config, candidates=_CANDIDATES, margin=_MARGIN), args.reading_steps
        practice = practice_of(tiers, find_recipe(args.recipe), args.data, wide, args.texts, steps, args.seed)
        teach(model, practice, config, args.steps, args.seed)
        if alone != tiers.spelling:
            spell_alone(tiers, alone)
        model.save_pretrained(str(args.out), create_model_card=False)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
