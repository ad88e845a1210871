"""Abbreviate Spanish as people do in chats: que → q, porque → xq, también → tmb."""

import random

from tiered_st.noise.phrases import Phrases

# Each line is "as it is written in full: as in chats, …".
_CHAT = """
que: q, k
por que: xq, pq
porque: xq, pq, porq
por: x
por favor: xfa, porfa, x favor
para: pa, xa
para que: paq, pa q
pero: pro, xro
también: tmb, tb
tampoco: tmpc
bien: bn
muy bien: mb, muy bn
donde: dnd
como: cm, cmo
cuando: cnd, cuand
quien: qn, kien
quiero: kiero, qro
quieres: kieres, qres
te quiero: tq, tk
te quiero mucho: tqm, tkm
estoy: toy, stoy
estas: stas
esta: ta, sta
nada: nd, na
todo: td
todos: tds
mucho: muxo, mxo
muchas gracias: mil grax, muxas grax
gracias: grax, grcs
besos: bss
saludos: sldos, salu2
mañana: mñn, mñna
noche: nxe
dinero: din
mensaje: msj
mensajes: msjs
teléfono: tel, tfno
minutos: min
hora: h
fin de semana: finde
siempre: smpr
entonces: ntnc, entncs
verdad: vdd
ahora: aora, ora
hacer: acr, hcr
hasta luego: ta luego
más: +
menos: -
más o menos: + o -
de: d
mismo: mism
tiempo: tmpo
trabajo: trbj
persona: prsna
personas: prsnas
"""


def _read(table: str) -> dict[str, list[str]]:
    """Read lines of a phrase and its other ways; phrases are looked up without accents."""
    plain = str.maketrans("áéíóúü", "aeiouu")
    rows = (line.split(": ") for line in table.strip().splitlines())
    return {phrase.translate(plain): ways.split(", ") for phrase, ways in rows}


SPANISH_CHAT = Phrases(_read(_CHAT))


def write_spanish_chat(text: str, rate: float, rng: random.Random) -> str:
    """Abbreviate each word or phrase that chats abbreviate with probability `rate`: ¿por qué? → ¿xq?

    Raises:
        ValueError: If `rate` is not in [0, 1].
    """
    return SPANISH_CHAT(text, rate, rng)
