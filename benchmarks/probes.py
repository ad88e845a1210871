"""What each tier knows: parts of speech from E1's chunk vectors and from E2's states, by a linear probe.

A tier that is paid for spelling alone should know little of grammar in context; the design expects E1 low, E2 higher.
Reference: Tenney et al. 2019, "BERT rediscovers the classical NLP pipeline".
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from benchmarks.texts.columns import read_columns

FILE = "pos_ud_english_ewt.parquet"
_BATCH = 64  # sentences


def states_of_words(model: SentenceTransformer, sentences: list[list[str]]) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Return what both tiers make of every word of sentences given as words.

    Args:
        model: a tiered model.
        sentences: words; a sentence whose chunks are not those of its words one by one is left out.

    Returns:
        E1's chunk vectors (words, d_sem), E2's states (words, d_sem), each the mean over a word's chunks, and the
        indices of the sentences that are in.
    """
    first: list[np.ndarray] = []
    second: list[np.ndarray] = []
    kept: list[int] = []
    for start in range(0, len(sentences), _BATCH):
        batch = sentences[start : start + _BATCH]
        words = [word for sentence in batch for word in sentence]
        alone = model.preprocess(words)["attention_mask"].sum(dim=1).numpy() - 2  # chunks of each word
        features = model.preprocess([" ".join(sentence) for sentence in batch])
        lengths = features["attention_mask"].sum(dim=1).numpy() - 2
        features = {name: value.to(model.device) for name, value in features.items()}
        with torch.no_grad():
            features = model[0](features)
            chunks = features["chunk_embeddings"].float().cpu().numpy()
            states = model[1](features)["token_embeddings"].float().cpu().numpy()
        place = 0
        for number, sentence in enumerate(batch):
            counts = alone[place : place + len(sentence)]
            place += len(sentence)
            if counts.sum() != lengths[number] or not counts.all():
                continue
            edges = 1 + np.concatenate([[0], np.cumsum(counts)[:-1]])  # behind the opening mark
            for found, source in ((first, chunks), (second, states)):
                sums = np.add.reduceat(source[number, : 1 + lengths[number]], edges, axis=0)
                found.append(sums / counts[:, None])
            kept.append(start + number)
    empty = [np.zeros((0, model.get_embedding_dimension() or 0), dtype=np.float32)]
    return np.concatenate(first or empty), np.concatenate(second or empty), kept


def probe(train: np.ndarray, labels: list[str], test: np.ndarray, wanted: list[str]) -> float:
    """Return the accuracy × 100 of a logistic regression from vectors (n, d) to labels."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500, C=0.1, tol=1e-3))
    return 100 * float(np.mean(classifier.fit(train, labels).predict(test) == np.array(wanted)))


def part_of_speech(model: SentenceTransformer, data: Path, *, sentences: int = 400) -> dict[str, float]:
    """Return the accuracy of both tiers on the treebank's test split, learnt from ``sentences`` of its train split."""
    rows = read_columns(data, FILE, "tokens", "upos", "split")
    found: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    labels: dict[str, list[str]] = {}
    for split, count in (("train", sentences), ("test", sentences // 2)):
        chosen = [row for row in rows if row[2] == split][:count]
        one, two, kept = states_of_words(model, [list(row[0]) for row in chosen])
        found[split] = one, two
        labels[split] = [label for i in kept for label in chosen[i][1]]
    if not labels["test"]:
        raise ValueError("no sentence's chunks are those of its words: this probe is for chunks about a word long.")
    return {
        tier: probe(found["train"][i], labels["train"], found["test"][i], labels["test"])
        for i, tier in enumerate(("POS from E1", "POS from E2"))
    }
