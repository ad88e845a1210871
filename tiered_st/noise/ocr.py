"""Misread shapes as a scanner does."""

import random

from tiered_st.noise.draws import hits

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

# Levenshtein edits per character of English, spaces counted, that misreading every confusable would make:
# 0.95 on captions, 0.96 on Wikipedia. add_ocr_errors divides by it to reach the character error rate.
OCR_COVERAGE = 0.96


def add_ocr_errors(text: str, rate: float, rng: random.Random) -> str:
    """Misread shapes as a scanner does (rn → m, l → 1, O → 0), at a character error rate of about `rate`.

    Each confusable character or pair is misread with probability `rate / OCR_COVERAGE`, at most 1. This fits
    English; text with fewer confusables comes out cleaner.
    """
    out, done = list(text), 0
    for place in hits(len(out), rate, rng, gain=1.0 / OCR_COVERAGE):
        width = 2 if text[place : place + 2] in OCR else 1
        reads = OCR.get(text[place : place + width])
        if reads and place >= done:
            done = place + width
            out[place:done] = [reads[int(rng.random() * len(reads))], ""][:width]
    return "".join(out)
