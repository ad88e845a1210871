"""Suite `clustering`: do k-means clusters of bank customers' questions match their intents (Banking77)?

V-measure (Rosenberg & Hirschberg, 2007) is what MTEB reports, but with many clusters of few texts it is far from 0 by
chance. The adjusted mutual information beside it (Vinh et al., 2010) is 0 by chance.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from sklearn.cluster import MiniBatchKMeans
from sklearn.metrics import adjusted_mutual_info_score, v_measure_score

from benchmarks.peers import Candidate
from benchmarks.suite import Suite
from benchmarks.texts.clean_and_noisy import CleanAndNoisy, metrics_of, retained_of
from benchmarks.texts.columns import read_columns
from tiered_st.evaluation import unit_vectors

MEASURES = {"V-measure": v_measure_score, "adjusted": adjusted_mutual_info_score}


class Clustering(CleanAndNoisy):
    """Cluster all texts into as many clusters as there are labels; the measures take the place of data sets."""

    suite = "clustering"
    draws = True

    def __init__(self, texts: Sequence[str], labels: Sequence[str]) -> None:
        if len(set(labels)) < 2 or len(texts) != len(labels):
            raise ValueError(f"need texts of two labels or more, got {len(texts)} texts, {len(set(labels))} labels.")
        super().__init__(MEASURES, f"Banking77, {len(texts):,} texts, {len(set(labels))} intents")
        self._texts, self.labels = list(texts), list(labels)

    def texts(self, name: str) -> Sequence[str]:
        return self._texts

    def fixed(self, name: str) -> Iterable[str]:
        return self.labels

    def measure(self, model: Candidate, name: str, texts: Sequence[str], seed: int) -> float:
        def assign() -> np.ndarray:
            vectors = unit_vectors(model, texts, batch_size=model.batch_size)  # (texts, dimension)
            means = MiniBatchKMeans(len(set(self.labels)), batch_size=512, n_init=3, random_state=seed)
            return means.fit_predict(vectors)

        clusters = self.once(model, (seed, tuple(texts) == tuple(self._texts)), assign)  # one run for both measures
        return 100.0 * float(MEASURES[name](self.labels, clusters))


def load(data: Path | None) -> Clustering:
    """Read the half of Banking77's test split that the kit holds."""
    rows = read_columns(data, "dev_banking77.parquet", "text", "intent", "split")
    kept = [(text, intent) for text, intent, split in rows if split != "train"]
    return Clustering([text for text, _ in kept], [intent for _, intent in kept])


SUITE = Suite(
    name="clustering",
    title="Banking77 intents by k-means (V-measure and adjusted mutual information × 100)",
    metrics=metrics_of(*MEASURES),
    load=load,
    retained=retained_of(*MEASURES),
)
