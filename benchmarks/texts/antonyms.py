"""Pairs of English words of opposite meaning and the same part of speech, each of which can stand for the other.

Compiled by hand for the minimal pairs. Words whose commoner sense has another opposite or none (left, light, up) are
left out, and no word stands twice.
"""

_PAIRS = """
old young, big small, large tiny, hot cold, warm cool, long short, high low, fast slow, quickly slowly, happy sad,
rich poor, strong weak, clean dirty, wet dry, full empty, open closed, opening closing, opens closes, early late,
easy difficult, hard soft, thick thin, wide narrow, deep shallow, loud quiet, loudly quietly, bright dark, black white,
day night, inside outside, indoors outdoors, indoor outdoor, above below, over under, before after, north south,
northern southern, east west, eastern western, winter summer, morning evening, always never, everyone nobody,
everything nothing, more less, most least, increase decrease, increased decreased, increases decreases, rise fall,
rises falls, rose fell, rising falling, gain loss, gains losses, gained lost, win lose, wins loses, winning losing,
buy sell, buys sells, bought sold, buying selling, love hate, loves hates, loved hated, accept reject, accepts rejects,
accepted rejected, allow forbid, allowed forbidden, begin end, begins ends, began ended, push pull, pushes pulls,
pushing pulling, pushed pulled, enter leave, enters leaves, entering leaving, remember forget, laughing crying,
laughs cries, smiling frowning, smiles frowns, sitting standing, sits stands, asleep awake, alive dead, alone together,
near far, first last, good bad, better worse, best worst, true false, same different, safe dangerous,
possible impossible, legal illegal, male female, peace war, friend enemy, friends enemies, success failure,
positive negative, public private, ancient modern, cheap expensive, beautiful ugly, calm angry, top bottom,
upstairs downstairs, arrives departs, arrived departed, raise lower, raised lowered, guilty innocent, many few,
heavy lightweight, major minor, attack defend, support oppose, supports opposes, supported opposed
"""


def _read() -> dict[str, str]:
    """Return every word with its opposite, both ways."""
    pairs = [tuple(pair.split()) for pair in " ".join(_PAIRS.split()).split(",")]
    return {one: other for one, other in pairs} | {other: one for one, other in pairs}


ANTONYMS: dict[str, str] = _read()
