"""Build the model of a recipe, and what its stages share."""

from __future__ import annotations

from pathlib import Path

from sentence_transformers import SentenceTransformer
from sentence_transformers.util import get_device_name

from tiered_st.config import TieredConfig
from tiered_st.model import build, load, set_lexicon, set_storage
from tiered_st.modules.tiers_of import tiers_of
from training.baselines.fine_tuned import FineTuned, build_fine_tuned
from training.baselines.subword import SubwordConfig, build_subword
from training.corpus import Corpus
from training.growth import grow
from training.judging import HeldOut, Jury
from training.recipe import Recipe
from training.recipe_files import find_recipe
from training.streams.streams import Streams
from training.student import Student
from training.targets import Targets
from training.warm_start import warm_start
from training.words import frequent_words


def targets_of(
    recipe: Recipe,
    data: Path | None,
    cache: Path,
    device: str | None = None,
    deadline: float | None = None,
    kept: int = 0,
) -> Targets:
    """Return what the stages of a recipe share: its corpus and the teacher's word on it, read when first asked for.

    Of a stream, ``kept`` windows stay on disk, the latest; 0 keeps all.
    """
    student = Student(recipe, device)
    held = HeldOut(recipe.judges, data, cache, recipe.stream) if recipe.judges else None
    streams = Streams(recipe.stream, recipe.seed, data, cache, kept, held) if recipe.stream is not None else None
    jury = Jury(held, recipe.max_seq_length) if held is not None else None
    of = None if recipe.growth is None else recipe.growth.of
    start_corpus = None if of is None else find_recipe(of)
    return Targets(Corpus(recipe, data, student, streams, deadline, held), student, cache, deadline, jury, start_corpus)


def build_model(recipe: Recipe, targets: Targets) -> SentenceTransformer:
    """Build a recipe's model, E2 warm-started where the recipe says so, or load the one it starts from."""
    if recipe.growth is not None:
        model = _grown(targets)
    else:
        model = targets.student.start if recipe.start is not None else _new(recipe, targets)
        if recipe.start is not None and any(
            not n.startswith("semantic_encoder") for s in recipe.stages for n in s.learns
        ):
            tiers_of(model).set_spelling_context(None)  # it learned what E1 was, and learns anew when all else has
    set_storage(model, "float32")  # while it learns
    model.trust_remote_code = True  # lets the trainer reload its own checkpoints
    return model.to(targets.student.device or get_device_name())  # where it learns; what it begins with is on the CPU


def finish(model: SentenceTransformer, recipe: Recipe, data: Path | None) -> None:
    """Give a model that has learned what its recipe says of the finished one."""
    if recipe.max_seq_length is not None:
        model.max_seq_length = recipe.max_seq_length
    set_list(model, recipe, data, spaced=True, spelt=True)
    set_storage(model, recipe.storage)


def set_list(model: SentenceTransformer, recipe: Recipe, data: Path | None, *, spaced: bool, spelt: bool) -> None:
    """Let a model read spaces, and what is in no list, by the recipe's list of words from now on, or as they stand."""
    if recipe.spacing_words:
        words = frequent_words(recipe.frequencies, data, recipe.spacing_words) if spaced else None
        set_lexicon(model, words, spelling=recipe.spelling_words if spelt else 0)


def _grown(targets: Targets) -> SentenceTransformer:
    """Return the recipe's start with the memory that it is to have."""
    student = targets.student
    assert isinstance(student.config, TieredConfig), "a memory is a tiered model's"
    words, meanings = targets.new_slot_meanings
    return grow(student.start, student.config, targets.start_words, words, targets.slot_probabilities, meanings)


def _new(recipe: Recipe, targets: Targets) -> SentenceTransformer:
    student = targets.student
    config = student.config
    if isinstance(config, FineTuned):
        return build_fine_tuned(student.teacher)
    if isinstance(config, SubwordConfig):
        return build_subword(config, targets.corpus.texts, targets.cache / f"subword-{recipe.name}", device="cpu")
    model = build(config, device="cpu")
    if recipe.warm_start:
        warm_start(model[1], student.teacher, student.layers)
    projector = tiers_of(model).chunk_projector
    if recipe.warm_start or recipe.practises("mimicry"):
        projector.init_output(targets.words)
        projector.init_memory(targets.slot_words)
    if projector.memory is not None and recipe.practises("recognition"):
        projector.memory.init_biases(targets.slot_probabilities)
    if recipe.e1 is not None:
        _take_over(recipe.e1, model)
    return model


def _take_over(e1: str, model: SentenceTransformer) -> None:
    """Copy the weights of another model's E1 and projector."""
    taken = tiers_of(load(e1, device="cpu"))
    taken.set_lexicon(None)  # by which texts are read: the recipe says so itself
    try:
        model[0].load_state_dict(taken.state_dict())
    except RuntimeError as error:
        raise ValueError(
            f"The recipe takes E1 over from {e1}, but its config describes another one: {str(error)[:300]}"
        ) from None
