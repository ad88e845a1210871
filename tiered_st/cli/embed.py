"""Do what `tiered-st embed` asks: more texts than one process holds, into a folder of parquet parts."""

from __future__ import annotations

import sys
from argparse import Namespace
from itertools import islice

from tiered_st.cli.common import OK, SKIPPED, count_of, explained, progress, report
from tiered_st.records.rows import InputError
from tiered_st.scale import Embeddings
from tiered_st.scale import embed as embed_all
from tiered_st.scale.embed_block import BLANK
from tiered_st.scale.job import WHERE_THERE_IS_ONE
from tiered_st.scale.part import TEXT

NAMED = 20  # rows that were set aside are named on stderr, at the most; there may be millions


def embed(args: Namespace) -> int:
    """Embed the sources into the target, and go on where an earlier run stopped."""
    carried = [name for name in args.columns.split(",") if name]
    if TEXT in carried and (args.no_text or args.field not in (None, TEXT)):
        raise InputError(f"--columns {TEXT}: is the name of the column that the text is carried along in: leave it out")
    id = None if args.no_id_field else args.id_field or f"id{WHERE_THERE_IS_ONE}"
    with explained():
        found = embed_all(
            args.input, args.output, model=args.model, text=args.field or "text", id=id,
            columns=list(dict.fromkeys([*([] if args.no_text else [TEXT]), *carried])),
            dtype=args.dtype, backend=args.backend, workers=args.workers, ray=True if args.ray else None,
            threads=args.threads, device=args.device, batch_size=args.batch_size, part_rows=args.part_rows,
            format=args.format, encoding=args.encoding, on_error=args.on_error, restart=args.restart,
            progress=progress(args),
        )  # fmt: skip
    blank, broken = found.meta["blank"], found.rejected - found.meta["blank"]
    summary = f"{count_of(found.count, 'embedding')} of {found.dimension} dimensions in {found.folder}"
    summary += f"; {count_of(blank, 'blank text')} left out" if blank else ""
    if broken:
        _name_broken(found, broken)
        print(f"{summary}; {count_of(broken, 'row')} set aside: see rejected.jsonl", file=sys.stderr)
    elif not args.quiet:
        print(summary, file=sys.stderr)
    return SKIPPED if broken else OK


def _name_broken(found: Embeddings, broken: int) -> None:
    rows = (row for row in found.set_aside() if row["reason"] != BLANK)
    for row in islice(rows, NAMED):
        report(f"{row['where']}: skipped: {row['reason']}")
    if broken > NAMED:
        report(f"… and {broken - NAMED:,} more")
