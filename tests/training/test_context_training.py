"""A finished model learns from texts which word a misspelling means, and nothing else of it moves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import TOY, make_model
from sentence_transformers import SentenceTransformer

import tiered_st
from tiered_st.modules.spelling_context import SpellingContext
from tiered_st.noise import NoisePolicy
from tiered_st.text import Lexicon
from tiered_st.text.spelling import ContextConfig, SpellingConfig
from training.recipe import Recipe, Stage
from training.sources import Source
from training.spelling_context import judge, learn, main, practice_of, teach
from training.write_table import write_table

# A word of a pair says which the other is.
PAIRS = [
    ("yellow", "banana"), ("purple", "violets"), ("silver", "spoons"), ("golden", "rings"), ("wooden", "tables"),
    ("frozen", "rivers"), ("broken", "windows"), ("bitter", "lemons"),
]  # fmt: skip
WORDS = [word for pair in PAIRS for word in pair]
TEXTS = [f"{first} {second}" for first, second in PAIRS] * 40
NOISE = NoisePolicy(weights=(("typos", 1.0),), rates=(0.1, 0.4))
RECIPE = Recipe(
    name="toy", config=TOY.replace(dropout=0.0, memory_slots=8, memory_width=16, memory_values=24),
    texts=(Source("texts", ("text",)),), misspellings="people",
    stages=(Stage("mean", ("tiers",), (("distillation", 1.0, 1.0),), 1, 4, (("tiers", 1e-3),), NOISE, 0.1, views=1),),
)  # fmt: skip
SIZES = ContextConfig(reach=2, width=16, hidden=32, keys=16, candidates=16, margin=100.0)


@pytest.fixture
def model() -> SentenceTransformer:
    model = make_model(RECIPE.config)
    model[0].set_lexicon(Lexicon(WORDS), SpellingConfig(len(WORDS)))
    return model


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    texts = [f"{text} {number}" for number, text in enumerate(TEXTS)] + ["zyrvexa", ""]
    write_table(folder / "texts.parquet", {"text": texts})
    write_table(folder / "people.parquet", {"misspelt": ["yelow", "bannana"], "correct": ["yellow", "banana"]})
    return folder


def test_neighbours_tell_what_letters_do_not(model: SentenceTransformer, data: Path) -> None:
    practice = practice_of(model[0], RECIPE, data, SIZES, 1_000)
    torch.manual_seed(0)
    context = SpellingContext(SIZES, model[0].settings.d_sem, model[0].settings.d_char)
    learn(context, practice, 200, seed=0)
    told = judge(context, practice)
    assert told["letters"] < 40 < 60 < told["text"], told


def test_a_reading_learns_which_word_is_meant(model: SentenceTransformer, data: Path) -> None:
    tiers, sizes = model[0], replace(SIZES, reading=24, reading_hidden=96)
    before = tiers.get_config_dict()
    found = []
    for steps in (1, 400):
        tiers.set_spelling_context(None)
        practice = practice_of(tiers, RECIPE, data, sizes, 1_000, steps)
        scores, words, meant = practice.forms[1:]
        listed = meant >= 0
        found.append((words[listed, 0] == meant[listed]).float().mean())
        # What was none of the words is further from all of them than what was one.
        found.append(scores[listed, 0].mean() - scores[~listed, 0].mean())
    assert found[0] < 0.6 < 0.9 < found[2] and found[3] > found[1], found
    torch.manual_seed(3)
    teach(model, practice, sizes, 2, seed=0)
    assert tiers.spelling_context.config == sizes
    right = torch.from_numpy(tiers.source.spellings.words.rows)
    words = tiers.source.spellings.candidates(tiers.read_spellings(right), sizes)[1]
    assert torch.equal(words[:, 0], torch.arange(len(right)))  # by the reader that learned
    tiers.set_spelling_context(None)
    assert tiers.get_config_dict() == before


def test_a_draw_is_of_the_place_that_it_names(model: SentenceTransformer, data: Path) -> None:
    practice = practice_of(model[0], RECIPE, data, SIZES, 1_000)
    generator = torch.Generator().manual_seed(1)
    at = practice.draw(practice.learned, 200, generator)
    places = practice.misspell(at, 0.0, generator)
    assert len(at) > 30
    listed = len(practice.listed)
    for i, place in enumerate(at.tolist()):
        origin = int(practice.origins[place])
        assert int(places.meant[i]) in ({origin, -1} if origin < listed else {-1})
        text = (practice.texts == practice.texts[place]).nonzero().squeeze(1)
        own = practice.chunks[practice.places[text]][SIZES.reach :]  # behind the edges
        where = place - int(text[0]) - SIZES.reach
        sides = torch.nn.functional.pad(own, (0, 0, 2, 2))[where : where + 5]
        torch.testing.assert_close(places.around[i, :4], sides[[0, 1, 3, 4]])
        mean = (own.sum(dim=0) - own[where]) / (len(own) - 1)
        torch.testing.assert_close(places.around[i, 4], mean, atol=1e-5, rtol=1e-4)


def test_the_command_teaches_a_folder_and_changes_nothing_else(
    model: SentenceTransformer, data: Path, tmp_path: Path
) -> None:
    tiered_st.set_storage(model, "int8")
    model.save(str(tmp_path / "model"), create_model_card=False)
    recipe = tmp_path / "recipe.py"
    recipe.write_text("from test_context_training import RECIPE\n", encoding="utf-8")
    given = [str(recipe), str(tmp_path / "model"), "--data", str(data), "--out", str(tmp_path / "out")]
    sizes = [
        "--width",
        "8",
        "--hidden",
        "12",
        "--keys",
        "6",
        "--reading",
        "5",
        "--reading-hidden",
        "7",
        "--share",
        "0.4",
    ]
    assert main([*given, "--steps", "3", "--reading-steps", "2", "--texts", "200", *sizes]) == 0
    taught = tiered_st.load(tmp_path / "out", device="cpu")
    assert taught[0].spelling_context.config == ContextConfig(width=8, hidden=12, keys=6, reading=5, reading_hidden=7)
    assert taught[0].get_config_dict()["storage"] == "int8"
    assert taught[0].spelling == SpellingConfig(len(WORDS), share=0.4)
    model = tiered_st.load(tmp_path / "model", device="cpu")
    before, after = model.state_dict(), taught.state_dict()
    for name, value in before.items():
        if torch.is_tensor(value):
            assert torch.equal(after[name], value), name
    np.testing.assert_allclose(taught.encode(["yellow banana"]), model.encode(["yellow banana"]), atol=1e-6)


def test_what_cannot_be_taught_is_said(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_model(RECIPE.config).save(str(tmp_path / "plain"), create_model_card=False)
    assert main(["en_nano", str(tmp_path / "plain"), "--data", str(data), "--out", str(tmp_path / "out")]) == 2
    assert "no list of words that a misspelling may mean" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
