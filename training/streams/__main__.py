"""Say what streaming costs: `python -m training.streams --rows 1000000` writes tables, walks through them, measures.

The tables are parquet in shards, their texts made up of numbers; one epoch of batches is drawn as training draws them.
One line of JSON is printed: texts, texts that were held at once at most, seconds, texts a second, and the process's
peak memory before and after the walk, in MB.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tiered_st.noise import NoisePolicy
from training.sources import Source
from training.streams.stream_config import StreamConfig
from training.streams.streams import Streams
from training.tasks import Noise, TextTask
from training.words import count_chunks


def write_tables(folder: Path, rows: int, shards: int) -> None:
    """Write texts of a dozen words in shards, some hundred bytes each."""
    folder.mkdir(parents=True)
    for shard in range(shards):
        schema = pa.schema([("text", pa.string())])
        with pq.ParquetWriter(folder / f"{shard:05d}.parquet", schema) as writer:
            numbers = range(shard * rows // shards, (shard + 1) * rows // shards)
            for start in range(0, len(numbers), 10_000):
                texts = [
                    " ".join(f"word{number * prime % 9973}" for prime in (3, 5, 7, 11, 13, 17, 19, 23))
                    + f" of {number}"
                    for number in numbers[start : start + 10_000]
                ]
                writer.write_table(pa.table({"text": texts}))


def measure(data: Path, buffer: int, batch: int, kept: int, count: bool) -> dict[str, float]:
    """Walk through the texts in ``data`` once, and return what it took."""
    source = Source("texts", ("text",))
    streams = Streams(StreamConfig(buffer=buffer), 0, data, data / "cache", kept)
    noise = Noise(NoisePolicy(weights=()), None, 0.0, "")
    task = streams.task("texts", (source,), partial(TextTask, noise=noise, batch=batch, views=0), batch, None)
    writer, before, start = streams.writer_of(task), peak(), time.perf_counter()
    if count:
        for texts in writer.cut_from(0):
            count_chunks(texts)
    met, draw = 0, 0
    while (place := writer.open(draw, batch)).epoch == 0:
        for draw in range(place.first, place.end, batch):
            met += len(task.rows(list(range(draw, draw + batch))))
        draw = place.end
    seconds = time.perf_counter() - start
    return {
        "texts": met, "held": writer.most, "seconds": round(seconds, 2), "texts_per_second": round(met / seconds),
        "peak_mb_before": before, "peak_mb": peak(),
    }  # fmt: skip


def peak() -> float:
    """Return the most memory that this process has had, in MB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(most / (1 << 20 if sys.platform == "darwin" else 1 << 10), 1)


def main() -> None:
    """Parse arguments, measure and print."""
    parser = argparse.ArgumentParser(prog="python -m training.streams", description=__doc__.split("\n\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--shards", type=int, default=8)
    parser.add_argument("--stream", type=int, default=StreamConfig.buffer, help="texts of a window")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--keep-windows", type=int, default=4)
    parser.add_argument("--words", action="store_true", help="count the words in a pass of its own before")
    parser.add_argument("--dir", type=Path, help="folder for the tables, removed afterwards (default: a temporary one)")
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=args.dir))
    try:
        write_tables(folder / "texts", args.rows, args.shards)
        print(json.dumps(measure(folder, args.stream, args.batch, args.keep_windows, args.words)))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
