"""What a recipe reads: its sources of texts, pairs, documents, labels and words, each read when first asked for."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from tiered_st.noise import Misspellings, seeded
from training.judging.judge import Judge
from training.read_table import find_table, read_table
from training.sources import HUB, Held, Source
from training.streams.kinds import KINDS
from training.streams.stream_config import StreamConfig
from training.streams.streams import Streams
from training.streams.word_counts import WordCounts
from training.student import Student
from training.tasks import Task
from training.translated_words import TranslatedWords, translated_words
from training.words import lexicon, lexicon_of

logger = logging.getLogger(__name__)

_PASSAGE = (20, 160)  # words; each passage has room for a number between these
_MINED = 60  # words; of longer texts no translations are mined
TOPICS = 256  # most frequent section titles that "section_topic" tells apart


@dataclass(frozen=True, kw_only=True)
class CorpusConfig:
    """What a recipe reads.

    Args:
        name: the recipe's name.
        texts: single texts, also what a subword vocabulary and the words to practise are taken from.
        pairs: paraphrases, for "ranking".
        passages: longer texts, for "passage_distillation"; no words to practise are taken from them.
        searches: questions or titles and the passages that they ask for, for "retrieval".
        words: tables of further words.
        frequencies: tables of words labelled with how often they are met in general; see training.words.lexicon.
        word_power: a word is practised as often as its count in the texts to this power: 0 all alike, 1 as they come.
        word_listed: occurrences that each table of words counts for.
        documents: texts whose sentences are in order, for "next_sentence" and "section_topic".
        related: single texts, of any language, whose relations a second teacher knows, for "relations".
        queries: what is asked, for "relevance"; a second teacher says which of the ``candidates`` answers.
        candidates: texts of any length among which it is sought.
        scored: pairs with a similarity, for "sts".
        labelled: texts with a class, for "classification".
        parallel: texts in the teacher's language and in another, for "parallel_distillation", and for
            "parallel_passages", where rows that follow each other are read as one text; words of the other language,
            which are mined from them, mean what their translations do.
        forms: tables of lemmas and their forms in the other language: a form that has no translation of its own means
            what its lemma does.
        misspellings: name of a table with columns misspelt, correct, or names of several.
        judges: by whom a stage can be judged while it learns; what they hold out is read by no objective.
        seed: of all that is drawn.
        stream: how the sources are streamed; None reads them whole.
    """

    name: str
    texts: tuple[Source, ...]
    pairs: tuple[Source, ...] = ()
    passages: tuple[Source, ...] = ()
    searches: tuple[Source, ...] = ()
    words: tuple[Source, ...] = ()
    frequencies: tuple[Source, ...] = ()
    word_power: float = 1 / 3
    word_listed: float = 1.0
    documents: tuple[Source, ...] = ()
    related: tuple[Source, ...] = ()
    queries: tuple[Source, ...] = ()
    candidates: tuple[Source, ...] = ()
    scored: tuple[Source, ...] = ()
    labelled: tuple[Source, ...] = ()
    parallel: tuple[Source, ...] = ()
    forms: tuple[Source, ...] = ()
    misspellings: str | tuple[str, ...] | None = None
    judges: tuple[Judge, ...] = ()
    seed: int = 0
    stream: StreamConfig | None = None

    @property
    def misspelling_tables(self) -> tuple[str, ...]:
        """The names of the tables of misspellings."""
        names = self.misspellings
        return () if names is None else (names,) if isinstance(names, str) else tuple(names)


@dataclass
class Corpus:
    """Read what a recipe names, each kind once.

    Args:
        recipe: what to read.
        data: the folder of local tables.
        student: who reads; its chunks are the words that are practised.
        streams: of the recipe, where it is streamed.
        deadline: of ``time.monotonic``, for counting a stream's words; None never.
        held: rows that are held out, and not read.
    """

    recipe: CorpusConfig
    data: Path | None
    student: Student
    streams: Streams | None = None
    deadline: float | None = None
    held: Held | None = None

    def task(self, kind: str, make: Callable[..., Task], batch: int, vectors: str | None = None) -> Task:
        """Return the task that ``make`` makes of all items of a kind, or of one window of its stream at a time.

        Args:
            kind: which of the properties below.
            make: takes the items, and ``epochs``, which walks through them.
            batch: rows of a batch.
            vectors: of a stream, the windows' files of vectors that are the rows' labels.
        """
        if self.streams is None or kind not in KINDS:
            return make(getattr(self, kind))
        return self.streams.task(kind, self._given(kind), make, batch, vectors)

    @cached_property
    def texts(self) -> list[str]:
        """The distinct texts, in order."""
        texts = self.distinct("texts", self.held)
        logger.info("%d texts", len(texts))
        return texts

    def distinct(self, which: str, held: Held | None) -> list[str]:
        """Return the distinct texts or passages, in order, without those that are held out."""
        sources = getattr(self.recipe, which)
        return list(dict.fromkeys(text for source in sources for text in source.texts(self.data, held)))

    @cached_property
    def pairs(self) -> list[tuple[str, str, str]]:
        """Paraphrases: two texts and the cluster they are of."""
        return [pair for source in self._given("pairs") for pair in source.pairs(self.data, self.held)]

    @cached_property
    def passages(self) -> list[str]:
        """The distinct passages, in order."""
        self._given("passages")
        return self.distinct("passages", self.held)

    @cached_property
    def searches(self) -> list[tuple[str, str, str]]:
        """What is asked, a passage that answers, and the cluster they are of."""
        return [pair for source in self._given("searches") for pair in source.pairs(self.data, self.held)]

    @cached_property
    def parallel(self) -> list[tuple[str, str]]:
        """The distinct (text in the other language, text in the teacher's) that say the same."""
        sources = self._given("parallel")
        pairs = ((foreign, own) for source in sources for own, foreign, _ in source.pairs(self.data, self.held))
        return list(dict.fromkeys(pairs))

    @cached_property
    def parallel_passages(self) -> list[range]:
        """Which of the parallel texts follow each other in a passage, of so many words as `_PASSAGE` says."""
        passages, start, room = [], 0, 0
        for i, (foreign, _) in enumerate(self.parallel):
            words = foreign.count(" ") + 1
            if words > room:
                passages.append(range(start, i))
                start, room = i, seeded("passages", self.recipe.seed, i).randint(*_PASSAGE)
            room -= words
        passages.append(range(start, len(self.parallel)))
        if not (joined := [passage for passage in passages if len(passage) > 1]):
            raise ValueError(
                f"Recipe {self.recipe.name} has no two parallel texts of {_PASSAGE[1]} words together: leave out "
                "parallel_passages."
            )
        return joined

    @cached_property
    def translated(self) -> TranslatedWords:
        """What words of the other language mean."""
        forms = [pair[:2] for source in self.recipe.forms for pair in source.pairs(self.data)]
        # Passages say little of which of their words is which.
        short = [pair for pair in self.parallel if pair[0].count(" ") < _MINED]
        return translated_words(short, forms, self.student.reading)

    @cached_property
    def translations(self) -> Misspellings:
        """The words of either language in place of the other's, where a translation is the likeliest by far."""
        sure = ((w, t) for w, known in self.translated.translations.items() for t, weight in known if weight > 0.5)
        return Misspellings(pair for word, other in sure for pair in ((other, word), (word, other)))

    @cached_property
    def documents(self) -> list[list[str]]:
        """The sentences of each document that has at least two."""
        documents = [parts for source in self._given("documents") for parts in source.documents(self.data, self.held)]
        return [parts for parts in documents if len(parts) > 1]

    @cached_property
    def related(self) -> list[str]:
        """The distinct texts whose relations are learned, in order."""
        return self._some("related")

    @cached_property
    def queries(self) -> list[str]:
        """The distinct texts that seek, in order."""
        return self._some("queries")

    @cached_property
    def candidates(self) -> list[str]:
        """The distinct texts that are sought, in order."""
        return self._some("candidates")

    @cached_property
    def topics(self) -> list[str]:
        """The section titles that occur most often, the classes of "section_topic"."""
        counts = Counter(title for title, _ in self._sections)
        return [title for title, _ in counts.most_common(TOPICS)]

    @cached_property
    def sections(self) -> list[tuple[tuple[str], int]]:
        """Passages and the index of the title of the section each stands in."""
        number = {title: i for i, title in enumerate(self.topics)}
        return [((text,), number[title]) for title, text in self._sections if title in number]

    @cached_property
    def _sections(self) -> list[tuple[str, str]]:
        return [section for source in self._given("documents") for section in source.sections(self.data, self.held)]

    @cached_property
    def scored(self) -> list[tuple[tuple[str, ...], float]]:
        """Texts and the score of how alike they are."""
        return [(texts, float(label)) for texts, label in self._labelled("scored")]

    @cached_property
    def classes(self) -> list[str]:
        """The classes of the labelled texts, in order."""
        return sorted({str(label) for _, label in self._labelled("labelled")})

    @cached_property
    def labelled(self) -> list[tuple[tuple[str, ...], int]]:
        """Texts and the index of the class of each."""
        number = {name: i for i, name in enumerate(self.classes)}
        return [(texts, number[str(label)]) for texts, label in self._labelled("labelled")]

    def _labelled(self, which: str) -> list[tuple[tuple[str, ...], Any]]:
        return [example for source in self._given(which) for example in source.labelled(self.data, self.held)]

    def _given(self, which: str) -> tuple[Source, ...]:
        """Return the sources of one kind, which there must be."""
        sources = getattr(self.recipe, which)
        if not sources:
            raise ValueError(f"Recipe {self.recipe.name} has an objective that reads {which}, but names none.")
        return sources

    def _some(self, which: str) -> list[str]:
        """Return the distinct texts of a kind, of which there must be one at least."""
        names = ", ".join(dict.fromkeys(source.name for source in self._given(which)))
        if not (texts := self.distinct(which, self.held)):
            raise ValueError(f"Recipe {self.recipe.name} has no {which}: no text of {names} is within its lengths.")
        return texts

    @cached_property
    def misspellings(self) -> Misspellings | None:
        """Real misspellings, where the recipe names a table of them."""
        names = self.recipe.misspelling_tables
        return Misspellings(pair for name in names for pair in self._misspelt(name)) if names else None

    def _misspelt(self, name: str) -> Iterator[tuple[str, str]]:
        """Yield (misspelt, correct) of a table."""
        if name.startswith(HUB) or self.data is None:
            raise ValueError(f"misspellings={name!r} must be a local table: say where with --data DIR.")
        if (path := find_table(self.data, name)) is None:
            raise ValueError(
                f"{self.data / name}.parquet does not exist: give it, or leave it out by --without {name}."
            )
        table = read_table(path)
        yield from zip(table["misspelt"], table["correct"], strict=True)

    @cached_property
    def lexicon(self) -> tuple[list[str], NDArray]:
        """The words to practise, and how likely each is drawn."""
        recipe, reading = self.recipe, self.student.reading
        settings = recipe.words, self.data, reading, recipe.word_power, recipe.word_listed, recipe.frequencies
        if self.streams is None:
            words, probabilities = lexicon(self.texts, *settings)
        else:
            writer = self.streams.of("texts", recipe.texts)
            counted = WordCounts(writer, reading, self.streams.config.words).count(self.deadline)
            words, probabilities = lexicon_of(counted, *settings)
        logger.info("%d words", len(words))
        return words, probabilities

    def words_by(self, power: float | None) -> tuple[list[str], NDArray]:
        """Return the lexicon with the probabilities of another power, None being the recipe's."""
        words, probabilities = self.lexicon
        if power is None:
            return words, probabilities
        weights = probabilities ** (power / self.recipe.word_power)
        return words, weights / weights.sum()
