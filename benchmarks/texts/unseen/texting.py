"""English as it is typed on phones: listed short forms, and long words without their inner vowels."""

from __future__ import annotations

import random
import re

from benchmarks.texts.meaning_changes import like
from tiered_st.noise.draws import hits
from tiered_st.noise.edits import edited

_WORD = re.compile(r"[A-Za-z]+(?:['’][A-Za-z]+)*")
_INNER = re.compile(r"(?<=.)[aeiou]+(?=.)", re.IGNORECASE)
LONG = 5  # letters of a word that loses its vowels
_SHORT = (
    "you:u are:r your:ur you're:ur to:2 too:2 for:4 be:b see:c why:y and:n okay:k great:gr8 late:l8 later:l8r "
    "wait:w8 mate:m8 before:b4 tonight:2nite today:2day tomorrow:2moro,tmrw because:bc,cuz people:ppl please:pls,plz "
    "though:tho through:thru thanks:thx thank:thx with:w/ without:w/o what:wat,wut that:dat the:da,teh this:dis "
    "them:em have:hv love:luv message:msg text:txt picture:pic pictures:pics favorite:fav really:rly "
    "probably:prob,prolly about:abt something:smth someone:sm1 anyone:ne1 everyone:every1 nothing:nuthin "
    "going:goin,gonna want:wanna got:gt know:kno don't:dont can't:cant i'm:im it's:its isn't:isnt won't:wont "
    "doesn't:doesnt didn't:didnt could:cud should:shud would:wud good:gd night:nite right:rite back:bk weekend:wknd "
    "week:wk year:yr years:yrs minute:min minutes:mins hour:hr hours:hrs number:no. between:btwn government:govt "
    "school:skool friend:frnd friends:frnds birthday:bday brother:bro sister:sis information:info photo:foto "
    "phone:fone which:wich where:whr when:wen who:hu how:hw from:frm just:jus like:lyk them:dem they:dey there:der "
    "their:der was:wz is:iz has:hs one:1 two:2 four:4 eight:8 won:1"
)
SHORT: dict[str, tuple[str, ...]] = {
    word: tuple(forms.split(",")) for word, forms in (entry.split(":") for entry in _SHORT.split())
}


def abbreviate(text: str, rate: float, rng: random.Random) -> str:
    """Shorten each word with probability ``rate``: as listed, or a long one by leaving out the vowels inside it.

    Raises:
        ValueError: If ``rate`` is not in [0, 1].
    """
    words = list(_WORD.finditer(text))
    edits: list[tuple[int, int, str]] = []
    for place in hits(len(words), rate, rng):
        found = words[place]
        word = found[0]
        if forms := SHORT.get(word.lower().replace("’", "'")):
            word = like(forms[int(rng.random() * len(forms))], word)
        elif len(word) >= LONG:
            word = _INNER.sub("", word)
        edits.append((*found.span(), word))
    return edited(text, edits)
