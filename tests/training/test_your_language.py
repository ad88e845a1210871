"""YOUR_LANGUAGE.md: its recipe and commands run as written; and the memory of a trained model grows by words."""

from __future__ import annotations

import csv
import json
import re
import shlex
from pathlib import Path

import pytest
from readme import marked
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from small_bert import save_bert

import tiered_st
import training.run as runner
import training.stage_run as stage_run
from tiered_st.cli import main as cli
from tiered_st.modules.tiers_of import tiers_of
from training import teacher as teachers
from training.growth import check_words, known_words
from training.recipes.en_de import RECIPE as EN_DE
from training.tables import tables
from training.untrained import main as write_untrained

PAGE = Path(__file__).parents[2] / "training" / "YOUR_LANGUAGE.md"
NOUNS = {"haus": "house", "hund": "dog", "buch": "book", "fluss": "river", "brief": "letter", "fenster": "window"}
VERBS = {"sieht": "sees", "mag": "likes", "braucht": "needs"}
PAIRS = [(f"The {NOUNS[a]} {VERBS[v]} the {NOUNS[b]}.", f"Das {a} {v} das {b}.")
         for a in NOUNS for v in VERBS for b in NOUNS if a != b]  # fmt: skip


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A teacher of as many dimensions as en-small has."""
    folder = tmp_path_factory.mktemp("teacher")
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", ".", *NOUNS.values(), *VERBS.values()]
    save_bert(
        folder / "bert", pieces, hidden_size=384, num_hidden_layers=1, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=64,
    )  # fmt: skip
    model = SentenceTransformer(modules=[Transformer(str(folder / "bert")), Pooling(384, "mean")], device="cpu")
    model.save(str(folder / "model"), create_model_card=False)
    return str(folder / "model")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with the page's recipe and pairs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(stage_run, "has_bf16", lambda device: False)
    monkeypatch.setattr(teachers, "has_bf16", lambda device: False)
    ((language, code),) = marked("recipe", PAGE)
    assert language == "python" and code.startswith("# my_language.py\n")
    Path("my_language.py").write_text(code, encoding="utf-8")
    Path("my-data").mkdir()
    with open("my-data/pairs.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("en", "foreign"), *PAIRS])
    return tmp_path


def test_the_pages_recipe_makes_a_model_of_both_languages(folder: Path, teacher: str) -> None:
    ((_, commands),) = marked("commands", PAGE)
    smoke, untrained, train, info = (shlex.split(line) for line in commands.splitlines())
    assert smoke[:4] == [*train[:3], "my_language.py"] and {*smoke} - {*train} == {"--smoke", "runs/try"}
    options = ["--teacher", teacher, "--device", "cpu", "--workers", "0", "--quiet"]
    assert runner.main([*smoke[3:], *options]) == 0  # the full one takes hours
    assert info[:2] == ["tiered-st", "info"] and cli(["info", "runs/try/model"]) == 0
    assert untrained[2] == "training.untrained" and write_untrained(untrained[3:]) == 0
    model = tiered_st.load("runs/untrained/model", device="cpu")
    assert tiers_of(model).settings.memory_slots == 32_768
    assert json.loads(Path("runs/untrained/model/recipe.json").read_text(encoding="utf-8"))["growth"]["of"] is None
    # From the first step on, a sentence is nearer to its translation than to others.
    german, english = ("Das buch braucht das fenster.", "Das hund sieht das haus."), (
        "The book needs the window.", "The dog sees the house.",
    )  # fmt: skip
    scores = model.similarity(model.encode(list(german)), model.encode(list(english)))
    assert scores.isfinite().all() and scores[0, 0] > scores[0, 1] and scores[1, 1] > scores[1, 0]


def test_the_page_says_what_a_slot_costs_and_links_what_is_there() -> None:
    text = PAGE.read_text(encoding="utf-8")
    memory = tiers_of(tiered_st.load("en-small", device="cpu")).chunk_projector.memory
    assert memory is not None and memory.values is not None
    numbers = memory.prototypes.weight.shape[1] + memory.values.weight.shape[0] + 1
    assert f"{numbers} numbers a slot" in text
    links = re.findall(r"\]\((?!http)([^)#]+)\)", text)
    assert links and all((PAGE.parent / link).is_file() for link in links)


def test_a_memory_knows_its_words_and_no_misspellings_of_them() -> None:
    tiers = tiers_of(tiered_st.load("en-small", device="cpu"))
    words = ["house", "houze", "river", "rivver", "qqxjvzkw", "schmetterling"]
    known = known_words(tiers, words)
    assert len(known) == tiers.settings.memory_slots and {word for word in known if word} == {"house", "river"}
    assert check_words(tiers, known) > 0
    assert tiers.recognize(tiers.preprocess(["house"])["input_ids"][:, 1]).argmax().item() == 1 + known.index("house")
    with pytest.raises(ValueError, match="knows none of the recipe's 1 words"):
        known_words(tiers, ["qqxjvzkw"])


def test_german_comes_from_one_table_beside_the_english_ones() -> None:
    read = [table for table in tables(EN_DE) if "foreign" in table.columns]
    assert [table.name for table in read] == ["train_parallel_tatoeba_en_de"]
    assert EN_DE.growth is not None and EN_DE.growth.of is None
