"""Speed and size, side by side: ``python -m benchmarks.speed MODEL [MODEL ...]``."""

from benchmarks.speed.texts import mixed_texts, texts_of
from benchmarks.speed.timing import Spread, best_batch, exponent, measure, ratios

__all__ = ["Spread", "best_batch", "exponent", "measure", "mixed_texts", "ratios", "texts_of"]
