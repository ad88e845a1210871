"""`tiered-st search`: answer queries from an index, as a table or as JSON."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from itertools import islice
from pathlib import Path

from tiered_st.cli.backends import load_model
from tiered_st.cli.common import OK, SKIPPED, count_of, explained, model_of, open_index, report
from tiered_st.cli.console import clip, one_line, terminal_width
from tiered_st.files import standing
from tiered_st.indexes import Hit
from tiered_st.records import RecordReader
from tiered_st.records.rows import InputError

QUERY_BLOCK = 32  # few, so that whoever feeds questions through a pipe sees answers soon


def search(args: Namespace) -> int:
    """Answer queries from an index."""
    typed = not args.query and sys.stdin is not None and sys.stdin.isatty()
    reader = RecordReader(["-"], format="text", skip=args.on_error == "skip", encoding=args.encoding, report=report)
    if not (standing(args.index) / "meta.json").is_file():
        raise InputError(f"{args.index}: there is no index: tiered-st index FILE -o {args.index} builds one")
    model = load_model(args.model or model_of(Path(args.index)), args)
    with explained():
        found = open_index(Path(args.index), model)
    if typed and not args.quiet:
        print("One question per line; Ctrl-D ends.", file=sys.stderr)
    width = terminal_width(sys.stdout) if args.width is None else args.width
    queries = iter(args.query) if args.query else (record.text for record in reader)
    size = 1 if typed else QUERY_BLOCK
    answered = blank = 0
    while block := list(islice(queries, size)):
        asked = [query for query in block if query.strip()]
        answered += len(asked)
        blank += len(block) - len(asked)
        with explained():
            answers = found.search(asked, args.k)
        for query, hits in zip(asked, answers, strict=True):
            print(_as_json(query, hits) if args.json else _as_table(query, hits, width), flush=True)
    if not answered:
        raise InputError("no question was asked: give a QUERY, or lines on standard input")
    if blank and not args.quiet:
        print(f"{count_of(blank, 'blank line')} asked nothing", file=sys.stderr)
    return SKIPPED if reader.skipped else OK


def _as_json(query: str, hits: list[Hit]) -> str:
    rows = [{"id": hit.id, "score": round(hit.score, 6), "text": hit.text} for hit in hits]
    return json.dumps({"query": query, "hits": rows})


def _as_table(query: str, hits: list[Hit], width: int) -> str:
    """Lay out hits as score, id and text, clipped to ``width`` columns; 0 clips nothing."""
    ids = [one_line(hit.id) for hit in hits]
    column = max(map(len, ids), default=0)
    if width:
        column = min(column, max(width // 3, 8))
    lines = [one_line(query)]
    for hit, id in zip(hits, ids, strict=True):
        head = f"  {hit.score:6.3f}  {clip(id, column) if width else id:<{column}}  "
        lines.append(head + (clip(hit.text, max(width - len(head), 10)) if width else one_line(hit.text)))
    return "\n".join(lines if hits else [*lines, "  (the index is empty)"]) + "\n"
