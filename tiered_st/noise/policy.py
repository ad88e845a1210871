"""Mixtures of operators for training, and the measure that calibrates them."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from tiered_st.noise.accents import drop_accents, drop_all_accents, drop_opening_marks, write_n_for_enye
from tiered_st.noise.case import change_case, lower_case, title_case, upper_case
from tiered_st.noise.lookalikes import replace_homoglyphs, write_leet
from tiered_st.noise.misspellings import Misspellings
from tiered_st.noise.ocr import add_ocr_errors
from tiered_st.noise.slips import slip_in_words, slip_once
from tiered_st.noise.spacing import drop_spaces, insert_spaces, strip_punctuation
from tiered_st.noise.spanish_chat import write_spanish_chat
from tiered_st.noise.spanish_homophones import confuse_spanish_homophones
from tiered_st.noise.spanish_sounds import misspell_by_sound
from tiered_st.noise.stretches import stretch_words
from tiered_st.noise.typos import add_spanish_typos, add_typos, delete, insert, substitute, transpose

Operator = Callable[[str, float, random.Random], str]

OPERATORS: dict[str, Operator] = {
    "typos": add_typos,
    "substitute": substitute,
    "delete": delete,
    "insert": insert,
    "transpose": transpose,
    "ocr": add_ocr_errors,
    "case": change_case,
    "drop_spaces": drop_spaces,
    "insert_spaces": insert_spaces,
    "punctuation": strip_punctuation,
    "homoglyphs": replace_homoglyphs,
    "leet": write_leet,
    "upper": upper_case,
    "lower": lower_case,
    "title": title_case,
    "one_slip": slip_once,
    "word_slips": slip_in_words,
    "accents": drop_accents,
    "all_accents": drop_all_accents,
    "stretches": stretch_words,
    # of Spanish: a mixture chooses a keyboard, as all else, by the names that it lists
    "es_typos": add_spanish_typos,
    "es_enye": write_n_for_enye,
    "es_opening_marks": drop_opening_marks,
    "es_sounds": misspell_by_sound,
    "es_homophones": confuse_spanish_homophones,
    "es_chat": write_spanish_chat,
}


@dataclass(frozen=True)
class NoisePolicy:
    """Describe a training mixture of operators; `corrupt` draws from it.

    Attributes:
        weights: (name in `OPERATORS` or "misspellings", probability of being chosen). Where they sum to less
            than 1, the other texts stay clean.
        rates: Range of the rate, drawn uniformly. "case" counts per text: there choosing it is applying it, which it
            is for no other that counts per text ("upper", "one_slip", …).
        extra_case: Probability of also changing the case: half the time to lower case, else by `change_case`.
        compound: Probability of also applying a second operator, by the same weights, at half the rate.

    Raises:
        ValueError: If a name is unknown or listed twice, or a number is not a probability.
    """

    weights: tuple[tuple[str, float], ...]
    rates: tuple[float, float] = (0.02, 0.2)
    extra_case: float = 0.0
    compound: float = 0.0

    def __post_init__(self) -> None:
        names, known = [name for name, _ in self.weights], [*OPERATORS, "misspellings"]
        if unknown := set(names) - set(known):
            raise ValueError(f"unknown operators {sorted(unknown)}, choose from {known}")
        if len(set(names)) < len(names):
            raise ValueError(f"each operator may be listed once, got {names}")
        total = sum(weight for _, weight in self.weights)
        if any(not 0.0 <= weight <= 1.0 for _, weight in self.weights) or total > 1.0 + 1e-9:
            raise ValueError(f"weights are probabilities of sum <= 1, got {self.weights}, sum {total:g}")
        if len(self.rates) != 2 or not 0.0 <= self.rates[0] <= self.rates[1] <= 1.0:
            raise ValueError(f"rates are (low, high) with 0 <= low <= high <= 1, got {self.rates}")
        for name in ("extra_case", "compound"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} is a probability in [0, 1], got {getattr(self, name)!r}")

    def corrupt(self, text: str, rng: random.Random, misspellings: Misspellings | None = None) -> str:
        """Return a noisy copy of `text`; equal states of `rng` give equal copies.

        Raises:
            ValueError: If the mixture has "misspellings" and none are passed.
        """
        if misspellings is None and any(name == "misspellings" for name, _ in self.weights):
            raise ValueError("this NoisePolicy draws from misspellings: pass a Misspellings to corrupt")
        low, high = self.rates
        rate = low + (high - low) * rng.random()
        text = self._apply(text, rate, rng, misspellings)
        if self.compound and rng.random() < self.compound:
            text = self._apply(text, rate / 2, rng, misspellings)
        if self.extra_case and rng.random() < self.extra_case:
            text = text.lower() if rng.random() < 0.5 else change_case(text, 1.0, rng)
        return text

    def _apply(self, text: str, rate: float, rng: random.Random, misspellings: Misspellings | None) -> str:
        """Apply the operator that a draw from the weights falls on, or none."""
        draw = rng.random()
        for name, weight in self.weights:
            draw -= weight
            if draw < 0.0:
                operator = misspellings if name == "misspellings" and misspellings is not None else OPERATORS[name]
                return operator(text, 1.0 if name == "case" else rate, rng)
        return text


def character_error_rate(clean: str, noisy: str) -> float:
    """Return the Levenshtein distance of the texts, divided by the length of `clean` (at least 1)."""
    row = list(range(len(noisy) + 1))
    for i, wanted in enumerate(clean, start=1):
        diagonal, row[0] = row[0], i
        for j, char in enumerate(noisy, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (wanted != char))
    return row[-1] / max(1, len(clean))
