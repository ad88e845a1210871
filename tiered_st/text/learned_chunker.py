"""Cut text where a trained predictor says that a chunk starts."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from tiered_st.text.character_classes import CLASSES, MARK, SPACE, classify, looks_of
from tiered_st.text.chunk_types import mixed_types_of
from tiered_st.text.chunker import Chunker, Chunks
from tiered_st.text.runs import cut_runs, text_of
from tiered_st.text.tokenizer import SEPARATOR, CharTokenizer
from tiered_st.text.word_chunker import WordChunker


class BoundaryScores(Protocol):
    """What says where chunks start: ``modules.BoundaryPredictor.read``, or a stand-in."""

    def __call__(
        self, ids: NDArray[np.int64], spaced: NDArray[np.int64], texts: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Return a logit per id, (ids,): above 0 where a chunk starts.

        Args:
            ids: character ids of all texts, white space left out, (ids,).
            spaced: 1 where white space precedes the id, (ids,).
            texts: the number of the text of each id, ascending, (ids,).
        """
        ...


class _Letters(NamedTuple):
    """The characters of texts that are no white space."""

    places: NDArray[np.int64]  # (letters,): where they lie among the code points
    texts: NDArray[np.int64]  # (letters,)
    spaced: NDArray[np.int64]  # (letters,): 1 where white space precedes
    widths: NDArray[np.int64]  # (letters,): ids of each
    ids: NDArray[np.int64]  # (ids,)

    def first_ids(self) -> NDArray[np.int64]:
        """Return where the ids of each letter start, (letters,)."""
        return np.cumsum(self.widths) - self.widths


class LearnedChunker(Chunker):
    """Cut where scores say, at the start of every text, and where ``max_ids`` character ids are full.

    White space is only a hint to what scores, and in no chunk: a chunk that lies across a space is the word without
    it, so that "hel lo" is read as "hello", and a chunk may start within a word, so that "helloworld" is two.
    """

    def __init__(self, max_ids: int, tokenizer: CharTokenizer, scores: BoundaryScores) -> None:
        self.max_ids = max_ids
        self.tokenizer = tokenizer
        self.scores = scores

    def __call__(self, points: NDArray[np.uint32], widths: NDArray[np.int64]) -> Chunks:
        """Cut code points, shape (characters,), whose id counts are ``widths``, into chunks in reading order."""
        looks = looks_of(points)
        classes = CLASSES[looks]
        letters = self._letters(points, classes)
        if letters.places.size == 0:
            return Chunks.none()
        texts = np.repeat(letters.texts, letters.widths)
        spaced = _spread(letters.spaced, letters)
        logits = self.scores(letters.ids, spaced, texts)[letters.first_ids()]  # (letters,)
        opens = (logits > 0) & (classes[letters.places] != MARK)  # a combining mark stays with its letter
        opens |= np.diff(letters.texts, prepend=-1) > 0
        starts, ends = cut_runs(letters.widths, opens, window=self.max_ids, stride=self.max_ids)
        starts, ends = letters.places[starts], letters.places[ends - 1] + 1
        return Chunks(starts, ends, mixed_types_of(looks, starts, ends), skipped=classes == SPACE)

    def training_features(self, points: NDArray[np.uint32]) -> dict[str, NDArray[np.int64]]:
        """Return what losses.BoundaryLoss reads, each (texts, ids) int64.

        ``boundary_chars`` are the ids without white space, PAD = 0; ``boundary_spaces`` are 1 where white space
        precedes; ``boundary_starts`` are 1 where the words chunker starts a chunk.
        """
        letters = self._letters(points, classify(points))
        starts = np.zeros(len(points), dtype=np.int64)
        starts[WordChunker(self.max_ids)(points, self.tokenizer.widths(self.tokenizer.fold(points))).starts] = 1
        columns = {
            "boundary_chars": letters.ids,
            "boundary_spaces": _spread(letters.spaced, letters),
            "boundary_starts": _spread(starts[letters.places], letters),
        }
        texts = np.repeat(letters.texts, letters.widths)
        counts = np.bincount(texts, minlength=int((points == SEPARATOR).sum()))
        column = np.arange(len(texts)) - np.repeat(np.cumsum(counts) - counts, counts)
        features = {name: np.zeros((len(counts), int(counts.max(initial=0))), dtype=np.int64) for name in columns}
        for name, values in columns.items():
            features[name][texts, column] = values
        return features

    def _letters(self, points: NDArray[np.uint32], classes: NDArray[np.uint8]) -> _Letters:
        space = classes == SPACE
        places = np.flatnonzero(~space)
        folded = self.tokenizer.fold(points[places])
        spaced = np.concatenate([[True], space])[places]  # a text starts as if behind a space
        return _Letters(
            places,
            text_of(points)[places],
            spaced.astype(np.int64),
            self.tokenizer.widths(folded),
            self.tokenizer.ids(folded),
        )


def _spread(values: NDArray[np.int64], letters: _Letters) -> NDArray[np.int64]:
    """Lay a value per letter at the letter's first id, 0 at its further bytes, (ids,)."""
    out = np.zeros(len(letters.ids), dtype=np.int64)
    out[letters.first_ids()] = values
    return out
