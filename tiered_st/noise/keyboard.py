"""List which characters are mistaken for which: neighbours on a keyboard, OCR confusions, lookalikes.

Plain tables and no behaviour; `tiered_st.noise` draws from them. Every value is a tuple of replacements of
equal weight.
"""

import string

# QWERTY: letters next to letters and digits next to digits, also diagonally. No punctuation keys, so that a
# substitution never adds a word boundary.
_KEYS = (
    "q:wa w:qeas e:wrsd r:etdf t:ryfg y:tugh u:yihj i:uojk o:ipkl p:ol "
    "a:qwsz s:adwezx d:sferxc f:dgrtcv g:fhtyvb h:gjyubn j:hkuinm k:jliom l:kop "
    "z:asx x:zcsd c:xvdf v:cbfg b:vngh n:bmhj m:njk "
    "1:2 2:13 3:24 4:35 5:46 6:57 7:68 8:79 9:80 0:9"
)


def _neighbours() -> dict[str, tuple[str, ...]]:
    """Read `_KEYS` into a table that keeps case: capitals have capital neighbours."""
    lower = {key: tuple(near) for key, near in (entry.split(":") for entry in _KEYS.split())}
    return lower | {key.upper(): tuple(char.upper() for char in near) for key, near in lower.items()}


NEIGHBOURS: dict[str, tuple[str, ...]] = _neighbours()

# Each cell is "seen:read,read,...": usual confusions of scanned Latin print, most of them in both directions.
# Pairs of characters are tried before single ones.
_OCR = (
    "rn:m,nn cl:d vv:w li:h,ll ii:u,n nn:m,rm ri:n fi:h,ti ll:11,Il,U tt:lt,ft "
    "a:o,e,s b:h,6 c:e,o,( d:cl,a e:c,o f:t,r g:q,9 h:b,li i:j,l,1,! j:i,; k:lc,lt l:1,I,i,| m:rn,nn "
    "n:u,ri,h o:0,c,e p:n q:g,9 r:t,n s:5,a t:f,l,r u:v,ii,n v:u,y w:vv,uu x:z y:v,g z:2,x "
    "A:4,R B:8,R C:G,( D:O,0 E:F,B F:P,E G:C,6 H:N,11 I:l,1 J:I K:X L:l M:N,rn N:M,H O:0,Q,D P:F,R "
    "Q:O,0 R:K,B S:5,8 T:I,7 U:V,LI V:U,Y W:VV X:K Y:V,T Z:2,7 "
    "0:O,o 1:l,I 2:Z,z 3:8 4:A 5:S,s 6:b,G 7:T,1 8:B,3 9:g,q"
)


def _ocr() -> dict[str, tuple[str, ...]]:
    """Read `_OCR` into a table; punctuation is added here because the comma separates there."""
    table = {seen: tuple(reads.split(",")) for seen, reads in (cell.split(":") for cell in _OCR.split())}
    return table | {".": (",",), ",": (".",), "'": ("`", ","), "-": ("~", "_")}


OCR: dict[str, tuple[str, ...]] = _ocr()

_LEET = {
    "a": "4@",
    "b": "8",
    "e": "3",
    "g": "9",
    "i": "1!",
    "l": "1",
    "o": "0",
    "s": "5$",
    "t": "7",
    "z": "2",
}

LEET: dict[str, tuple[str, ...]] = {
    key: tuple(_LEET[key.lower()]) for key in string.ascii_letters if key.lower() in _LEET
}

# Cyrillic, Greek and a few Latin letters that most fonts draw like the ASCII letter of the key.
_UNICODE = {
    "a": "\u0430\u0251", "c": "\u0441\u03f2", "d": "\u0501", "e": "\u0435", "g": "\u0261", "h": "\u04bb",
    "i": "\u0456\u0131", "j": "\u0458", "l": "\u04cf", "n": "\u0578", "o": "\u043e\u03bf",
    "p": "\u0440\u03c1", "q": "\u051b", "s": "\u0455", "u": "\u03c5", "v": "\u03bd", "w": "\u051d",
    "x": "\u0445", "y": "\u0443", "A": "\u0410\u0391", "B": "\u0412\u0392", "C": "\u0421",
    "E": "\u0415\u0395", "H": "\u041d\u0397", "I": "\u0406\u0399", "J": "\u0408", "K": "\u041a\u039a",
    "M": "\u041c\u039c", "N": "\u039d", "O": "\u041e\u039f", "P": "\u0420\u03a1", "S": "\u0405",
    "T": "\u0422\u03a4", "X": "\u0425\u03a7", "Y": "\u04ae\u03a5", "Z": "\u0396",
}  # fmt: skip


def _homoglyphs() -> dict[str, tuple[str, ...]]:
    """Join leet and Unicode lookalikes; capitals share the leet signs of their small letters."""
    table = {key: LEET.get(key, ()) + tuple(_UNICODE.get(key, "")) for key in string.ascii_letters}
    return {key: looks for key, looks in table.items() if looks}


HOMOGLYPHS: dict[str, tuple[str, ...]] = _homoglyphs()

PUNCTUATION = frozenset(string.punctuation)
