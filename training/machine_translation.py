"""Translate training texts by Apertium's rules: ``python -m training.machine_translation eng-spa --data DIR``.

What a second language lacks most is passages, and questions with what answers them. A translator of rules, whose words
are right more often than its grammar, makes them of the English ones in minutes on a CPU: the teacher's vector of the
English text is what the translation aims at. Apertium and the pair come from their own packages (Debian's is
``apertium-eng-spa``). The tables, for `training.spanish` or a recipe of yours:

- ``translated_PAIR_passages``, ``translated_PAIR_articles`` and ``translated_PAIR_questions``: text, translation;
- ``translated_PAIR_searches``: question, passage, question_translation, passage_translation.

The other way, ``spa-eng``, makes ``translated_PAIR_texts`` of Spanish texts as they were written, sentences and
passages: there the rules' grammar is no more than in what the teacher reads (Sennrich et al. 2016, back-translation).

Those that are there already are not made again.
"""

from __future__ import annotations

import argparse
import logging
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from training.english import TRANSLATED_ARTICLES, TRANSLATED_PASSAGES, TRANSLATED_QUESTIONS, TRANSLATED_SEARCHES
from training.sources import Source
from training.spanish import TRANSLATED_BACK
from training.write_table import write_table

logger = logging.getLogger(__name__)
_RESERVED, _ESCAPE = re.compile(r"[\[\]{}^$/\\@<>]"), r"\\\g<0>"  # in Apertium's streams
_ESCAPED = re.compile(r"\\(.)")
_MARKED = re.compile(r"\[(\d+)\](.*?)\.?\[\]", re.DOTALL)
_TRANSLATION = {"text": "translation", "question": "question_translation", "passage": "passage_translation"}
_PART = 500  # texts that one process of Apertium reads


def table_of(kind: str, pair: str) -> str:
    """Return the name of a table of a kind: passages, articles, questions, searches or texts."""
    return f"translated_{pair}_{kind}"


def translate(texts: Iterable[str], pair: str, processes: int = 2) -> dict[str, str]:
    """Return the translation of each text.

    Args:
        texts: any; each is translated once, as one line; what Apertium mixes up stays as it is, with a warning.
        pair: of Apertium, e.g. "eng-spa"; its words that it does not know stay as they are.
        processes: that translate at once.

    Raises:
        ValueError: If Apertium, or the pair, is not installed.
    """
    if shutil.which("apertium") is None:
        raise ValueError("Apertium is not installed: `apt-get install apertium-eng-spa`, or see apertium.org.")
    read = {text: _one_line(text) for text in texts}
    distinct = list(dict.fromkeys(line for line in read.values() if line))
    parts = [distinct[start : start + _PART] for start in range(0, len(distinct), _PART)]
    found: dict[str, str] = {}
    with ThreadPoolExecutor(processes) as pool:
        for number, translated in enumerate(pool.map(partial(_translated, pair), parts), 1):
            found.update(translated)
            if number % 20 == 0:
                logger.info("%d of %d texts", len(found), len(distinct))
    if lost := [line for line in distinct if line not in found]:
        logger.warning("%d texts came back mixed up, and stay as they are; the first: %r", len(lost), lost[0][:80])
    return {text: found.get(line, line) for text, line in read.items()}


def _translated(pair: str, texts: Sequence[str]) -> dict[str, str]:
    """Return the translations of some texts, none of them empty or with a line break.

    Each goes with its number and an end of its own, up to which Apertium reads it by itself: words on both sides of a
    line break become one sentence, in the order of the other language. What comes back without them is left out.
    """
    marked = (f"[{number}]{_RESERVED.sub(_ESCAPE, text)} .[]\0" for number, text in enumerate(texts))
    command = ["apertium", "-z", "-f", "none", "-u", pair]
    given = "".join(marked).encode("utf-8", "replace")
    run = subprocess.run(command, input=given, capture_output=True, check=False)
    found = [_MARKED.fullmatch(part.strip()) for part in run.stdout.decode("utf-8", "replace").split("\0")]
    if run.returncode or not any(found):
        said = run.stderr.decode("utf-8", "replace").strip() or "nothing came back"
        raise ValueError(f"Apertium did not translate by {pair}: {said}. `apertium -l` lists the installed pairs.")
    return {texts[int(match[1])]: _one_line(_ESCAPED.sub(r"\1", match[2])) for match in found if match}


def _one_line(text: str) -> str:
    return " ".join(text.replace("\0", " ").split())


def texts_of(sources: Sequence[Source], data: Path) -> dict[str, list[str]]:
    """Return the distinct texts of sources as a column."""
    return {"text": list(dict.fromkeys(text for source in sources for text in source.texts(data)))}


def searches_of(sources: Sequence[Source], data: Path) -> dict[str, list[str]]:
    """Return the distinct questions and passages of sources as columns."""
    asked = dict.fromkeys(row[:2] for source in sources for row in source.pairs(data))
    return {"question": [question for question, _ in asked], "passage": [passage for _, passage in asked]}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0].partition(":")[0] + ".")
    parser.add_argument("pair", help="of Apertium: eng-spa, or spa-eng for Spanish texts")
    parser.add_argument("--data", type=Path, required=True, help="folder of the tables that are translated")
    parser.add_argument("--out", type=Path, help="folder of the new ones (default: that of --data)")
    parser.add_argument("--processes", type=int, default=2, help="that translate at once (default 2)")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    if args.processes < 1:
        parser.error(f"--processes {args.processes} must be 1 or more")
    out = args.out or args.data
    kinds: dict[str, dict[str, Callable[[Path], dict[str, list[str]]]]] = {
        "eng": {
            "passages": partial(texts_of, TRANSLATED_PASSAGES),
            "articles": partial(texts_of, TRANSLATED_ARTICLES),
            "questions": partial(texts_of, TRANSLATED_QUESTIONS),
            "searches": partial(searches_of, TRANSLATED_SEARCHES),
        },
        "spa": {"texts": partial(texts_of, TRANSLATED_BACK)},
    }
    found: dict[str, str] = {}
    try:
        language = args.pair.partition("-")[0]
        if language not in kinds:
            raise ValueError(
                f"{args.pair}: there are lists of texts in {' and '.join(kinds)} alone, not in {language}."
            )
        out.mkdir(parents=True, exist_ok=True)
        for kind, read in kinds[language].items():
            path = out / f"{table_of(kind, args.pair)}.parquet"
            if path.exists():
                print(f"{path} is there already")
                continue
            columns = read(args.data)
            new = (text for column in columns.values() for text in column if text not in found)
            found |= translate(new, args.pair, args.processes)  # passages are found by searches too
            translated = {_TRANSLATION[name]: [found[text] for text in column] for name, column in columns.items()}
            write_table(path, columns | translated)
            print(f"{path}: {len(next(iter(columns.values()))):,} {kind}")
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
