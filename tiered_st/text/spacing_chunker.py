"""Read spaces that were dropped, and spaces that slipped in: cut words as they are meant."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tiered_st.text.character_classes import CLASSES, LATIN, SPACE, looks_of
from tiered_st.text.chunk_types import mixed_types_of
from tiered_st.text.chunker import Chunker, Chunks
from tiered_st.text.lexicon import JOIN, Lexicon
from tiered_st.text.tokenizer import SEPARATOR, CharTokenizer, to_text
from tiered_st.text.unicode_table import CAPITAL
from tiered_st.text.word_chunker import WordChunker

_PIECES = 4  # chunks that are read as one word at most


class SpacingChunker(Chunker):
    """Cut as a WordChunker does, then read chunks that are no words with the spaces that were meant.

    Of words of Latin letters that one space separates, those that the lexicon knows stay as they are. An unknown one is
    cut in two or more of its words, or joined with its neighbours to one of them, where that costs less than a word
    that nobody knows (``Lexicon.cost``): "playingguitar" is two chunks, and "hou se" is one.

    Args:
        words: what cuts at white space.
        tokenizer: what folds case.
        lexicon: the words.
        kept: words that are not in it and stay whole.
    """

    def __init__(
        self, words: WordChunker, tokenizer: CharTokenizer, lexicon: Lexicon, kept: frozenset[str] = frozenset()
    ) -> None:
        self.words = words
        self.tokenizer = tokenizer
        self.lexicon = lexicon
        self.kept = kept

    def __call__(self, points: NDArray[np.uint32], widths: NDArray[np.int64]) -> Chunks:
        """Cut code points, shape (characters,), whose id counts are ``widths``, into chunks in reading order."""
        chunks = self.words(points, widths)
        if not len(chunks.starts):
            return chunks
        starts, ends = chunks.starts.tolist(), chunks.ends.tolist()
        text = to_text(self.tokenizer.fold(points))  # a letter for a letter
        spelt = [text[a:b] for a, b in zip(starts, ends, strict=True)]
        known, kept = self.lexicon, self.kept
        unknown = [i for i, word in enumerate(spelt) if word not in known and word not in kept]
        if all(spelt[i].isascii() and not spelt[i].isalpha() for i in unknown):  # punctuation and numbers
            return chunks
        looks = looks_of(points)
        letters = CLASSES[looks] == LATIN
        for i in unknown:
            if not letters[starts[i] : ends[i]].all():
                spelt[i] = ""
        doubtful = [i for i in unknown if spelt[i]]
        space = (CLASSES[looks] == SPACE) & (points != SEPARATOR)
        ids = np.where(space, 0, widths)
        order = list(range(len(starts)))  # the chunks that stay, -1 where others stand in their place
        read: list[tuple[int, int]] = []  # spans of those
        done = -1
        for i in doubtful:
            if i > done:
                first, done = self._run(i, spelt, starts, ends, space, done + 1)
                for place, count, spans in self._read(first, done, spelt, starts, ends, looks, ids):
                    order[place : place + count] = [-1] * count
                    read += spans
        if not read:
            return chunks
        stay = np.array(order)
        stay = stay[stay >= 0]
        new = np.array(read, dtype=np.int64)  # (chunks, 2)
        opens, closes = np.append(chunks.starts[stay], new[:, 0]), np.append(chunks.ends[stay], new[:, 1])
        types = np.append(chunks.types[stay], mixed_types_of(looks, new[:, 0], new[:, 1]))
        places = np.argsort(opens)
        return Chunks(opens[places], closes[places], types[places], skipped=space)

    def _run(
        self, i: int, spelt: list[str], starts: list[int], ends: list[int], space: NDArray[np.bool_], least: int
    ) -> tuple[int, int]:
        """Return the first and the last of the chunks around one that are words with one space between them."""
        first = last = i

        def near(a: int, b: int) -> bool:
            return bool(spelt[a] and spelt[b] and starts[b] - ends[a] == 1 and space[ends[a]])

        while first > least and near(first - 1, first):
            first -= 1
        while last + 1 < len(starts) and near(last, last + 1):
            last += 1
        return first, last

    def _read(
        self,
        first: int,
        last: int,
        spelt: list[str],
        starts: list[int],
        ends: list[int],
        looks: NDArray[np.uint8],
        ids: NDArray[np.int64],
    ) -> list[tuple[int, int, list[tuple[int, int]]]]:
        """Return what is read otherwise of a run of words: the first chunk, how many, and the spans in their place."""
        count = last - first + 1
        cuts: list[tuple[int, ...]] = []
        costs: list[float] = []
        broken: list[bool] = []
        for i in range(first, last + 1):
            word = spelt[i]
            whole = word in self.lexicon or word in self.kept
            where, cost = ((), self.lexicon.cost(word)) if whole else self.lexicon.split(word)
            cuts.append(where)
            costs.append(cost)
            # A capital by itself is an initial, and none that a space tore off.
            initial = len(word) == 1 and looks[starts[i]] >= CAPITAL
            broken.append(not (initial or word in self.kept or self.lexicon.is_piece(word)))
        best, back = [0.0] + [math.inf] * count, [0] * (count + 1)
        for end in range(1, count + 1):
            best[end], back[end] = best[end - 1] + costs[end - 1], end - 1
            for start in range(max(0, end - _PIECES), end - 1):
                if not any(broken[start:end]):
                    continue
                word = "".join(spelt[first + start : first + end])
                span = slice(starts[first + start], ends[first + end - 1])
                if word in self.lexicon and ids[span].sum() <= self.words.max_ids:
                    cost = best[start] + self.lexicon.cost(word) + JOIN * (end - start - 1)
                    if cost < best[end]:
                        best[end], back[end] = cost, start
        read = []
        end = count
        while end:
            start = back[end]
            a, b = starts[first + start], ends[first + end - 1]
            if end - start > 1:
                read.append((first + start, end - start, [(a, b)]))
            elif cuts[start]:
                edges = [a, *(a + cut for cut in cuts[start]), b]
                read.append((first + start, 1, list(pairwise(edges))))
            end = start
        return read
