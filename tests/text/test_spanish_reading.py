"""How Spanish is read: what every model does, and what settings add; a text without its accents is the same text."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import TOY, UNICODE, make_model
from hypothesis import given

import tiered_st
from tiered_st.config import ChunkConfig
from tiered_st.documents.passages import PassageCutter
from tiered_st.noise import drop_accents, seeded, write_n_for_enye
from tiered_st.text import ChunkType, make_chunker
from tiered_st.text.tokenizer import CharTokenizer, to_text

SPANISH: dict[str, Any] = {"fold_accents": True, "ordinals": True, "decimal_commas": True, "split_hashtags": True}
TEXTS = [
    "¿Está el ÁRBOL en la 2ª planta, Mª José? ¡Sí!",
    "#BuenosDías, @usuario: 3,50 € y 1.234,56 el 1.º de año",
    "El pingüino bebió un café en Đà Nẵng",
]


def read(text: str, **settings: Any) -> list[tuple[str, str]]:
    """Return the chunks of a text as a model reads them, with their types."""
    config = ChunkConfig(**settings)
    tokenizer = CharTokenizer.of(config)
    points, _ = tokenizer.normalize_all([text])
    folded = tokenizer.fold(points)
    chunks = make_chunker(config, tokenizer)(points, tokenizer.widths(folded))
    spelt = to_text(folded)
    places = zip(chunks.starts.tolist(), chunks.ends.tolist(), chunks.types.tolist(), strict=True)
    return [(spelt[a:b], ChunkType(kind).name) for a, b, kind in places]


def words(text: str, **settings: Any) -> list[str]:
    return [chunk for chunk, _ in read(text, **settings)]


@pytest.mark.parametrize(
    ("text", "chunks"),
    [
        ("¿Qué tal?", [("¿", "PUNCTUATION"), ("qué", "CAPITALISED"), ("tal", "WORD"), ("?", "PUNCTUATION")]),
        ("¡¿Cómo?!", [("¡¿", "PUNCTUATION"), ("cómo", "CAPITALISED"), ("?!", "PUNCTUATION")]),
        ("ÁRBOL ÑU Él é", [("árbol", "ALL_CAPS"), ("ñu", "ALL_CAPS"), ("él", "CAPITALISED"), ("é", "WORD")]),
        ("@usuario", [("@", "PUNCTUATION"), ("usuario", "WORD")]),
        ("amig@s", [("amig@s", "WORD")]),
        ("#gol", [("#", "PUNCTUATION"), ("gol", "WORD")]),
        ("50 %", [("50", "NUMERIC"), ("%", "PUNCTUATION")]),
        ("3.50€", [("3.50", "NUMERIC"), ("€", "PUNCTUATION")]),
        ("«sí»", [("«", "PUNCTUATION"), ("sí", "WORD"), ("»", "PUNCTUATION")]),
    ],
)  # fmt: skip
def test_what_every_model_reads_as_it_should(text: str, chunks: list[tuple[str, str]]) -> None:
    assert read(text) == chunks


def test_what_models_without_the_settings_read_stays() -> None:
    assert words("nº 1ª 3,50 5°") == ["no", "1a", "3", ",", "50", "5", "°"]
    assert words("#BuenosDías") == ["#", "buenosdías"]


@pytest.mark.parametrize(
    ("text", "chunks"),
    [
        ("nº", [("nº", "WORD")]), ("n°", [("nº", "WORD")]), ("Nº", [("nº", "CAPITALISED")]), ("2ª", [("2ª", "WORD")]),
        ("N.º", [("n.º", "CAPITALISED")]), ("20 °C", [("20", "NUMERIC"), ("ºc", "WORD")]), ("no", [("no", "WORD")]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", ["NFC", "NFKC", None])
def test_ordinals_are_read_as_written(text: str, chunks: list[tuple[str, str]], form: Any) -> None:
    assert read(text, ordinals=True, normalization=form) == chunks


@pytest.mark.parametrize(
    ("text", "chunks"),
    [
        ("3,50", ["3,50"]), ("1.234,56", ["1.234,56"]), ("1,234.5", ["1,234.5"]), ("3,50€", ["3,50", "€"]),
        ("3, 50", ["3", ",", "50"]), ("3,,50", ["3", ",,", "50"]), ("a,5", ["a", ",", "5"]), ("5,a", ["5", ",", "a"]),
        (",5", [",", "5"]), ("5,", ["5", ","]), (",", [","]), ("5", ["5"]), ("", []),
    ],
)  # fmt: skip
def test_a_comma_between_digits_is_of_their_number(text: str, chunks: list[str]) -> None:
    assert words(text, decimal_commas=True) == chunks
    assert all(kind == "NUMERIC" for chunk, kind in read(text, decimal_commas=True) if chunk[0].isdigit())


@pytest.mark.parametrize(
    ("text", "chunks"),
    [
        ("#BuenosDías", ["#", "buenos", "días"]), ("#HBOEspaña", ["#", "hbo", "españa"]), ("#CD9", ["#", "cd9"]),
        ("#9YearsWithBTS", ["#", "9", "years", "with", "bts"]), ("#gol", ["#", "gol"]), ("#GOL", ["#", "gol"]),
        ("#KCA2014", ["#", "kca2014"]), ("#ÁrbolÚnico", ["#", "árbol", "único"]), ("# BuenosDías", ["#", "buenosdías"]),
        ("BuenosDías hOla", ["buenosdías", "hola"]), ("#", ["#"]), ("#A", ["#", "a"]), ("#a#B", ["#", "a#b"]),
        ("#ПриветМир", ["#", "привет", "мир"]),
    ],
)  # fmt: skip
def test_hashtags_are_cut_before_their_capitals(text: str, chunks: list[str]) -> None:
    assert words(text, split_hashtags=True) == chunks


def test_the_words_of_a_hashtag_have_types_of_their_own() -> None:
    assert read("#HBOEspaña", split_hashtags=True)[1:] == [("hbo", "ALL_CAPS"), ("españa", "CAPITALISED")]
    assert read("#BuenosDías"[1:], split_hashtags=True) == [("buenosdías", "CAPITALISED")]


@pytest.mark.parametrize("form", ["NFC", "NFKC", None])
def test_a_folded_text_is_the_text_without_accents(form: Any) -> None:
    for text in TEXTS:
        for written in (text, unicodedata.normalize("NFD", text)):
            bare = write_n_for_enye(drop_accents(written, 1.0, seeded(1)), 1.0, seeded(1))
            assert bare != written and read(written, fold_accents=True, normalization=form) == read(
                bare, fold_accents=True, normalization=form
            )


def test_folding_leaves_other_scripts_and_letters() -> None:
    assert words("ß ø ł й έ が ñ Ñ x\u0302 \u0301", fold_accents=True) == [
        "ß", "ø", "ł", "й", "έ", "が", "n", "n", "x", "\u0301",
    ]  # fmt: skip
    assert words("año AÑO n\u0303u é ÜBER ü", fold_accents=True, own_letters="ñ") == [
        "año", "año", "ñu", "e", "uber", "u",
    ]  # fmt: skip


@given(UNICODE)
def test_folding_twice_is_folding_once_and_never_reaches_another_text(text: str) -> None:
    tokenizer = CharTokenizer.of(ChunkConfig(fold_accents=True, ordinals=True))
    once = tokenizer.normalize(text)
    np.testing.assert_array_equal(tokenizer.normalize(to_text(once)), once)
    points, breaks = tokenizer.normalize_all([text, "é", text])
    assert len(breaks) == 3
    np.testing.assert_array_equal(points, np.concatenate([once, [0xFFFF], [ord("e")], [0xFFFF], once, [0xFFFF]]))


def test_vectors_without_accents_are_the_same_in_torch_and_without_it(tmp_path: Path) -> None:
    from tiered_st import runtime

    model = make_model(TOY.replace(**SPANISH))
    bare = [write_n_for_enye(drop_accents(text, 1.0, seeded(1)), 1.0, seeded(1)) for text in TEXTS]
    np.testing.assert_allclose(model.encode(bare), model.encode(TEXTS), atol=1e-6)
    model.save(str(tmp_path / "m"), create_model_card=False)
    without = runtime.load(tmp_path / "m", precision="float32", threads=1)
    np.testing.assert_allclose(without.encode(TEXTS), model.encode(TEXTS), atol=1e-5)
    np.testing.assert_array_equal(without.encode(bare), without.encode(TEXTS))
    tiered_st.tabulate(model, TEXTS, keep_encoder=False)
    np.testing.assert_allclose(model.encode(bare), model.encode(TEXTS), atol=1e-6)


def test_tokens_of_a_model_that_reads_so_are_no_others() -> None:
    plain, spanish = (make_model(config).tokenizer for config in (TOY, TOY.replace(**SPANISH)))
    assert plain.words != spanish.words
    rows = spanish(["#BuenosDías a 3,50"], return_tensors="pt")["input_ids"]
    (text,) = spanish.batch_decode(rows, skip_special_tokens=True)
    assert text == "# Buenos Dias a 3,50"
    np.testing.assert_array_equal(spanish([text], return_tensors="pt")["input_ids"], rows)


def test_passages_count_words_as_the_model_does() -> None:
    model = make_model(TOY.replace(**SPANISH))
    text = "Cuesta 3,50 en #BuenosDíasATodos hoy. " * 6
    for passage in PassageCutter(model[0], 8)(text):
        assert model.preprocess([passage.text])["attention_mask"].sum() <= 8 + 2
    assert "".join(passage.text for passage in PassageCutter(model[0], 8)(text)) == text
