"""A memory that grows: which slots words get, what they mean at once, and what stays as it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from conftest import TOY
from sentence_transformers import SentenceTransformer
from torch.nn import functional as F

import training.build as builds
from tiered_st.model import build, load
from tiered_st.modules.tiers_of import tiers_of
from tiered_st.noise import Misspellings, NoisePolicy, seeded
from training import teacher as teachers
from training.build import build_model, targets_of
from training.growth import Growth, check_words, grow, slots_of, unnormalised, word_rows
from training.recipe import Recipe, Stage
from training.sources import Source
from training.stage_objectives import make_losses, make_task
from training.tables import leave_out, tables
from training.targets import pieces_of
from training.tasks import Noise
from training.translated_words import TranslatedWords, translated_words

CONFIG = TOY.replace(dropout=0.0, memory_slots=8, memory_width=16, memory_values=24)
OLD = ["house", "girl", "dog", "book", "song", "sees", "has", "wants"]
NEW = ["casa", "chica", "perro", "libro", "cancion"]
NOUNS = {"casa": "house", "chica": "girl", "perro": "dog", "libro": "book", "cancion": "song"}
VERBS = {"ve": "sees", "tiene": "has", "quiere": "wants"}
PAIRS = [(f"La {a} {v} el {b}.", f"The {NOUNS[a]} {VERBS[v]} the {NOUNS[b]}.")
         for a in NOUNS for v in VERBS for b in NOUNS if a != b]  # fmt: skip
CLEAN = NoisePolicy(weights=())


@pytest.fixture
def start() -> SentenceTransformer:
    """Return a model whose memory recognises the old words."""
    torch.manual_seed(0)
    model = build(CONFIG, device="cpu")
    tiers = tiers_of(model)
    memory = tiers.chunk_projector.memory
    assert memory is not None
    with torch.no_grad():
        read = tiers.read_chunks(word_rows(tiers, OLD))
        memory.prototypes.weight[1:] = 8 * F.normalize(read - read.mean(dim=0), dim=1) / read.norm(dim=1).mean()
        memory.prototypes.bias.copy_(-(memory.prototypes.weight @ read.mean(dim=0)))
    return model


def grown(start: SentenceTransformer, slots: int = 16) -> SentenceTransformer:
    tiers = tiers_of(start)
    meanings = unnormalised(tiers, word_rows(tiers, [NOUNS[word] for word in NEW]))
    probabilities = torch.full((1 + slots,), 1 / (1 + slots), dtype=torch.float64)
    return grow(start, CONFIG.replace(memory_slots=slots), OLD, NEW, probabilities, meanings)


def test_old_words_keep_their_slots_and_the_most_frequent_others_get_the_rest() -> None:
    words, often = ["a", "b", "c", "d", "e"], np.array([0.1, 0.3, 0.2, 0.15, 0.25])
    assert slots_of(["d", "gone"], words, often, 4).tolist() == [0, 3, 0, 1, 4]
    assert slots_of([], words, often, 2).tolist() == [0, 1, 0, 0, 2]
    assert slots_of([], words, often, 9).tolist() == [5, 1, 3, 4, 2]


def test_a_new_word_is_recognised_and_means_what_it_is_to_mean(start: SentenceTransformer) -> None:
    before, after = tiers_of(start), tiers_of(grown(start))
    rows = word_rows(after, NEW)
    scores = after.recognize(rows)
    assert scores[:, 1 + len(OLD) :].argmax(dim=1).tolist() == list(range(len(NEW)))
    wanted = before.encode_chunks(word_rows(before, [NOUNS[word] for word in NEW]))
    near = F.cosine_similarity(after.encode_chunks(rows), wanted)
    assert (near > F.cosine_similarity(before.encode_chunks(rows), wanted)).all()


def test_what_was_learned_stays(start: SentenceTransformer) -> None:
    model = grown(start)
    old, new = start.state_dict(), model.state_dict()
    assert old.keys() == new.keys()
    for name, weight in old.items():
        assert torch.equal(new[name][tuple(slice(size) for size in weight.shape)], weight), name
    memory = tiers_of(model).chunk_projector.memory
    assert memory is not None and (memory.prototypes.bias[1 + len(OLD) + len(NEW) :] == -1e4).all()  # of no word
    assert np.isfinite(model.encode(["a casa 🙂", "", "\ud800"])).all()


def test_a_start_of_other_words_is_refused(start: SentenceTransformer) -> None:
    assert check_words(tiers_of(start), OLD) > 0
    with pytest.raises(ValueError, match=r"it recognises 0%: Growth\.of names another recipe than made it"):
        check_words(tiers_of(start), OLD[1:] + OLD[:1])


@pytest.mark.parametrize(("have", "slots"), [(8, 8), (8, 4), (0, 4)])
def test_growth_that_is_none_is_refused(have: int, slots: int) -> None:
    with pytest.raises(ValueError, match=f"memory_slots={slots}.*memory_slots={have}"):
        Growth("some", slots).config(CONFIG.replace(memory_slots=have, memory_values=24 if have else 0))
    assert Growth("some", 9, dict(fold_accents=True)).config(CONFIG).fold_accents


# what words mean


def test_forms_without_a_translation_mean_what_their_lemma_or_its_other_forms_do() -> None:
    forms = [("casa", "casas"), ("ver", "ve"), ("ver", "vemos"), ("dos palabras", "una"), ("nada", "nadie")]
    found = translated_words(PAIRS, forms).translations
    assert dict(found["casas"]) == dict(found["casa"]) and max(found["casa"], key=lambda row: row[1])[0] == "house"
    assert dict(found["vemos"]) == dict(found["ver"]) == dict(found["ve"])
    assert "nadie" not in found and "una" not in found


def test_a_word_of_both_languages_means_both_as_often_as_it_is_met() -> None:
    pairs = [(f"no veo {word}", f"{word} not seen") for word in ("uno", "dos", "tres", "mil")] + [("mil", "no")] * 2
    words = translated_words(pairs)
    assert words.shares["no"] == pytest.approx(4 / 6) and words.shares["veo"] == 1.0
    vectors = torch.tensor([[1.0, 0.0], [0.0, 1.0], [5.0, 5.0]])
    known = TranslatedWords({"no": (("not", 0.5), ("absent", 0.5))}, {"no": 0.25})
    assert known.meant(["no", "not", "x"], vectors).tolist() == [[0.75, 0.25], [0.0, 1.0], [5.0, 5.0]]


# a recipe


@pytest.fixture
def data(tmp_path: Path) -> Path:
    texts = {
        "texts": {"text": [" ".join(OLD)] * 2},
        "parallel": {"es": [pair[0] for pair in PAIRS] * 2, "en": [pair[1] for pair in PAIRS] * 2},
        "slips": {"misspelt": ["hosue"], "correct": ["house"]},
        "deslices": {"misspelt": ["kasa"], "correct": ["casa"]},
    }
    for name, columns in texts.items():
        pq.write_table(pa.table(columns), tmp_path / f"{name}.parquet")
    return tmp_path


@pytest.fixture
def recipe(start: SentenceTransformer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    start.save(str(tmp_path / "start"), create_model_card=False)
    part = ("semantic_encoder",)
    stage = Stage(
        "both", part, (("parallel_distillation", 1.0, 1.0, dict(switched=1.0)),), 2, 4, ((part[0], 1e-3),), CLEAN, 1.0
    )
    made = Recipe(
        name="both", config=None, start=str(tmp_path / "start"), growth=Growth("made", 24, dict(fold_accents=True)),
        teacher="toy", texts=(Source("texts", ("text",)), Source("parallel", ("es",))), stages=(stage,),
        parallel=(Source("parallel", ("en", "es"), cluster="en"),), misspellings=("slips", "deslices"),
    )  # fmt: skip
    first = Recipe(name="made", config=CONFIG, warm_start=False, texts=made.texts[:1], stages=(
        Stage("spell", ("tiers",), (("recognition", 1.0),), 1, 2, (("tiers", 1e-3),), CLEAN),))  # fmt: skip
    monkeypatch.setattr(builds, "find_recipe", lambda name: first)
    return made


@pytest.fixture
def asked(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what the recipe's teacher is asked, whose answers are the axes, one after the other."""
    texts_asked: list[str] = []

    def answer(teacher: Any, texts: list[str], *rest: Any) -> torch.Tensor:
        texts_asked.extend(texts)
        return F.one_hot(torch.arange(len(texts)) % CONFIG.d_sem, CONFIG.d_sem).half()

    monkeypatch.setattr(teachers, "sentence_vectors", answer)
    monkeypatch.setattr("training.student.load_teacher", lambda *_, **__: load(recipe.start or "", device="cpu"))
    return texts_asked


def test_a_recipes_start_grows_by_the_words_of_its_texts(recipe: Recipe, data: Path, tmp_path: Path) -> None:
    start = load(recipe.start or "", device="cpu")
    order = sorted(OLD)  # words of one count have slots in their order
    memory = tiers_of(start).chunk_projector.memory
    assert memory is not None
    places = [OLD.index(word) for word in order]
    with torch.no_grad():
        for weight in (memory.prototypes.weight, memory.prototypes.bias):
            weight[1:] = weight[1:][places].clone()
    start.save(recipe.start or "", create_model_card=False)
    targets = targets_of(
        recipe, data, tmp_path / "cache", "meta"
    )  # whose tensors mix with the CPU's no more than a GPU's
    assert targets.start_words == order
    words = targets.corpus.lexicon[0]
    assert [words[int((targets.slots == slot).nonzero())] for slot in range(1, 9)] == order
    model = build_model(recipe, targets)
    assert model.device.type == "meta"
    settings = tiers_of(model).settings
    assert settings.memory_slots == 24 and settings.fold_accents and not tiers_of(start).settings.fold_accents
    casa, house = (targets.words[words.index(word)] for word in ("casa", "house"))
    assert F.cosine_similarity(casa, house, dim=0) > 0.9  # what mimicry aims at
    assert targets.marks.shape == (2, settings.d_sem)


def test_a_translation_is_aimed_at_the_vector_of_what_it_translates(
    recipe: Recipe, data: Path, tmp_path: Path, asked: list[str]
) -> None:
    targets = targets_of(recipe, data, tmp_path / "cache", "cpu")
    assert targets.corpus.parallel == PAIRS  # each once
    found = targets.parallel
    assert asked == [english for _, english in PAIRS] and found.argmax(dim=1)[:3].tolist() == [0, 1, 2]
    stage = recipe.stages[0]
    task = make_task(targets, stage, stage.objectives[0])
    rows = task.rows(list(range(8)))
    spanish = [pair[0] for pair in PAIRS]
    assert all(row["clean"] == spanish[row["label"]] for row in rows)
    noisy = " ".join(row["noisy_1"] for row in rows).lower()
    assert "dog" in noisy or "house" in noisy  # words are said in English
    assert make_losses(targets, build(CONFIG, device="cpu"), stage)["parallel_distillation"]


def test_a_translated_passage_aims_at_the_mean_of_its_pieces_and_translates_no_words(
    recipe: Recipe, data: Path, tmp_path: Path, asked: list[str]
) -> None:
    english = [" ".join(f"word{(i + turn) % 400}" for i in range(400)) for turn in range(4)]
    spanish = [text.replace("word", "palabra") for text in english]
    columns = {"es": [es for es, _ in PAIRS] + spanish, "en": [en for _, en in PAIRS] + english}
    pq.write_table(pa.table(columns), data / "parallel.parquet")
    long = replace(recipe.parallel[0], lengths=(1, 450))
    targets = targets_of(replace(recipe, parallel=(long,)), data, tmp_path / "cache", "cpu")
    found = targets.parallel
    distinct = list(dict.fromkeys(en for _, en in PAIRS))
    assert asked == distinct + [piece for text in english for piece in pieces_of(text)]
    first = len(distinct)  # of the first passage's three pieces
    wanted = F.one_hot(torch.arange(first, first + 3) % CONFIG.d_sem, CONFIG.d_sem).float().mean(dim=0)
    torch.testing.assert_close(found[len(PAIRS)].float(), F.normalize(wanted, dim=0), atol=1e-3, rtol=0)
    words = targets.corpus.translated.translations
    assert "casa" in words and not any(word.startswith("palabra") for word in words)


def test_translations_that_follow_each_other_are_passages_that_mean_what_their_texts_do_by_their_words(
    recipe: Recipe, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    english = ["The house", "It is old and it is red", "Her dog"] * 40
    spanish = ["La casa", "Es vieja y es roja", "Su perro"] * 40
    texts = [f"{text} {i}" for i, text in enumerate(spanish)]
    pq.write_table(pa.table({"es": texts, "en": english}), data / "parallel.parquet")
    vectors = F.one_hot(torch.arange(3), CONFIG.d_sem).half()
    monkeypatch.setattr(teachers, "sentence_vectors", lambda *_: vectors)
    monkeypatch.setattr("training.student.load_teacher", lambda *_, **__: load(recipe.start or "", device="cpu"))
    stage = replace(recipe.stages[0], objectives=(("parallel_passages", 1.0, 1.0, dict(chunks=200, budget=400)),))
    targets = targets_of(recipe, data, tmp_path / "cache", "cpu")
    passages = targets.corpus.parallel_passages
    assert [i for passage in passages for i in passage] == list(range(len(texts)))  # none is lost, none comes twice
    assert all(12 < sum(len(texts[i].split()) for i in passage) <= 160 for passage in passages[:-1])
    rows = make_task(targets, stage, stage.objectives[0]).rows(list(range(4)))
    assert rows and all(row["clean"] == " ".join(texts[i] for i in passages[row["label"]]) for row in rows)
    words = torch.tensor([2.0, 7.0, 2.0])
    sums = [torch.bincount(torch.tensor([i % 3 for i in passage]), minlength=3) * words for passage in passages]
    wanted = F.normalize(torch.stack(sums), dim=1)
    torch.testing.assert_close(targets.parallel_passages[:, :3].float(), wanted, atol=1e-3, rtol=0)
    assert make_losses(targets, build(CONFIG, device="cpu"), stage)["parallel_passages"]


def test_parallel_texts_without_a_passage_are_refused(recipe: Recipe, data: Path, tmp_path: Path) -> None:
    pq.write_table(pa.table({"es": ["uno"], "en": ["one"]}), data / "parallel.parquet")
    with pytest.raises(ValueError, match="Recipe both has no two parallel texts of 160 words together"):
        _ = targets_of(recipe, data, tmp_path / "cache", "cpu").corpus.parallel_passages


def test_misspellings_are_of_several_tables_and_one_can_be_left_out(recipe: Recipe, data: Path, tmp_path: Path) -> None:
    slips = targets_of(recipe, data, tmp_path / "cache", "cpu").corpus.misspellings
    assert slips is not None and slips("casa house", 1.0, seeded("a")) == "kasa hosue"
    assert [table.name for table in tables(recipe)][-2:] == ["slips", "deslices"]
    without = leave_out(recipe, ["slips"])
    assert without.misspellings == ("deslices",) and without.stages[0].real == 1.0
    assert leave_out(without, ["deslices"]).misspellings is None
    assert leave_out(without, ["deslices"]).stages[0].real == 0.0


def test_growth_without_a_start_is_refused(recipe: Recipe) -> None:
    with pytest.raises(ValueError, match=r"Recipe x has growth=.*, and no start whose memory would grow"):
        Recipe(name="x", config=CONFIG, texts=(), stages=recipe.stages, growth=recipe.growth)
    smoke = recipe.smoke()
    assert smoke.growth is None and smoke.start == recipe.start


def test_texts_switch_between_languages_only_where_they_are_told_to() -> None:
    words = Misspellings([("house", "casa")])
    never = Noise(CLEAN, None, 0.0, "s", words, 0.0)
    assert {never("mi casa es tu casa", draw, 1) for draw in range(20)} == {"mi casa es tu casa"}
    switched = [Noise(CLEAN, None, 0.0, "s", words, 1.0)("mi casa es tu casa", draw, 1) for draw in range(40)]
    assert any("house" in text for text in switched) and any("casa" in text for text in switched)


@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_shares_that_are_none_words_and_one_language_do_not_switch(recipe: Recipe, share: float) -> None:
    learns, rates = ("tiers",), (("tiers", 1e-3),)
    with pytest.raises(ValueError, match=rf"switched={share} of ranking is a share of texts"):
        Stage("s", learns, (("ranking", 1.0, 1.0, dict(switched=share)),), 1, 2, rates, CLEAN)
    with pytest.raises(ValueError, match=r"switched=0.5 of mimicry .* are of one language"):
        Stage("s", learns, (("mimicry", 1.0, 1.0, dict(switched=0.5)),), 1, 2, rates, CLEAN)
    with pytest.raises(ValueError, match=r"noise='typos' of ranking must be a NoisePolicy"):
        Stage("s", learns, (("ranking", 1.0, 1.0, dict(noise="typos")),), 1, 2, rates, CLEAN)
    stage = Stage("s", learns, (("ranking", 1.0, 1.0, dict(switched=0.5)),), 1, 2, rates, CLEAN)
    with pytest.raises(ValueError, match="switched says words of ranking in the other language of parallel"):
        Recipe(name="x", config=CONFIG, texts=(), stages=(stage,))
