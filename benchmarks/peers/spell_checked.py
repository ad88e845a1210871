"""Baseline `minilm+symspell`: a spell-checker repairs the text, then the model reads it.

Notable choices:

- SymSpell (symspellpy) with the dictionaries it ships: 82,765 English words, 243,342 pairs of neighbours.
- "words" corrects each word that the dictionary does not have, leaving case, digits and punctuation around it alone.
  "compound" is SymSpell's own way with sentences (`lookup_compound`): it also splits and joins words and weighs pairs
  of neighbours, and writes everything in lower case without punctuation.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from benchmarks.peers.optional import need
from tiered_st.fingerprint import weights_fingerprint

EDITS = 2  # distance to the farthest correction: SymSpell's default
WAYS = ("words", "compound")
WORDS, PAIRS = "frequency_dictionary_en_82_765.txt", "frequency_bigramdictionary_en_243_342.txt"
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


class SpellChecked:
    """A model that reads what a spell-checker makes of a text.

    Args:
        model: Anything with sentence-transformers' `encode`.
        way: One of `WAYS`.
        folder: Where the dictionaries are; by default symspellpy's own.
    """

    def __init__(self, model: Any, *, way: str = "words", folder: Path | None = None) -> None:
        if way not in WAYS:
            raise ValueError(f"a spell-checker cannot correct by {way!r}: choose from {', '.join(WAYS)}.")
        symspell = need("symspellpy", of="minilm+symspell")
        folder = folder or Path(str(symspell.__file__)).parent
        self.model, self.way = model, way
        self._closest = symspell.Verbosity.CLOSEST
        self._speller = symspell.SymSpell(max_dictionary_edit_distance=EDITS)
        self._speller.load_dictionary(folder / WORDS, term_index=0, count_index=1, encoding="utf-8-sig")
        read = [WORDS]
        if way == "compound":
            read.append(PAIRS)
            self._speller.load_bigram_dictionary(folder / PAIRS, term_index=0, count_index=2, encoding="utf-8-sig")
        parts = [weights_fingerprint(model).encode(), way.encode(), *((folder / name).read_bytes() for name in read)]
        self.revision = hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]
        self._word = lru_cache(maxsize=100_000)(self._look_up)

    @property
    def device(self) -> torch.device:
        """Where the model behind the spell-checker is."""
        return torch.device(getattr(self.model, "device", "cpu"))

    def parameters(self) -> Iterator[torch.nn.Parameter]:
        """Yield the model's weights; the dictionaries are not counted."""
        yield from self.model.parameters() if hasattr(self.model, "parameters") else ()

    def encode(self, texts: Sequence[str], **options: Any) -> Any:
        """Correct the texts and embed them."""
        return self.model.encode(list(self.correct(texts)), **options)

    def correct(self, texts: Iterable[str]) -> Iterator[str]:
        """Yield the texts as the model reads them."""
        for text in texts:
            yield self._compound(text) if self.way == "compound" else _WORD.sub(lambda at: self._word(at[0]), text)

    def _look_up(self, word: str) -> str:
        """Return the nearest word of the dictionary, the most frequent of those; the word itself where there is none.

        One letter is never corrected. Capitals come back where the whole word or its first letter had them.
        """
        if len(word) < 2:
            return word
        found = self._speller.lookup(word.lower(), self._closest, max_edit_distance=EDITS)
        if not found or found[0].distance == 0:
            return word
        best = found[0].term
        return best.upper() if word.isupper() else best.capitalize() if word[0].isupper() else best

    def _compound(self, text: str) -> str:
        found = self._speller.lookup_compound(text, max_edit_distance=EDITS, ignore_non_words=True)
        return found[0].term if found else text
