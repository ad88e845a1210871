"""Encode from many threads at once, and count what differs from one thread: ``python -m benchmarks.soak``."""

from __future__ import annotations

import argparse
import random
import string
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

import tiered_st
from tiered_st.modules.tiers_of import tiers_of

_WORDS_PER_TEXT = 2  # what is to be tried is how calls meet, and of short texts there are more calls a minute
# Of a unit vector's values, without autocast and with it: what a chunk's company in a batch may round, and no more.
_TOLERANCES = {False: 1e-5, True: 1e-2}


class Outcome(NamedTuple):
    """What went wrong in a soak."""

    calls: int
    wrong: int
    exceptions: int


def make_texts(words: int, seed: int = 0) -> list[str]:
    """Return texts of a few words each, ``words`` distinct words in all."""
    rng = random.Random(seed)
    distinct: dict[str, None] = {}
    while len(distinct) < words:
        distinct["".join(rng.choices(string.ascii_lowercase, k=rng.randint(3, 12)))] = None
    names = list(distinct)
    return [" ".join(names[i : i + _WORDS_PER_TEXT]) for i in range(0, words, _WORDS_PER_TEXT)]


def soak(model: SentenceTransformer, texts: list[str], *, threads: int, calls: int, cache: int) -> Outcome:
    """Let each of ``threads`` encode ``calls`` texts by a cache of ``cache`` chunks, the first one with autocast."""
    device, tiers = model.device.type, tiers_of(model)
    tiers.set_cache(0)
    wanted = {}
    for autocast in (False, True):
        with torch.autocast(device, torch.bfloat16, enabled=autocast):
            wanted[autocast] = model.encode(texts)
    tiers.set_cache(cache)

    def work(thread: int) -> Outcome:
        rng, autocast = random.Random(thread), thread == 0
        wrong = exceptions = 0
        for _ in range(calls):
            at = rng.randrange(len(texts))
            try:
                with torch.autocast(device, torch.bfloat16, enabled=autocast):
                    vector = model.encode(texts[at])
            except Exception as error:
                print(f"{type(error).__name__}: {error}", file=sys.stderr)
                exceptions += 1
            else:
                wrong += not np.abs(vector - wanted[autocast][at]).max() <= _TOLERANCES[autocast]
        return Outcome(calls, wrong, exceptions)

    with ThreadPoolExecutor(threads) as pool:
        return Outcome(*(sum(column) for column in zip(*pool.map(work, range(threads)), strict=True)))


def main(arguments: list[str] | None = None) -> int:
    """Soak a shipped model; exit with 1 if anything went wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("model", nargs="?", default="en-nano")
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--calls", type=int, default=2000, help="of each thread")
    parser.add_argument("--words", type=int, default=5000, help="distinct ones, two to a text")
    parser.add_argument("--cache", type=int, default=256, help="chunks whose vectors are kept")
    args = parser.parse_args(arguments)
    torch.set_num_threads(1)
    model = tiered_st.load(args.model)
    outcome = soak(model, make_texts(args.words), threads=args.threads, calls=args.calls, cache=args.cache)
    print(f"{outcome.calls} calls: {outcome.wrong} wrong vectors, {outcome.exceptions} exceptions")
    return int(outcome.wrong + outcome.exceptions > 0)


if __name__ == "__main__":
    sys.exit(main())
