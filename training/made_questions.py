"""Make questions of what passages say: ``python -m training.made_questions english --data DIR``.

People's questions ask for details of a passage that is one of several of its article; the kit has hardly any such. So
each passage gives some: a clause of a sentence, of which one part is taken out as the answer (a number, a date, a name,
or what a verb is followed by) and asked for by its question word. Such questions are clumsy ("In what year did the
mall opened?"), and good enough to learn from what they ask: a second teacher says which passage answers (objective
"relevance"). A sentence that begins with a pronoun is asked about the article's title.

Reference: Lewis et al. 2019, "Unsupervised Question Answering by Cloze Translation".

The tables ``asked_english`` and ``asked_spanish`` have the columns question, passage. Spanish passages are Apertium's
(`training.machine_translation`), and news as it was written. Tables that are there already are not made again.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from random import Random
from typing import NamedTuple

from tiered_st.noise import seeded
from training import english, spanish
from training.question_words import ENGLISH, SPANISH, Language
from training.sources import SENTENCE_END, Source
from training.write_table import write_table

_CLAUSE = re.compile(r"[,;:–—]\s+|\s[–—-]\s|\s*\([^)]*\)\s*|[\"“”]")
_HEADING = re.compile(r"\s?## .*", re.DOTALL)  # of which nobody sees where it ends, once lines are joined
_WORDS = (6, 22)  # of a clause that is asked about


class Asked(NamedTuple):
    """A language, and the passages in it that are asked about."""

    language: Language
    sources: tuple[Source, ...]


ASKED = {
    "english": Asked(ENGLISH, (english.ARTICLES,)),
    "spanish": Asked(
        SPANISH,
        (
            *spanish.ARTICLES,
            Source("es_docs_news", ("text",), words=140, lengths=(40, 140)),
        ),
    ),
}


def questions(passage: str, title: str, language: Language, rng: Random, count: int) -> Iterator[str]:
    """Yield up to ``count`` questions, each of another sentence of the passage.

    Args:
        passage: whose sentences are asked about; its first may have been cut, and is asked about too.
        title: of what it speaks; "" where that is not known: pronouns are left in their place then.
        language: of both.
        rng: what is drawn from.
        count: at most.
    """
    sentences = SENTENCE_END.split(passage)
    rng.shuffle(sentences)
    made = (found for sentence in sentences if (found := question(sentence, title, language, rng)))
    yield from islice(made, count)


def question(sentence: str, title: str, language: Language, rng: Random) -> str | None:
    """Return what asks for a part of a sentence, None where no part of it can be asked for."""
    if title and (pronoun := language.pronouns.match(sentence)):
        sentence = f"{title} {sentence[pronoun.end() :].lstrip()}"
    parts = (part.strip(" .!?") for part in _CLAUSE.split(_HEADING.sub("", sentence)) if part)
    clauses = [
        part
        for part in parts
        if _WORDS[0] <= part.count(" ") + 1 <= _WORDS[1]
        and language.verb.search(part)
        and not language.joined.match(part)
    ]
    rng.shuffle(clauses)
    for clause in clauses:
        found = [
            (match, words) for pattern, words in language.answers if (match := _one(pattern, clause, rng)) is not None
        ]
        if found:
            return _asked(clause, *found[min(int(rng.expovariate(1.0)), len(found) - 1)], language, rng)
    return None


def _one(pattern: re.Pattern[str], clause: str, rng: Random) -> re.Match[str] | None:
    matches = [match for match in pattern.finditer(clause) if match[0].count(" ") + 3 < clause.count(" ")]
    return rng.choice(matches) if matches else None


def _asked(clause: str, answer: re.Match[str], words: Sequence[str], language: Language, rng: Random) -> str:
    """Return a question for an answer that stands in a clause."""
    before, after = clause[: answer.start()].split(), clause[answer.end() :].split()
    asking = [rng.choice(words)]
    if kept := answer.groupdict().get("kept"):
        asking.append(kept)
    if before and before[0][:1].isupper() and not (before[1:] and before[1][:1].isupper()) and len(before[0]) < 4:
        before[0] = before[0].lower()  # "The", "In", "A"
    if before and language.auxiliaries:  # what begins with its answer has the order of a question: "Who found …"
        at = next((i for i, word in enumerate(before) if word in language.auxiliaries), None)
        asking.append(before.pop(at) if at is not None else rng.choice(language.support))
    return f"{language.opening}{' '.join(asking + before + after)}?"


def table(asked: Asked, data: Path, count: int) -> dict[str, list[str]]:
    """Return the columns of a language's table, ``count`` questions of each passage at most."""
    found = {}
    for source in asked.sources:
        for row in source.rows(data):
            title = str(row.get("title") or "").partition(" (")[0]
            for passage in source.texts_of(row):
                for text in questions(passage, title, asked.language, seeded("asked", passage), count):
                    found[text] = passage
    return {"question": list(found), "passage": list(found.values())}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0].partition(":")[0] + ".")
    parser.add_argument("language", choices=sorted(ASKED))
    parser.add_argument("--data", type=Path, required=True, help="folder of the tables that are asked about")
    parser.add_argument("--out", type=Path, help="folder of the new one (default: that of --data)")
    parser.add_argument("--count", type=int, default=2, help="questions of a passage at most (default 2)")
    args = parser.parse_args(argv)
    if args.count < 1:
        parser.error(f"--count {args.count} must be 1 or more")
    path = (args.out or args.data) / f"asked_{args.language}.parquet"
    if path.exists():
        print(f"{path} is there already")
        return 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        columns = table(ASKED[args.language], args.data, args.count)
        write_table(path, columns)
        print(f"{path}: {len(columns['question']):,} questions")
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
