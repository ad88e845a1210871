"""Translations mined from a toy corpus: what is found, how sure, and what is left out."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tiered_st.config import ChunkConfig
from training import spanish, translations
from training.lexicon_mining import mine_translations
from training.words import chunks_of, count_chunks, words_of

NOUNS = {"casa": "house", "niña": "girl", "perro": "dog", "libro": "book", "canción": "song"}
VERBS = {"ve": "sees", "tiene": "has", "quiere": "wants"}
PAIRS = [(f"La {a} {v} el {b}.", f"The {NOUNS[a]} {VERBS[v]} the {NOUNS[b]}.")
         for a in NOUNS for v in VERBS for b in NOUNS if a != b]  # fmt: skip


def best(**settings) -> dict[str, str]:
    rows = mine_translations(PAIRS, top=1, **settings)
    assert all(row.weight == 1.0 for row in rows)
    return {row.word: row.translation for row in rows}


def test_each_word_finds_its_own() -> None:
    found = best()
    assert {word: found[word] for word in (*NOUNS, *VERBS)} == NOUNS | VERBS
    assert "." not in found and list(found) == sorted(found)


def test_weights_of_a_word_sum_to_one_and_counts_are_of_texts() -> None:
    rows = mine_translations(PAIRS, share=0.0)
    for word in NOUNS:
        own = [row for row in rows if row.word == word]
        assert len(own) == 3 and sum(row.weight for row in own) == pytest.approx(1.0)
        assert own[0].translation == NOUNS[word] and own[0].weight > 0.5
        assert own[0].weight >= own[1].weight >= own[2].weight and own[0].texts == 24


def test_two_translations_share_a_word_as_the_texts_do() -> None:
    pairs = [(f"banco {i}a", f"{'bank' if i % 4 else 'bench'} {i}b") for i in range(40)]
    rows = mine_translations(pairs)
    assert [(row.word, row.translation) for row in rows] == [("banco", "bank"), ("banco", "bench")]
    assert rows[0].weight == pytest.approx(3**0.5 / (1 + 3**0.5), abs=0.02)  # √¾ to √¼: back, each says banco alone


def test_words_are_read_as_the_model_reads_them() -> None:
    folded = best(reading=ChunkConfig(fold_accents=True))
    assert folded["nina"] == "girl" and folded["cancion"] == "song" and "niña" not in folded
    kept = best(reading=ChunkConfig(fold_accents=True, own_letters="ñ"))
    assert kept["niña"] == "girl" and kept["cancion"] == "song"


def test_rare_words_long_texts_and_nothing_are_left_out() -> None:
    assert mine_translations([]) == [] == mine_translations([("", "a"), ("1 !", "2")])
    assert mine_translations([("hola", "hello")] * 2) == [] != mine_translations([("hola", "hello")] * 3)
    assert mine_translations([("uno dos tres", "one two three")] * 3, longest=2) == []
    assert mine_translations([("😂 \ud800", "a")] * 3) == []
    assert mine_translations([("a\ud800", "b")] * 3)[0].word == "a\ud800"


@pytest.mark.parametrize(
    ("settings", "says"), [({"rounds": 0}, "rounds=0"), ({"top": 0}, "top=0"), ({"share": 2.0}, "share=2.0")]
)
def test_numbers_that_cannot_be_are_refused(settings: dict, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        mine_translations(PAIRS, **settings)


def test_the_command_writes_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    columns = {"en": [english for _, english in PAIRS], "de": [foreign for foreign, _ in PAIRS]}
    pq.write_table(pa.table(columns), tmp_path / "both.parquet")
    command = ["--data", str(tmp_path), "--out", str(tmp_path / "found.parquet"), "--pairs", "both:de:en"]
    assert translations.main(command) == 0
    assert "10 words from 60 pairs of texts" in capsys.readouterr().out
    table = pq.read_table(tmp_path / "found.parquet").to_pydict()
    assert list(table) == ["word", "translation", "weight", "texts"]
    assert dict(zip(reversed(table["word"]), reversed(table["translation"]), strict=True))["perro"] == "dog"
    assert translations.main([*command[:-1], "both:de"]) == 2
    assert "NAME:FOREIGN:ENGLISH" in capsys.readouterr().err
    assert translations.main([*command[:-1], "gone:de:en"]) == 2
    assert "gone.parquet" in capsys.readouterr().err
    assert translations.main([*command, "--own-letters", "ñ"]) == 2
    assert "fold_accents=False" in capsys.readouterr().err


def test_spanish_sources_are_of_training_files_and_leave_out_what_may_not_be_published() -> None:
    kinds = ("PARALLEL", "TEXTS", "PAIRS", "SEARCHES", "WORDS", "FREQUENCIES")
    sources = [source for kind in kinds for source in getattr(spanish, kind)]
    assert not any(source.name.startswith(("dev_", "es_dev_")) for source in sources)
    assert ("split", "train") in spanish.STS_TRAIN.where and ("lang", "es") in spanish.STS_TRAIN.where
    names = {source.name for source in sources}
    assert not names & {"es_train_tweetnorm", "es_docs_film_dialogues", "es_lex_synonyms"}
    for source in sources:
        if source.name == "es_train_parallel_ui":
            assert {("licence", "!AGPL-3.0"), ("licence", "!GPL-3.0")} <= set(source.where)
        if source.name == "es_train_parallel_news_questions":
            assert any(value.startswith("!not stated (WMT") for _, value in source.where)
    assert all(source.cluster == "en" and source.columns[0] == "en" for source in spanish.PARALLEL)


def test_words_to_practise_are_those_of_the_configuration() -> None:
    reading = words_of(ChunkConfig(fold_accents=True, decimal_commas=True, lowercase=False, chunk_chars=20))
    assert reading == ChunkConfig(fold_accents=True, decimal_commas=True, chunk_chars=20)  # words are lower-cased
    assert [chunk for chunk, _ in chunks_of(["Está 3,5"], reading)] == ["esta", "3,5"]
    assert count_chunks(["está esta"], reading) == {"esta": 2} and count_chunks(["está esta"])["está"] == 1
