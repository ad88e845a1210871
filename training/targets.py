"""What a teacher says of what is read: vectors of words, marks and texts, and which words have a slot of the memory."""

from __future__ import annotations

import logging
from collections.abc import Sequence, Sized
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from sentence_transformers.util import get_device_name
from torch import Tensor
from torch.nn import functional as F

from tiered_st.modules.tiers_of import tiers_of
from training import teacher as teachers
from training.corpus import Corpus, CorpusConfig
from training.growth import known_words, slots_of, unnormalised, word_rows
from training.judging.jury import Jury
from training.student import Student

logger = logging.getLogger(__name__)
_COMPARED = 4_096  # queries that are compared with all candidates at once
_NEAREST = 64  # candidates of a query, among which one must stand out
PIECE = 180  # words, of which a teacher of 256 tokens reads the last one too


def pieces_of(passage: str, longest: int = PIECE) -> list[str]:
    """Return a passage in pieces of about as many words each, ``longest`` at most."""
    words = passage.split()
    count = max(1, -(-len(words) // longest))
    edges = [len(words) * i // count for i in range(count + 1)]
    return [" ".join(words[a:b]) for a, b in pairwise(edges)]


def _mean_directions(vectors: Tensor, groups: Sequence[Sized]) -> Tensor:
    """Return the directions of the means of ``vectors`` (n, d) that follow each other, one for each of the groups."""
    owner = torch.repeat_interleave(torch.arange(len(groups)), torch.tensor([len(group) for group in groups]))
    return F.normalize(torch.zeros(len(groups), vectors.shape[1]).index_add(0, owner, vectors), dim=1)


@dataclass
class Targets:
    """Ask a student's teacher about a corpus, each thing once.

    Args:
        corpus: what is asked about.
        student: whose teacher answers, in as many dimensions as the student has.
        cache: where its vectors of texts are kept.
        deadline: of ``time.monotonic``, for those vectors, which may take hours; None never.
        jury: by whom a stage can be judged.
        start_corpus: what the start whose memory grows learned its words from; None where that is not said.
    """

    corpus: Corpus
    student: Student
    cache: Path
    deadline: float | None = None
    jury: Jury | None = None
    start_corpus: CorpusConfig | None = None
    _answered: dict[tuple[float, float], tuple[Tensor, Tensor]] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def words(self) -> Tensor:
        """The teacher's vectors of the lexicon's words, (words, d_sem)."""
        if self.student.recipe.growth is not None:
            with torch.no_grad():
                return tiers_of(self.student.start).chunk_projector.norm(self._meanings)
        return self._raw_words @ self._axes

    @cached_property
    def marks(self) -> Tensor:
        """The teacher's vectors of its two special tokens, (2, d_sem)."""
        if self.student.recipe.growth is not None:
            tiers = tiers_of(self.student.start)
            return tiers.encode_chunks(tiers.preprocess([""])["input_ids"][0]).detach()
        return teachers.mark_vectors(self.student.teacher) @ self._axes

    @cached_property
    def _meanings(self) -> Tensor:
        """What the lexicon's words mean to the memory that grows, before it is normalised, (words, d_sem).

        It teaches itself: a word that it can read means what it read, a translated one what its translations mean.
        """
        words, tiers = self.corpus.lexicon[0], tiers_of(self.student.start)
        own = unnormalised(tiers, word_rows(tiers, words))
        return self.corpus.translated.meant(words, own) if self.corpus.recipe.parallel else own

    @cached_property
    def parallel(self) -> Tensor:
        """What the teacher makes of the texts that others translate, read as passages are, (texts, d_sem) float16."""
        own = list(dict.fromkeys(text for _, text in self.corpus.parallel))
        place = {text: i for i, text in enumerate(own)}
        return (self._read_whole(own)[[place[text] for _, text in self.corpus.parallel]] @ self._text_axes).half()

    @cached_property
    def parallel_passages(self) -> Tensor:
        """The mean of those of the texts of each passage, by their words, (passages, d_sem) float16 unit vectors."""
        passages, texts = self.corpus.parallel_passages, self.corpus.parallel
        rows = torch.tensor([i for passage in passages for i in passage])
        words = torch.tensor([float(texts[i][1].count(" ") + 1) for i in rows.tolist()])
        return _mean_directions(self.parallel[rows].float() * words[:, None], passages).half()

    @cached_property
    def texts(self) -> Tensor:
        """The teacher's embeddings of the texts, (texts, d_sem) float16."""
        return (self._raw_texts.float() @ self._text_axes).half()

    @cached_property
    def lone_words(self) -> Tensor:
        """The teacher's embeddings of the lexicon's words, each read as a text, (words, d_sem) float16."""
        words = self.corpus.lexicon[0]
        vectors = teachers.sentence_vectors(self.student.teacher, words, self.cache, self.deadline)
        return (vectors.float() @ self._text_axes).half()

    @cached_property
    def passages(self) -> Tensor:
        """The mean of the teacher's embeddings of each passage's pieces, (passages, d_sem) float16 unit vectors.

        A teacher reads its first tokens, and the last of those worse than the first: pieces of a passage are alike in
        length, and short enough to be read whole.
        """
        asked, kept = self._asked("passages")
        # Sentences' axes, where the student is narrower: passages and sentences are compared with each other.
        return (self._read_whole(asked)[kept] @ self._text_axes).half()

    def _read_whole(self, texts: list[str]) -> Tensor:
        """Return the means of the teacher's vectors of the pieces of texts, (texts, d_teacher)."""
        pieces = [pieces_of(text) for text in texts]
        vectors = teachers.sentence_vectors(
            self.student.teacher, [piece for parts in pieces for piece in parts], self.cache, self.deadline
        )
        return _mean_directions(vectors.float(), pieces)

    @cached_property
    def related(self) -> Tensor:
        """The second teacher's embeddings of the related texts, (texts, d_relater) float16 unit vectors."""
        return self._relater_says("related")

    @cached_property
    def queries(self) -> Tensor:
        """The second teacher's embeddings of the queries, (queries, d_relater) float16 unit vectors."""
        return self._relater_says("queries", "query")

    @cached_property
    def candidates(self) -> Tensor:
        """The second teacher's embeddings of the candidates, (candidates, d_relater) float16 unit vectors."""
        return self._relater_says("candidates", "document")

    @cached_property
    def nearest(self) -> tuple[Tensor, Tensor]:
        """The candidates that the second teacher finds nearest to each query, the nearest first.

        Returns:
            Cosines (queries, so many) float32, and the candidates' places (queries, so many) int64.
        """
        _ = self.corpus.queries, self.corpus.candidates  # that there are some, before the second teacher takes its time
        device = self.student.device or get_device_name()
        documents = self.candidates.to(device).float().T
        count = min(_NEAREST, len(self.candidates))
        found = [(part.to(device).float() @ documents).topk(count, dim=1) for part in self.queries.split(_COMPARED)]
        return torch.cat([part.values.cpu() for part in found]), torch.cat([part.indices.cpu() for part in found])

    def answered(self, temperature: float, sure: float) -> tuple[Tensor, Tensor]:
        """Return the queries that one candidate answers, and which, (n,) int64 each.

        It has at least ``sure`` of a softmax over the nearest candidates' cosines, divided by ``temperature``.
        """
        if (temperature, sure) not in self._answered:  # a task and its loss ask the same
            cosines, places = self.nearest
            queries = torch.nonzero((cosines / temperature).softmax(dim=1)[:, 0] >= sure)[:, 0]
            if not len(queries):
                raise ValueError(
                    f"Recipe {self.corpus.recipe.name}: no query has a candidate of which its second teacher is sure, "
                    f"by {sure:g} at a temperature of {temperature:g}: lower one of them, or name texts that answer."
                )
            logger.info("%d of %d queries have an answer", len(queries), len(cosines))
            self._answered[temperature, sure] = queries, places[queries, 0]
        return self._answered[temperature, sure]

    def _relater_says(self, which: str, role: str = "") -> Tensor:
        """Return the second teacher's embeddings of texts, (texts, d_relater) float16 unit vectors.

        It is asked source by source, what is held out too: another recipe has some of the same sources.
        """
        learned: list[str] = getattr(self.corpus, which)
        sources = (source.texts(self.corpus.data) for source in getattr(self.corpus.recipe, which))
        asked = [texts for source in sources if (texts := list(dict.fromkeys(source)))]
        vectors = teachers.vectors_of_groups(self.student.relater, asked, self.cache, self.deadline, role)
        found = {
            text: vector for group in zip(asked, vectors, strict=True) for text, vector in zip(*group, strict=True)
        }
        return F.normalize(torch.stack([found[text] for text in learned]).float(), dim=1).half()

    def _asked(self, which: str) -> tuple[list[str], Tensor | slice]:
        """Return the texts that the teacher is asked about, and the places of those to learn from, in their order.

        It is asked about what is held out too: its answers are kept, and serve whoever judges, and holds out what.
        """
        learned: list[str] = getattr(self.corpus, which)
        if self.corpus.held is None:
            return learned, slice(None)
        place = {text: i for i, text in enumerate(self.corpus.distinct(which, None))}
        return list(place), torch.tensor([place[text] for text in learned], dtype=torch.int64)

    @cached_property
    def _raw_texts(self) -> Tensor:
        asked, kept = self._asked("texts")
        return teachers.sentence_vectors(self.student.teacher, asked, self.cache, self.deadline)[kept]

    @cached_property
    def _text_axes(self) -> Tensor:
        if self.student.config.d_sem == (self.student.teacher.get_embedding_dimension() or 0):
            return torch.eye(self.student.config.d_sem)
        return teachers.principal_axes(self._raw_texts, self.student.config.d_sem)

    @cached_property
    def slots(self) -> Tensor:
        """The memory slot of each word of the lexicon, (words,) int64: the most frequent words have one, others 0.

        Where a trained memory grew, its words keep theirs.
        """
        return slots_of(self.start_words, *self.corpus.lexicon, self.student.memory_slots)

    @cached_property
    def start_words(self) -> list[str]:
        """The words of the memory that grows, from slot 1 on, "" where it is not known."""
        if self.student.recipe.growth is None:
            return []
        if self.start_corpus is None:
            return known_words(tiers_of(self.student.start), self.corpus.lexicon[0])
        words, probabilities = Corpus(self.start_corpus, self.corpus.data, self.student.at_start()).lexicon
        frequent = np.argsort(-probabilities, kind="stable")[: tiers_of(self.student.start).settings.memory_slots]
        return [words[i] for i in frequent]

    @cached_property
    def new_slot_meanings(self) -> tuple[list[str], Tensor]:
        """The words of the slots that a memory grows by, and what they mean, (slots, d_sem), not normalised."""
        by_slot = self.slots.argsort()[int((self.slots <= len(self.start_words)).sum()) :]
        return [self.corpus.lexicon[0][i] for i in by_slot.tolist()], self._meanings[by_slot]

    @cached_property
    def slot_words(self) -> Tensor:
        """The targets of the words that have a slot, in the order of slots, (slots in use, d_sem)."""
        return self.words[self.slots.argsort()[int((self.slots == 0).sum()) :]]

    @cached_property
    def slot_probabilities(self) -> Tensor:
        """How often each slot is practised, (1 + memory_slots,) float64."""
        probabilities = torch.from_numpy(self.corpus.lexicon[1])
        return torch.zeros(1 + self.student.memory_slots, dtype=torch.float64).index_add(0, self.slots, probabilities)

    @cached_property
    def _raw_words(self) -> Tensor:
        return teachers.word_vectors(self.student.teacher, self.corpus.lexicon[0])

    @cached_property
    def _axes(self) -> Tensor:
        return teachers.principal_axes(self._raw_words, self.student.config.d_sem)
