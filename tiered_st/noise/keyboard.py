"""List which keys lie next to which."""

# QWERTY: letters next to letters and digits next to digits, also diagonally. No punctuation keys, so that a
# substitution never adds a word boundary.
_KEYS = (
    "q:wa w:qeas e:wrsd r:etdf t:ryfg y:tugh u:yihj i:uojk o:ipkl p:ol "
    "a:qwsz s:adwezx d:sferxc f:dgrtcv g:fhtyvb h:gjyubn j:hkuinm k:jliom l:kop "
    "z:asx x:zcsd c:xvdf v:cbfg b:vngh n:bmhj m:njk "
    "1:2 2:13 3:24 4:35 5:46 6:57 7:68 8:79 9:80 0:9"
)


# What is another on the Spanish keyboard: the key behind l. Accents are dead keys, which no slip of a letter reaches.
_SPANISH_KEYS = "l:kopñ p:olñ ñ:lp"


def _neighbours(keys: str) -> dict[str, tuple[str, ...]]:
    """Read keys into a table that keeps case: capitals have capital neighbours."""
    lower = {key: tuple(near) for key, near in (entry.split(":") for entry in keys.split())}
    return lower | {key.upper(): tuple(char.upper() for char in near) for key, near in lower.items()}


NEIGHBOURS: dict[str, tuple[str, ...]] = _neighbours(_KEYS)
SPANISH_NEIGHBOURS: dict[str, tuple[str, ...]] = NEIGHBOURS | _neighbours(_SPANISH_KEYS)
