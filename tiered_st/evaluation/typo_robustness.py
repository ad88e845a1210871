"""Measure how much of its semantic similarity a model keeps when the text is mistyped.

Notable choices:

- The corruption of text `i` depends on the operator, rate, seed, side and `i` alone, so every model and every run
  sees the same texts, bit for bit; `checksum` proves it.
- Nothing is cached between conditions, so memory holds the vectors of one.
"""

import csv
import logging
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Literal

from sentence_transformers.base.evaluation import BaseEvaluator
from tqdm.auto import tqdm

from tiered_st.evaluation.measures import Encoder, digest, spearman, unit_vectors
from tiered_st.noise import OPERATORS, seeded

logger = logging.getLogger(__name__)


class TypoRobustnessEvaluator(BaseEvaluator):
    """Correlate cosines with gold similarities, on clean text and at rising rates of corruption.

    Metrics, after the name: `spearman_10` is the mean over seeds of Spearman's correlation × 100 at a rate of 10 %,
    `spearman_10_sd` its standard deviation over seeds, `retained_10` its share in per cent of `spearman_0`.
    The primary metric is the mean at 10 %, or at the highest rate where 10 % is not measured.

    Args:
        sentences1: First text of each pair.
        sentences2: Second text of each pair.
        scores: Gold similarity of each pair, on any scale.
        rates: Shares of non-space characters that are corrupted; 0 is clean text, measured once.
        seeds: One run for each.
        sides: Corrupt "both" texts of a pair or only the "first".
        operator: A name in `tiered_st.noise.OPERATORS`.
        name: Goes before every metric and into the name of the CSV file.
        batch_size: Texts per call of the model.
        show_progress_bar: Show one bar over all conditions.
        write_csv: Append a row to a CSV file when called with an output path.

    Raises:
        ValueError: If the lists differ in length or hold fewer than two pairs, or an option is not known.
    """

    def __init__(
        self,
        sentences1: Sequence[str],
        sentences2: Sequence[str],
        scores: Sequence[float],
        *,
        rates: Sequence[float] = (0.0, 0.05, 0.10, 0.20),
        seeds: Sequence[int] = (0, 1, 2, 3, 4),
        sides: Literal["both", "first"] = "both",
        operator: str = "typos",
        name: str = "",
        batch_size: int = 64,
        show_progress_bar: bool = False,
        write_csv: bool = True,
    ) -> None:
        super().__init__()
        lengths = len(sentences1), len(sentences2), len(scores)
        if len(set(lengths)) > 1 or lengths[0] < 2:
            raise ValueError(f"sentences1, sentences2 and scores need one length of at least 2, got {lengths}")
        if operator not in OPERATORS:
            raise ValueError(f"no operator is called {operator!r}: choose from {', '.join(OPERATORS)}")
        if sides not in ("both", "first"):
            raise ValueError(f"sides is 'both' or 'first', got {sides!r}")
        if not rates or not seeds or any(not 0.0 <= rate <= 1.0 for rate in rates):
            raise ValueError(f"need rates in [0, 1] and seeds, got rates={rates!r}, seeds={seeds!r}")
        self.sentences1, self.sentences2, self.scores = list(sentences1), list(sentences2), list(scores)
        self.rates, self.seeds, self.sides, self.operator = tuple(rates), tuple(seeds), sides, operator
        self.name, self.batch_size = name, batch_size
        self.show_progress_bar, self.write_csv = show_progress_bar, write_csv
        self.primary_metric = f"spearman_{_percent(0.1 if 0.1 in rates else max(rates))}"
        self.csv_file = "typo_robustness" + (f"_{name}" if name else "") + "_results.csv"

    @property
    def conditions(self) -> list[tuple[float, int]]:
        """Every (rate, seed) that is measured."""
        return [(rate, seed) for rate in self.rates for seed in (self.seeds if rate else self.seeds[:1])]

    def corrupted(self, rate: float, seed: int) -> tuple[list[str], list[str]]:
        """Return the first and the second texts as the model sees them."""
        if not rate:
            return self.sentences1, self.sentences2
        operate, permille = OPERATORS[self.operator], round(1000 * rate)
        first, second = (
            [operate(text, rate, seeded("sts", seed, permille, side, i)) for i, text in enumerate(texts)]
            for side, texts in ((1, self.sentences1), (2, self.sentences2))
        )
        return first, second if self.sides == "both" else self.sentences2

    def checksum(self) -> str:
        """Return the SHA-256 of all texts of all conditions, as 64 hex digits."""
        return digest(text for condition in self.conditions for side in self.corrupted(*condition) for text in side)

    def score(self, model: Encoder, *, rate: float, seed: int) -> float:
        """Return Spearman's correlation × 100 in one condition."""
        first, second = self.corrupted(rate, seed)
        vectors = unit_vectors(model, first + second, batch_size=self.batch_size)  # (2 × pairs, dimension)
        cosines = (vectors[: len(first)] * vectors[len(first) :]).sum(axis=1)  # (pairs,)
        return 100.0 * spearman(cosines, self.scores)

    def __call__(
        self, model: Any, output_path: str | None = None, epoch: int = -1, steps: int = -1
    ) -> dict[str, float]:
        """Measure every condition; see the class for what the metrics are called."""
        found: dict[float, list[float]] = {rate: [] for rate in self.rates}
        for rate, seed in tqdm(self.conditions, desc=self.name or "typos", disable=not self.show_progress_bar):
            found[rate].append(self.score(model, rate=rate, seed=seed))
        metrics: dict[str, float] = {}
        for rate, values in found.items():
            metrics[f"spearman_{_percent(rate)}"] = mean(values)
            metrics[f"spearman_{_percent(rate)}_sd"] = stdev(values) if len(values) > 1 else 0.0
        if clean := metrics.get("spearman_0"):
            metrics |= {
                f"retained_{_percent(rate)}": 100.0 * metrics[f"spearman_{_percent(rate)}"] / clean
                for rate in self.rates
                if rate
            }
        for key, value in metrics.items():
            logger.info("%s %s: %.2f", self.name, key, value)
        if output_path is not None and self.write_csv:
            self._append_row(Path(output_path), {"epoch": epoch, "steps": steps} | metrics)
        metrics = self.prefix_name_to_metrics(metrics, self.name)
        if hasattr(model, "model_card_data"):  # a model that merely encodes has no card
            self.store_metrics_in_model_card_data(model, metrics, epoch, steps)
        return metrics

    def get_config_dict(self) -> dict[str, Any]:
        """Return what the model card says about this evaluation."""
        return {"rates": self.rates, "seeds": self.seeds, "sides": self.sides, "operator": self.operator}

    def _append_row(self, folder: Path, row: dict[str, Any]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / self.csv_file
        is_new = not path.is_file()
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(row))
            if is_new:
                writer.writeheader()
            writer.writerow(row)


def _percent(rate: float) -> str:
    """Write a rate as a metric's name has it: 0.1 → "10", 0.025 → "2.5"."""
    return f"{100 * rate:.4g}"
