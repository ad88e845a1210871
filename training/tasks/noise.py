"""Corrupt the texts of training rows."""

from __future__ import annotations

from dataclasses import dataclass

from tiered_st.noise import Misspellings, NoisePolicy, seeded


@dataclass
class Noise:
    """Corrupt texts by a policy, seeded by task and draw.

    With probability ``switched`` a view first has some of its words replaced by ``translations``, up to most of them.
    With probability ``real`` it gets real misspellings, at a rate per word from the upper half of [0, 1], and then
    the policy's operator half of the time. A view that came out empty is the text itself.
    """

    policy: NoisePolicy
    misspellings: Misspellings | None
    real: float
    seed: str
    translations: Misspellings | None = None
    switched: float = 0.0

    def __call__(self, text: str, draw: int, view: int) -> str:
        """Return one view of a text."""
        rng = seeded(self.seed, draw, view)
        noisy = text
        if self.translations is not None and rng.random() < self.switched:
            noisy = self.translations(text, 0.6 * rng.random(), rng)
        if self.misspellings is not None and rng.random() < self.real:
            before, noisy = noisy, self.misspellings(noisy, 0.5 + 0.5 * rng.random(), rng)
            if noisy != before and rng.random() < 0.5:
                return noisy
        return self.policy.corrupt(noisy, rng).strip() or text

    def views(self, text: str, draw: int, count: int) -> dict[str, str]:
        """Return the columns clean, noisy_1 … noisy_count."""
        return {"clean": text} | {f"noisy_{view}": self(text, draw, view) for view in range(1, count + 1)}
