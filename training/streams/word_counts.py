"""Count the words of a stream's texts in one pass, which goes on where it was killed."""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from dataclasses import asdict
from typing import Any

from tiered_st.config import ChunkConfig
from tiered_st.files import replace_file
from training import ranks
from training.streams.window_writer import WindowWriter
from training.streams.word_counter import WordCounter
from training.teacher import DeadlinePassed
from training.words import READING, count_chunks

logger = logging.getLogger("training")

_TURN = 60.0  # seconds between what is kept, and what a kill loses


class WordCounts:
    """Count the chunks of the texts of all windows, each text once per window, and keep the counts with the windows.

    Args:
        writer: of windows of texts.
        reading: how words are read (training.words).
        limit: words held at once (WordCounter).
    """

    def __init__(self, writer: WindowWriter, reading: ChunkConfig, limit: int) -> None:
        self._writer, self._reading, self._limit = writer, reading, limit
        others = [f"{name}-{value}-" for name, value in asdict(reading).items() if value != getattr(READING, name)]
        named = "".join(other for other in others if not other.startswith("chunk_chars"))
        self.path = writer.windows.folder / f"words-{named}{reading.chunk_chars}-{limit}.json"

    def count(self, deadline: float | None = None) -> Counter[str]:
        """Return the counts; every rank must call it, rank 0 counts.

        Raises:
            DeadlinePassed: What was counted until then is kept.
        """
        while not ranks.agree(lambda: self._some(time.monotonic() + _TURN)):
            if ranks.agree(lambda: deadline is not None and time.monotonic() >= deadline):
                raise DeadlinePassed("There are texts left whose words are to be counted.")
        kept = self._kept()
        if kept["lost"]:
            logger.warning(
                "the texts have more than %d different words: counts may be up to %d too low, and rarer words are left "
                "out (StreamConfig(words=…))", self._limit, kept["lost"],
            )  # fmt: skip
        return Counter(kept["counts"])

    def _some(self, until: float) -> bool:
        """Count windows until time is up; return whether all are counted."""
        kept = self._kept()
        if kept["ended"]:
            return True
        counter, windows = WordCounter(self._limit, kept["counts"], kept["lost"]), kept["windows"]
        ended = True
        for texts in self._writer.cut_from(windows):
            counter.add(count_chunks(texts, self._reading))
            windows += 1
            if time.monotonic() >= until:
                ended = False
                break
        self.path.parent.mkdir(parents=True, exist_ok=True)
        said = {"windows": windows, "ended": ended, "lost": counter.lost, "counts": counter.counts}
        with replace_file(self.path) as beside:
            beside.write_text(json.dumps(said), encoding="utf-8")
        logger.info("words of %d windows: %d", windows, len(counter.counts))
        return ended

    def _kept(self) -> dict[str, Any]:
        if not self.path.is_file():
            return {"windows": 0, "ended": False, "lost": 0, "counts": {}}
        return json.loads(self.path.read_text(encoding="utf-8"))
