"""Say which words E1 recognises, and what of it reaches E2: ``python -m benchmarks.recognition MODEL … --data DIR``.

4,000 of the 20,000 most frequent English words are misspelt, at the rate of a column, each until it is none of them;
of people's misspellings, the right words are the dictionary. A row says for how many the right word comes first:

- reading: by the cosine of E1's reading of the misspelling to its readings of the words, spelt rightly;
- …, among five: for how many it is one of the first five;
- own reading: the same by the reading that a model has learned for this alone (modules.spelling_context), if it has;
- memory: by the slot of the memory that is likeliest, the words being those that a slot is likeliest for;
- chunk vector: by the cosine of what E2 is given.

SymSpell, which knows the frequencies too, is asked the same.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import tiered_st
from benchmarks.peers.symspell_words import SymSpellWords
from benchmarks.report.markdown import markdown
from benchmarks.suites.real import load as load_real
from benchmarks.texts.columns import read_columns
from tiered_st.modules import TieredInput
from tiered_st.noise import add_ocr_errors, add_typos, seeded
from tiered_st.runtime.sentence_pooling import unit

DICTIONARY, SAMPLE, DEPTH = 20_000, 4_000, 5
NOISES: dict[str, tuple[Callable[..., str], float]] = {
    "keyboard 10 %": (add_typos, 0.1), "keyboard 20 %": (add_typos, 0.2), "scanner 10 %": (add_ocr_errors, 0.1),
}  # fmt: skip
PEOPLE = "people's"
_TRIES = 50  # to misspell a word that stays what it is, or becomes another
_BLOCK = 512  # words read, and compared with all, at once

# Misspellings, words, and of each misspelling the places of the right ones.
Task = tuple[list[str], list[str], list[set[int]]]


def tasks_of(data: Path, dictionary: int = DICTIONARY, sample: int = SAMPLE) -> dict[str, Task]:
    """Return the misspellings of each column."""
    listed = read_columns(data, "lex_word_freq_en.parquet", "word", "count")
    ranked = [word for word, _ in sorted(listed, key=lambda row: -row[1]) if word.isalpha() and word.isascii()]
    words = ranked[:dictionary]
    known = set(words)
    places = sorted(range(len(words)), key=lambda i: seeded("recognition", words[i]).random())
    tasks = {}
    for name, (corrupt, rate) in NOISES.items():
        pairs = []
        for i in places:
            tries = (corrupt(words[i], rate, seeded(name, words[i], k)) for k in range(_TRIES))
            typed = next((each for each in tries if each not in known and each.strip()), None)
            if typed is not None:
                pairs.append((typed, {i}))
            if len(pairs) == sample:
                break
        tasks[name] = [typed for typed, _ in pairs], words, [right for _, right in pairs]
    tasks[PEOPLE] = load_real(data).lists["misspellings"]
    return tasks


def first_and_near(scores: NDArray[np.float32], right: Sequence[set[int]]) -> tuple[int, int]:
    """Return for how many rows of scores (misspellings, words) a right word is first, and among the first few."""
    best = np.argsort(-scores, axis=1, kind="stable")[:, :DEPTH]
    hits = np.array([[int(place) in places for place in row] for row, places in zip(best, right, strict=True)])
    return int(hits[:, 0].sum()), int(hits.any(axis=1).sum())


@torch.inference_mode()
def shares(tiers: TieredInput, task: Task) -> dict[str, float]:
    """Return a model's rows in one column, in per cent of the misspellings that are one chunk, as their words are."""
    typed, words, right = task
    ids = torch.from_numpy(tiers.reader.read([*typed, *words]).input_ids)  # (texts, chunks, chars)
    whole = ((ids[:, :, 0] > 0).sum(dim=1) == 3).numpy()  # what is one chunk between BEGIN and FINISH
    rows, right_words = ids[:, 1], whole[len(typed) :]
    at = [i for i, places in enumerate(right) if whole[i] and all(right_words[list(places)])]
    right = [right[i] for i in at]

    def read(way: Callable[[torch.Tensor], torch.Tensor]) -> tuple[NDArray[Any], NDArray[Any]]:
        made = np.concatenate([way(part).float().numpy() for part in rows.split(_BLOCK)])
        return made[at], made[len(typed) :]

    found = {}
    ways: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {"reading": tiers.read_chunks}
    if tiers.spelling_context is not None and tiers.spelling_context.reader is not None:
        ways["own reading"] = tiers.read_spellings
    for name, way in (ways | {"chunk vector": tiers.encode_chunks}).items():
        noisy, clean = (unit(each) for each in read(way))
        clean[~right_words] = 0
        blocks = (slice(i, i + _BLOCK) for i in range(0, len(at), _BLOCK))
        hits = np.sum([first_and_near(noisy[block] @ clean.T, right[block]) for block in blocks], axis=0)
        found[name] = 100 * hits[0] / len(at)
        if name in ways:
            found[f"{name}, among five"] = 100 * hits[1] / len(at)
    noisy, clean = read(lambda part: tiers.recognize(part).argmax(dim=1))
    hit = [slot > 0 and slot in clean[list(places)] for slot, places in zip(noisy, right, strict=True)]
    return found | {"memory": 100 * float(np.mean(hit))}


@cache
def _symspell() -> SymSpellWords:
    """Return one SymSpell, which keeps the dictionary that several columns share."""
    return SymSpellWords()


def corrected(task: Task) -> float:
    """Return for how many of a column's misspellings SymSpell has the right word first, in per cent."""
    typed, words, right = task
    first = _symspell().rank(typed, words, depth=1)[:, 0].tolist()
    return 100 * float(np.mean([place in places for place, places in zip(first, right, strict=True)]))


def main(argv: Sequence[str] | None = None) -> int:
    """Print the rows of each model; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.recognition", description=(__doc__ or "").partition(":")[0] + "."
    )
    parser.add_argument("models", nargs="+", metavar="MODEL", help="shipped models, or folders")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of parquet files")
    options = parser.parse_args(argv)
    try:
        tasks, table = tasks_of(options.data), []
        for name in options.models:
            tiers = tiered_st.load(name, device="cpu")[0]
            if not isinstance(tiers, TieredInput) or tiers.chunk_projector.memory is None:
                raise ValueError(f"{name} has no memory of words: name a model that has one.")
            columns = [shares(tiers, task) for task in tasks.values()]
            table += [[f"{name}: {way}", *(f"{column[way]:.1f}" for column in columns)] for way in columns[0]]
        table.append(["SymSpell", *(f"{corrected(task):.1f}" for task in tasks.values())])
    except (ValueError, OSError, ImportError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(markdown(["the right word is first, %", *tasks], table))
    return 0


if __name__ == "__main__":
    sys.exit(main())
