"""How languages ask for a part of a sentence, by patterns: what `training.made_questions` makes questions by."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAME = r"[A-ZÁÉÍÓÚÑ][\w'’.-]+(?:\s+(?:(?:of|the|de|del|la|and|y)\s+)?[A-ZÁÉÍÓÚÑ0-9][\w'’.-]*)*"


@dataclass(frozen=True)
class Language:
    """How a language asks.

    Attributes:
        answers: patterns of an answer, with what may be before it, and the words that ask for it; the first that fits
            is taken more often than those after it. A group "kept" stays in the question, behind its word.
        verb: without one a clause says nothing that could be asked for.
        joined: words that a clause does not begin with, if it is to say something by itself.
        pronouns: with which a sentence may begin that says nothing of whom it speaks.
        auxiliaries: verbs that stand behind the question word; none where the order of words stays as it is.
        support: what stands there where there is none of them.
        opening: mark of a question.
    """

    answers: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...]
    verb: re.Pattern[str]
    joined: re.Pattern[str]
    pronouns: re.Pattern[str]
    auxiliaries: frozenset[str] = frozenset()
    support: tuple[str, ...] = ()
    opening: str = ""


def _answers(*rows: tuple[str, tuple[str, ...]]) -> tuple[tuple[re.Pattern[str], tuple[str, ...]], ...]:
    return tuple((re.compile(pattern), words) for pattern, words in rows)


def _behind(words: str) -> str:
    """Return what may follow a name that is all of a noun phrase: it is no "World Cup" of "World Cup match"."""
    return rf"(?=$|\s(?:{words})\b)"


_ABOUT = r"(?:\b(?:about|over|nearly|approximately|around|more than|at least)\s+)?"
_MONTH = "January|February|March|April|May|June|July|August|September|October|November|December"

ENGLISH = Language(
    answers=_answers(
        (
            r"\b(?:in|since|by|from|until|during|on|after|before|around)\s+(?:the\s+)?(?:(?:early|late|mid)\s+)?"
            rf"(?:\d{{1,2}}\s+)?(?:(?:{_MONTH})\s*)?(?:\d{{1,2}}\b\s*)?(?:1\d{{3}}|20\d{{2}})?s?\b"
            r"(?<=\d|[yhletr])",  # a year or a month, not the preposition alone
            ("When", "In what year", "When"),
        ),
        (_ABOUT + r"[$£€]\s?\d[\d,.]*(?:\s(?:million|billion))?", ("How much",)),
        (_ABOUT + r"\b\d[\d,.]*\s?(?:%|percent)", ("What percentage", "How much")),
        (
            r"\b(?:a|the|about|over|nearly|approximately|around|more than|at least)?\s*\b(?:\d[\d,]*(?:\.\d+)?|two|"
            r"three|four|five|six|seven|eight|nine|ten|twelve|twenty|hundreds of|thousands of)\s+"
            r"(?P<kept>[a-z]{3,}s)\b",
            ("How many",),
        ),
        (rf"\b(?:in|at|from|near|to)\s+(?:the\s+)?{_NAME}", ("Where", "Where", "In what place")),
        (rf"\bby\s+(?:the\s+)?{_NAME}", ("By whom", "Who", "By what")),
        (
            rf"\b(?:[Tt]he\s+)?{_NAME}"
            + _behind(r"is|are|was|were|has|had|and|or|in|on|at|as|of|for|to|with|from|who|which|that|when|\w+ed")
            + r"(?<!\bThe)(?<!\bIn)",
            ("Who", "What", "Which one", "Who"),
        ),
        (r"\b(?:because|in order to|so that|due to)\s+.+$", ("Why",)),
        (r"\b(?:the|an?)\s+(?:[a-z]+\s+){1,3}(?:of\s+(?:the\s+)?\w+)?$", ("What", "What", "What kind of thing")),
    ),
    verb=re.compile(
        r"\b(?:is|are|was|were|has|have|had|can|could|will|would|may|might|must|did|does|do|became|began|led|made|won|"
        r"lost|took|held|found|wrote|ran|gave|met|left|built|grew|rose|fell|[a-z]{2,}ed)\b"
    ),
    joined=re.compile(
        r"(?:and|but|or|which|who|whose|where|when|that|also|as|after|before|including|such|notably|with|although|"
        r"though|while|because|so|then|thus|however|not)\b",
        re.IGNORECASE,
    ),
    pronouns=re.compile(r"(?:He|She|It|They|His|Her|Its|Their|This|These)\b"),
    auxiliaries=frozenset(
        ("is", "are", "was", "were", "has", "have", "had", "can", "could", "will", "would", "may", "might", "must",
         "should", "did", "does", "do")
    ),
    support=("did", "did", "does", "do"),
)  # fmt: skip

_MES = "enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre"

SPANISH = Language(
    answers=_answers(
        (
            r"\b(?:en|desde|hasta|durante|hacia|de|el)\s+(?:el\s+)?(?:\d{1,2}\s+de\s+)?"
            rf"(?:(?:{_MES})\s*)?(?:de\s+)?(?:1\d{{3}}|20\d{{2}})\b",
            ("Cuándo", "En qué año", "Cuándo"),
        ),
        (r"\b\d[\d.,]*\s?(?:%|por ciento)", ("Qué porcentaje",)),
        (
            r"\b(?:los|las|unos|unas|más de|casi)?\s*\b(?:\d[\d.,]*|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|"
            r"doce|veinte)\s+(?P<kept>[a-záéíóúñ]{3,}s)\b",
            ("Cuántos", "Cuántas"),
        ),
        (rf"\b(?:en|desde|hacia)\s+(?:el\s+|la\s+)?{_NAME}", ("Dónde", "En qué lugar")),
        (rf"\bpor\s+(?:el\s+|la\s+)?{_NAME}", ("Por quién", "Quién")),
        (
            rf"\b(?:[Ee]l\s+|[Ll]a\s+)?{_NAME}"
            + _behind(
                r"es|son|era|eran|fue|fueron|ha|han|había|y|o|en|de|para|a|con|que|como|\w+(?:ó|aron|ieron)"
            )
            + r"(?<!\bEl)(?<!\bLa)(?<!\bEn)",
            ("Quién", "Qué", "Cuál", "Quién"),
        ),
        (r"\b(?:porque|debido a|para que)\s+.+$", ("Por qué",)),
        (r"\b(?:el|la|los|las|un|una)\s+(?:[a-záéíóúñ]+\s*){1,3}$", ("Qué", "Qué", "Cuál")),
    ),
    verb=re.compile(
        r"\b(?:es|son|era|eran|fue|fueron|está|están|estaba|ha|han|había|tiene|tienen|tenía|puede|pueden|"
        r"\w{2,}(?:ó|aron|ieron|aba|aban|ía|ían))\b"
    ),
    joined=re.compile(
        r"(?:y|e|pero|o|que|quien|cuyo|cuya|donde|cuando|también|como|después|antes|incluyendo|con|aunque|mientras|"
        r"porque|así|entonces|sin|no)\b",
        re.IGNORECASE,
    ),
    pronouns=re.compile(r"(?:Él|Ella|Ellos|Ellas|Su|Sus|Este|Esta|Esto|Estos|Estas|Lo)\b"),
    opening="¿",
)  # fmt: skip
