"""English spelt by its sound: nite, fone, thru."""

from __future__ import annotations

import random
import re

from benchmarks.texts.meaning_changes import like
from tiered_st.noise.draws import hits
from tiered_st.noise.edits import edited

_DOUBLE = "|".join(letter * 2 for letter in "bdfglmnprstz")
# A pattern without groups, and what it may be written as, {0} its first letter; of those that fit at one place the
# first one counts.
RULES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"\b(?:kn|gn)(?=[aeiou])", ("n",)), (r"\bwr", ("r",)), (r"\bwh", ("w",)), (r"\bps", ("s",)),
    (r"eigh", ("ay", "a")), (r"igh(?=t)", ("i", "y")), (r"(?:augh|ough)(?=t)", ("aw", "or")),
    (r"(?<=thr)ough", ("u", "oo")), (r"(?<=\b[rt])ough", ("uff",)), (r"(?<=en)ough", ("uff",)),
    (r"ough\b", ("o", "ow")), (r"igh\b", ("i", "y")), (r"[tsc]ion", ("shun", "shon")),
    (r"[tc]ious\b", ("shus", "shuss")),
    (r"(?<=[a-z])ture", ("cher", "chur")), (r"[tc]ial", ("shul", "shal")), (r"ph", ("f",)), (r"tch", ("ch",)),
    (r"dge", ("j", "ge")), (r"ck", ("k", "c")), (r"sch(?=[oe])", ("sk",)), (r"sc(?=[eiy])", ("s",)),
    (r"c(?=[eiy])", ("s",)), (r"cc?(?![chkeiy])", ("k",)), (r"qu", ("kw",)), (r"(?<=[a-z])x", ("ks",)),
    (r"g(?=[ei][a-z])", ("j",)), (r"ee", ("ea", "ie")), (r"ea", ("ee", "e")), (r"ai", ("ay", "a")),
    (r"ei(?=[a-z])", ("ee",)), (r"ie(?=[a-z])", ("ee",)), (r"ou(?=[dnst])", ("ow",)), (r"oo", ("u", "ou")),
    (r"oa", ("o",)), (r"au", ("aw", "or")), (r"aw", ("or",)), (_DOUBLE, ("{0}",)),
    (r"(?<=[aeiou])s(?=[aeiou])", ("z",)), (r"(?<=[a-z])[iy]ble\b", ("uble", "abel")),
    (r"(?<=[a-z][^\Waeiou])y\b", ("ie", "ee")), (r"(?<=[a-z]{2})er\b", ("a", "ur")),
    (r"(?<=[a-z]{2})or\b", ("er", "ur")), (r"(?<=[a-z][^\Waeiou])le\b", ("el", "ul")),
    (r"ve\b", ("v",)), (r"mb\b", ("m",)), (r"(?<=[a-z])ed\b", ("d", "id")),
)  # fmt: skip
_ANY = re.compile("|".join(f"(?P<r{i}>{pattern})" for i, (pattern, _) in enumerate(RULES)), re.IGNORECASE)


def spell_by_sound(text: str, rate: float, rng: random.Random) -> str:
    """Write each group of letters that sounds like another one as that, with probability ``rate``.

    Raises:
        ValueError: If ``rate`` is not in [0, 1].
    """
    places = list(_ANY.finditer(text))
    edits: list[tuple[int, int, str]] = []
    for chosen in hits(len(places), rate, rng):
        found = places[chosen]
        spellings = RULES[int(str(found.lastgroup)[1:])][1]
        spelt = spellings[int(rng.random() * len(spellings))].format(found[0][0])
        edits.append((*found.span(), like(spelt, found[0])))
    return edited(text, edits)
