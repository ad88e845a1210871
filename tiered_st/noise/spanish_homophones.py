"""Write Spanish words for others that sound alike, joined and split: a ver ↔ haber, hecho ↔ echo, o sea → osea."""

import random

from tiered_st.noise.phrases import Phrases

# Each entry is "written, written, …": all sound alike. What no dictionary has (osea) is written, and never read.
_ALIKE = """
a ver, haber; hay, ahí, ay; haya, halla, allá; hecho, echo; hecha, echa; he, e; ha, a; has, as; hacer, a ser;
por qué, porque, por que, porqué; si no, sino; también, tan bien; tampoco, tan poco; o sea, *osea;
sobre todo, sobretodo; aparte, a parte; vaya, valla; a través, *atravez; a veces, *aveces; a lo mejor, *alomejor;
al menos, *almenos; de acuerdo, *deacuerdo; en serio, *enserio; tal vez, *talvez; por favor, *porfavor; no sé, *nose;
es que, *esque; lo que, *loque; así que, *asique; a menudo, *amenudo; tubo, tuvo; votar, botar; hola, ola; hasta, *asta;
iba, *iva; vez, ves; cayó, calló; rayo, rallo; hierba, *yerva; bello, vello; vienes, bienes; casa, caza; cocer, coser;
abrazar, abrasar; de verdad, *deverdad; por supuesto, *porsupuesto; medio día, mediodía; en cima, encima
"""


def _read(table: str) -> dict[str, list[str]]:
    """Return every phrase that is a reading with its other ways; phrases are looked up without accents."""
    plain = str.maketrans("áéíóúü", "aeiouu")
    found: dict[str, dict[str, None]] = {}
    for entry in " ".join(table.split()).split("; "):
        written = entry.split(", ")
        for phrase in written:
            if not phrase.startswith("*"):
                ways = dict.fromkeys(way.removeprefix("*") for way in written if way != phrase)
                found.setdefault(phrase.translate(plain), {}).update(ways)
    return {phrase: list(ways) for phrase, ways in found.items()}


SPANISH_HOMOPHONES = Phrases(_read(_ALIKE))


def confuse_spanish_homophones(text: str, rate: float, rng: random.Random) -> str:
    """Write each word or phrase that sounds as another does, with probability `rate`, as that other: a ver → haber.

    Raises:
        ValueError: If `rate` is not in [0, 1].
    """
    return SPANISH_HOMOPHONES(text, rate, rng)
