"""Translate English training texts by Apertium's rules: ``python -m training.machine_translation eng-spa --data DIR``.

What a second language lacks most is passages, and questions with what answers them. A translator of rules, whose words
are right more often than its grammar, makes them of the English ones in minutes on a CPU: the teacher's vector of the
English text is what the translation aims at. Apertium and the pair come from their own packages (Debian's is
``apertium-eng-spa``). The tables, for `training.spanish` or a recipe of yours:

- ``translated_PAIR_passages`` and ``translated_PAIR_questions``: text, translation;
- ``translated_PAIR_searches``: question, passage, question_translation, passage_translation.

Those that are there already are not made again.
"""

from __future__ import annotations

import argparse
import logging
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tiered_st.files import replace_file
from training.english import TRANSLATED_PASSAGES, TRANSLATED_QUESTIONS, TRANSLATED_SEARCHES
from training.sources import Source

logger = logging.getLogger(__name__)
_RESERVED, _ESCAPE = re.compile(r"[\[\]{}^$/\\@<>]"), r"\\\g<0>"  # in Apertium's streams
_ESCAPED = re.compile(r"\\(.)")
_MARKED = re.compile(r"\[(\d+)\](.*?)\.?\[\]", re.DOTALL)
_PART = 500  # texts that one process of Apertium reads


def table_of(kind: str, pair: str) -> str:
    """Return the name of a table of a kind: passages, questions or searches."""
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


def translate_texts(
    sources: Sequence[Source], pair: str, data: Path | None, processes: int = 2
) -> dict[str, list[str]]:
    """Return the columns of a table of single texts: text, translation.

    Args:
        sources: what texts are taken from.
        pair: of Apertium.
        data: the folder of the sources' tables.
        processes: that translate at once.

    Raises:
        ValueError: As `translate` does, or if a source's table is missing.
    """
    found = translate((text for source in sources for text in source.texts(data)), pair, processes)
    return {"text": list(found), "translation": list(found.values())}


def translate_searches(
    sources: Sequence[Source], pair: str, data: Path | None, processes: int = 2
) -> dict[str, list[str]]:
    """Return the columns of a table of searches: question, passage, question_translation, passage_translation.

    Args and Raises: As `translate_texts`.
    """
    asked = list(dict.fromkeys(row[:2] for source in sources for row in source.pairs(data)))
    found = translate((side for both in asked for side in both), pair, processes)
    sides = {"question": [question for question, _ in asked], "passage": [passage for _, passage in asked]}
    return sides | {f"{name}_translation": [found[text] for text in side] for name, side in sides.items()}


def _write(path: Path, columns: dict[str, list[str]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with replace_file(path) as beside:
        pq.write_table(pa.table(columns), beside, compression="zstd", compression_level=12)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0].partition(":")[0] + ".")
    parser.add_argument("pair", help="of Apertium: eng-spa")
    parser.add_argument("--data", type=Path, required=True, help="folder of the English tables")
    parser.add_argument("--out", type=Path, help="folder of the new ones (default: that of --data)")
    parser.add_argument("--processes", type=int, default=2, help="that translate at once (default 2)")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    if args.processes < 1:
        parser.error(f"--processes {args.processes} must be 1 or more")
    out = args.out or args.data
    kinds = {
        "passages": partial(translate_texts, TRANSLATED_PASSAGES),
        "questions": partial(translate_texts, TRANSLATED_QUESTIONS),
        "searches": partial(translate_searches, TRANSLATED_SEARCHES),
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        for kind, make in kinds.items():
            path = out / f"{table_of(kind, args.pair)}.parquet"
            if path.exists():
                print(f"{path} is there already")
                continue
            columns = make(args.pair, args.data, args.processes)
            _write(path, columns)
            print(f"{path}: {len(next(iter(columns.values()))):,} {kind}")
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
