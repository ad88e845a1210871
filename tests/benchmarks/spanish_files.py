"""The kit's Spanish files, a few rows each."""

from __future__ import annotations

from typing import Any

Tables = dict[str, dict[str, list[Any]]]
WORDS = ["casa", "perro", "árbol", "niño", "canción", "también", "aquí", "llave"]


def add_spanish(tables: Tables) -> Tables:
    """Return English tables with the Spanish ones, and with Spanish rows alone added to those of both languages."""
    tables = {name: {column: list(values) for column, values in table.items()} for name, table in tables.items()}

    def more(name: str, **columns: list[Any]) -> None:
        for column, values in columns.items():
            tables[name][column] += values

    more(
        "dev_stsb_en_es", s1=[f"El {word} está." for word in WORDS], s2=[f"Un {word}." for word in reversed(WORDS)],
        score=[float(i) for i in range(8)], lang=["es"] * 8, split=["dev"] * 8,
    )  # fmt: skip
    more("dev_xquad_queries", query_id=["es-a"], text=["¿Dónde está?"], lang=["es"])
    more("dev_xquad_corpus", doc_id=["es-1"], text=["Está aquí."], lang=["es"])
    more("dev_xquad_qrels", query_id=["es-a"], doc_id=["es-1"], rel=[1])
    return tables | {
        "es_dev_mlqa_queries": {"query_id": ["1_es", "1_en"], "text": ["¿Qué?", "what"], "lang": ["es", "en"]},
        "es_dev_mlqa_corpus": {"doc_id": ["m0", "m1"], "text": ["Esto.", "Otro."]},
        "es_dev_mlqa_qrels": {"query_id": ["1_es", "1_en"], "doc_id": ["m0", "m0"], "rel": [1, 1]},
        "dev_ntrex_parallel": {
            "eng": ["the house", "the dog"],
            "spa": ["la casa", "el perro"],
            "deu": ["das Haus", "der Hund"],
        },
        "es_dev_mtod_intents": {"text": WORDS, "intent": ["a", "b"] * 4, "split": ["train"] * 4 + ["eval"] * 4},
        "es_dev_tweets_sentiment": {"text": WORDS, "label": ["a", "b"] * 4, "split": ["train"] * 4 + ["val"] * 4},
        "es_dev_tweets_emotion": {"text": WORDS, "label": ["a", "b"] * 4, "split": ["train"] * 4 + ["dev"] * 4},
        "es_dev_misspellings": {
            "misspelt": ["arbol", "Perrro", "tmb", "perro", "asi mismo", "made"],
            "correct": ["árbol", "perro", "también", "pero", "así mismo", "casa"],
            "kind": ["accent", "spelling", "chat", "tweet", "spacing", "spelling"],
            "human_list": [True, True, True, True, True, False],
        },
        "lex_word_freq_es": {"word": ["rara", "perro", "de"], "count": [1, 5, 9]},
    }
