"""Misspellings that people made."""

import random
from collections.abc import Iterable
from pathlib import Path
from re import compile as regex

from tiered_st.noise.draws import hits
from tiered_st.noise.edits import edited

_WORD = regex(r"[^\W_]+(?:['’-][^\W_]+)*")


def recase(misspelt: str, word: str) -> str:
    """Write `misspelt` in the case of `word`; words of mixed case (iPhone) take it as listed."""
    if word.islower():
        return misspelt.lower()
    if len(word) > 1 and word.isupper():
        return misspelt.upper()
    if word[0].isupper() and word[1:] == word[1:].lower():
        return misspelt[:1].upper() + misspelt[1:].lower()
    return misspelt


class Misspellings:
    """Replace words by misspellings that people made, from a list of (misspelt, correct) pairs.

    Words are looked up whatever their case. Pairs with an empty side or equal but for case are left out.
    """

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        listed: dict[str, dict[str, None]] = {}
        for misspelt, correct in pairs:
            if misspelt and correct and misspelt.lower() != correct.lower():
                listed.setdefault(correct.lower(), {})[misspelt] = None
        self._listed = {correct: tuple(misspelt) for correct, misspelt in listed.items()}

    @classmethod
    def from_parquet(cls, path: str | Path, *, human_only: bool = False) -> "Misspellings":
        """Read columns `misspelt` and `correct`; with `human_only`, only the rows whose `human_list` is true.

        Raises:
            FileNotFoundError: If there is no file at `path`.
            ValueError: If a column is missing.
        """
        from pyarrow import parquet  # here, because pyarrow is no dependency of inference

        if not Path(path).is_file():
            raise FileNotFoundError(f"no list of misspellings at {path}")
        columns = ["misspelt", "correct"] + ["human_list"] * human_only
        if missing := set(columns) - set(parquet.read_schema(path).names):
            raise ValueError(f"{path} has no column {', '.join(sorted(missing))}")
        table = parquet.read_table(path, columns=columns).to_pydict()
        keep = table["human_list"] if human_only else [True] * len(table["correct"])
        rows = zip(table["misspelt"], table["correct"], keep, strict=True)
        return cls((misspelt, correct) for misspelt, correct, kept in rows if kept)

    def __len__(self) -> int:
        """Count the correct words that have a misspelling."""
        return len(self._listed)

    def __call__(self, text: str, rate: float, rng: random.Random) -> str:
        """Replace each listed word with probability `rate` by one of its misspellings, in the same case."""
        words = list(_WORD.finditer(text))
        edits: list[tuple[int, int, str]] = []
        for place in hits(len(words), rate, rng):
            word = words[place]
            if misspelt := self._listed.get(word[0].lower()):
                chosen = misspelt[int(rng.random() * len(misspelt))]
                edits.append((*word.span(), recase(chosen, word[0])))
        return edited(text, edits)
