"""The Spanish suites on tiny files: what they read, what is changed in a text, what is compared with what."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from spanish_files import WORDS, add_spanish

from benchmarks.peers import Candidate, resolve
from benchmarks.suite import Condition
from benchmarks.suites import cross_lingual, german, spanish, spanish_classification, spanish_words
from benchmarks.suites.spanish_words import SpanishWords
from benchmarks.texts.spanish import mistyped_in, read_mlqa, read_ntrex, read_xquad_across

ENGLISH: dict[str, dict[str, list]] = {
    "dev_stsb_en_es": {"s1": ["en"], "s2": ["en"], "score": [1.0], "lang": ["en"], "split": ["dev"]},
    "dev_xquad_queries": {"query_id": ["en-a"], "text": ["where is it"], "lang": ["en"]},
    "dev_xquad_corpus": {"doc_id": ["en-1"], "text": ["It is here."], "lang": ["en"]},
    "dev_xquad_qrels": {"query_id": ["en-a"], "doc_id": ["en-1"], "rel": [1]},
}


class Meanings:
    """Embeds a text as what it means, by a table; others as a direction of their own."""

    revision = "hand-made"

    def __init__(self, meanings: dict[str, int]) -> None:
        self.meanings, self.calls = meanings, 0

    def encode(self, texts, **options):
        self.calls += 1
        return np.array([self._of(text) for text in texts], dtype=np.float32)

    def _of(self, text: str) -> np.ndarray:
        if text in self.meanings:
            return np.eye(32)[self.meanings[text]]
        return np.random.default_rng(list(text.encode()) or 0).normal(size=32) / 6


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name, columns in add_spanish(ENGLISH).items():
        pq.write_table(pa.table(columns), tmp_path / f"{name}.parquet")
    return tmp_path


def test_spanish_texts_are_changed_as_the_metric_says(data: Path) -> None:
    task = spanish.load(data)
    assert "STS-B, 8 pairs" in task.data and "XQuAD, 1 questions, 1 documents" in task.data
    seen = {change: task.seen(Condition(f"STS-B{change}", 0)) for change in (*spanish.RATES, *spanish.CHANGES)}
    assert seen[""][2] == "El árbol está." and seen[""][8] == "Un llave."
    assert seen[", without accents"][2:4] == ["El arbol esta.", "El niño esta."]
    assert seen[", without accents or ñ"][3] == "El nino esta."
    assert seen[", as on phones"][2] == "el arbol esta"
    assert task.seen(Condition("XQuAD, as on phones", 0)) == ["donde esta?"]
    assert all(seen[f" {rate} %"] != seen[""] for rate in (10, 20)) and seen[", as in chats"] != seen[""]


def test_only_what_draws_has_seeds_and_checksums_tell_conditions_apart(data: Path) -> None:
    task = spanish.load(data)
    conditions = task.conditions(2)
    assert {c.metric for c in conditions} == set(spanish.SUITE.metrics)
    assert {c.metric for c in conditions if c.seed == 1} == {
        name + change for name in spanish.NAMES for change in (" 5 %", " 10 %", " 20 %", ", as in chats")
    }
    sums = [task.checksum(c) for c in conditions if c.metric.startswith("STS-B")]
    assert len(set(sums)) >= len(sums) - 1  # at 5 % of a few words, two seeds may change nothing


def test_both_languages_are_mistyped_on_their_own_keyboards() -> None:
    texts = ["llll pppp"] * 50
    spanish_, english = (mistyped_in(language, "s", texts, rate=0.5, seed=0) for language in ("es", "en"))
    assert any("ñ" in text for text in spanish_) and not any("ñ" in text for text in english)
    assert mistyped_in("es", "s", texts, rate=0.0, seed=0) == texts
    assert (
        mistyped_in("es", "s", texts, rate=0.5, seed=0) == spanish_ != mistyped_in("es", "s", texts, rate=0.5, seed=1)
    )


def test_questions_are_asked_in_one_language_and_answered_in_another(data: Path) -> None:
    across = read_xquad_across(data, "es", "en")
    assert across == ({"es-a": "¿Dónde está?"}, {"en-1": "It is here."}, {"es-a": {"en-1": 1}, "en-a": {"en-1": 1}})
    asked = read_mlqa(data, "en")
    assert asked.queries == {"1_en": "what"} and list(asked.corpus) == ["m0", "m1", "es-1"]
    assert read_ntrex(data, "spa", "eng").corpus == {"0": "the house", "1": "the dog"}


def test_a_model_that_knows_meanings_finds_all_across_languages(data: Path) -> None:
    task = cross_lingual.load(data)
    assert {c.metric for c in task.conditions(1)} == set(cross_lingual.SUITE.metrics)
    means = {"la casa": 0, "the house": 0, "el perro": 1, "the dog": 1, "¿Qué?": 2, "what": 2, "Esto.": 2}
    means |= {"¿Dónde está?": 3, "where is it": 3, "Está aquí.": 3, "It is here.": 3}
    model = Candidate("meanings", Meanings(means))
    for name in cross_lingual.NAMES:
        assert task.score(model, Condition(name, 0)) == pytest.approx(100.0), name
    swapped = Candidate("swapped", Meanings(means | {"la casa": 1, "el perro": 0}))
    assert task.score(swapped, Condition("NTREX es→en", 0)) == 0.0


def test_german_sentences_are_found_across_languages_too(data: Path) -> None:
    task = german.load(data)
    assert {c.metric for c in task.conditions(1)} == set(german.SUITE.metrics)
    assert task.texts("NTREX de→en") == ["das Haus", "der Hund"] and task.seen(Condition("NTREX de→en 10 %", 0))
    means = {"das Haus": 0, "the house": 0, "der Hund": 1, "the dog": 1}
    model = Candidate("meanings", Meanings(means))
    assert [task.score(model, Condition(name, 0)) for name in german.NAMES] == [100.0, 100.0]
    swapped = Candidate("swapped", Meanings(means | {"das Haus": 1, "der Hund": 0}))
    assert task.score(swapped, Condition("NTREX en→de", 0)) == 0.0


def test_sentences_that_are_found_are_embedded_once(data: Path) -> None:
    task, lookup = cross_lingual.load(data), Meanings({})
    model = Candidate("meanings", lookup)
    for seed in range(3):
        task.score(model, Condition("NTREX es→en 10 %", seed))
    assert lookup.calls == 4


def test_spanish_classes_are_learned_from_one_split_and_told_in_the_other(data: Path) -> None:
    task = spanish_classification.load(data)
    assert task.sets["intents"][0].texts == WORDS[:4] and task.sets["emotion"][1].texts == WORDS[4:]
    means = {word: i % 2 for i, word in enumerate(WORDS)}
    model = Candidate("meanings", Meanings(means))
    assert [task.score(model, Condition(name, 0)) for name in spanish_classification.SETS] == [100.0] * 3
    assert task.seen(Condition("intents 10 %", 0)) != WORDS[4:]


def test_misspelt_words_are_looked_for_among_frequent_and_right_ones(data: Path) -> None:
    task = spanish_words.load(data)
    assert task.words == ["de", "perro", "rara", "árbol", "pero", "también"]
    assert task.lists == {
        "misspellings": (["arbol", "perrro"], [{3}, {1}]),  # "perro" is a word, "made" no people's misspelling
        "accents": (["arbol"], [{3}]), "spelling": (["perrro"], [{1}]), "chats": (["tmb"], [{5}]),
    }  # fmt: skip
    model = Candidate("meanings", Meanings({"arbol": 0, "árbol": 0, "perrro": 1, "de": 1}))
    assert [task.score(model, c) for c in task.conditions(3)][:3] == [50.0, 100.0, 0.0]
    assert len({task.checksum(c) for c in task.conditions(1)}) == 4


def test_words_are_embedded_once_per_model(data: Path) -> None:
    task, lookup = spanish_words.load(data), Meanings({})
    for condition in task.conditions(1):
        task.score(Candidate("meanings", lookup), condition)
    assert lookup.calls == 8  # another candidate each time
    model = Candidate("meanings", lookup)
    for condition in task.conditions(1):
        task.score(model, condition)
    assert lookup.calls == 8 + 1 + 4


def test_a_list_without_misspellings_is_refused() -> None:
    with pytest.raises(ValueError, match="'chats' holds no misspelling"):
        SpanishWords(["de"], {"chats": [("de", "de")]})


def test_a_spell_checker_alone_is_asked_with_the_words_as_its_dictionary(data: Path) -> None:
    pytest.importorskip("symspellpy")
    model = resolve("symspell")
    assert model.ranks and model.parameters == 0
    assert model.rank(["perrro", "zzzzzzz"], ["de", "perro", "perra"], depth=2).tolist() == [[1, 2], [-1, -1]]
    assert model.rank(["casaa"], ["casas", "casa"], depth=1).tolist() == [[0]]  # as near, and more frequent
    assert [spanish_words.load(data).score(model, c) for c in spanish_words.load(data).conditions(1)][:2] == [100.0] * 2
    with pytest.raises(ValueError, match="'two words'"):
        model.rank(["a"], ["two words"], depth=1)
    with pytest.raises(ValueError, match="--suite retrieval"):
        model.encode(["a"])
