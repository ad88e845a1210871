"""The suites on hand-made cases: what is changed in a text, what is compared, and what a model of no use scores."""

import numpy as np
import pytest

from benchmarks.peers import Candidate
from benchmarks.suite import Condition, Task
from benchmarks.suites.classification import Labelled, TextClassification, balanced
from benchmarks.suites.clustering import Clustering
from benchmarks.suites.minimal_pairs import PER_WORD, MinimalPairs, minimal_pairs, share_nearer
from benchmarks.suites.operators import NOISES, OperatorSts
from benchmarks.suites.reranking import Reranking
from benchmarks.suites.retrieval import TypoRetrieval
from benchmarks.suites.sts import Pairs, SentencePairs, with_negatives
from benchmarks.suites.typo import TypoSts
from benchmarks.texts.antonyms import ANTONYMS
from benchmarks.texts.collections import Collection
from benchmarks.texts.meaning_changes import change_number, negate, swap_antonym
from benchmarks.texts.word_overlap import hard_negatives, overlap, words_of
from tiered_st.noise import Misspellings, character_error_rate, seeded

WORDS = ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliett"]
TEXTS = [f"the {one} meets a {other} again" for one in WORDS for other in WORDS if one != other]  # 90
RNG = seeded("tests")


class RandomVectors:
    """Embeds every text as its own random direction: what a model of shuffled weights comes to."""

    def encode(self, texts, **options):
        return np.array([np.random.default_rng(list(text.encode())).normal(size=64) for text in texts])


class BagOfWords:
    """Embeds a text as its counts of WORDS."""

    def encode(self, texts, **options):
        return np.array([[float(text.split().count(word)) for word in WORDS] + [1e-3] for text in texts])


RANDOM, BAG = Candidate("random", RandomVectors()), Candidate("bag", BagOfWords())
FIRST = [text.split()[1] for text in TEXTS]


def mean_score(task: Task, metric: str, seeds: int = 5, model: Candidate = RANDOM) -> float:
    scores = [task.score(model, c) for c in task.conditions(seeds) if c.metric == metric]
    return sum(scores) / len(scores)


IDS = [str(i) for i in range(90)]
GOLD = [(i * 37 % 90) / 18 for i in range(90)]
LABELLED = Labelled(TEXTS, FIRST)
OTHERS = [f"{text} {i}" for i, text in enumerate(TEXTS)]
BROKEN = [
    (TypoSts(TEXTS, OTHERS, GOLD), "10 %", 0, 15),
    (OperatorSts(TEXTS, OTHERS, GOLD, Misspellings([])), "mixed 10 %", 0, 15),
    (SentencePairs({"STS-B": Pairs(TEXTS, OTHERS, GOLD, graded=True)}), "STS-B 10 %", 0, 15),
    (SentencePairs({"Quora": Pairs(TEXTS, OTHERS, [1.0, 0.0] * 45, graded=False)}), "Quora 10 %", 50, 10),
    (TextClassification({"offensive": (LABELLED, Labelled(OTHERS, FIRST))}), "offensive 10 %", 10, 8),
    (Clustering(TEXTS, FIRST), "adjusted 10 %", 0, 8),
    (Reranking([TEXTS[i : i + 2] for i in range(0, 90, 2)]), "Multi30k 10 %", 17, 10),  # 1 of 21 by chance
    (
        TypoRetrieval(
            {
                "XQuAD": Collection(
                    dict(zip(IDS, OTHERS, strict=True)), dict(zip(IDS, TEXTS, strict=True)), {id: {id: 1} for id in IDS}
                )
            }
        ),
        "XQuAD 10 %",
        5,
        5,
    ),
    (
        MinimalPairs({change: list(zip(TEXTS, OTHERS, strict=True)) for change in ("antonym", "negation", "number")}),
        "antonym, typos 10 %",
        50,
        12,
    ),
]


@pytest.mark.parametrize(("task", "metric", "chance", "within"), BROKEN, ids=lambda value: type(value).__name__)
def test_a_model_that_knows_nothing_scores_what_chance_does(task, metric, chance, within):
    assert mean_score(task, metric) == pytest.approx(chance, abs=within)


@pytest.mark.parametrize(("task", "metric"), [row[:2] for row in BROKEN], ids=lambda value: type(value).__name__)
def test_texts_are_pinned_by_their_seed_and_told_apart_by_it(task, metric):
    sums = [task.checksum(Condition(metric, seed)) for seed in (0, 1, 0)]
    assert sums[0] == sums[2] != sums[1]
    assert task.checksum(task.conditions(1)[0]) not in sums


def test_a_model_that_knows_the_words_scores_more_when_they_are_whole():
    clusters = Clustering([text for text in WORDS for _ in range(9)], [text for text in WORDS for _ in range(9)])
    assert mean_score(clusters, "V-measure", 1, BAG) > 90 > mean_score(clusters, "adjusted 10 %", 1, BAG)
    classes = TextClassification({"offensive": (Labelled(WORDS * 3, WORDS * 3), Labelled(WORDS * 2, WORDS * 2))})
    assert mean_score(classes, "offensive", 1, BAG) == 100 > mean_score(classes, "offensive 10 %", 1, BAG)


@pytest.mark.parametrize("metric", [metric for metric in NOISES if metric != "clean"])
def test_every_noise_of_the_suite_changes_texts_and_one_side_leaves_the_other(metric):
    task = OperatorSts(["The Alpha meets, with a nap."] * 20, ["Delta; echo is it."] * 20, GOLD[:20],
                       Misspellings([("alhpa", "alpha"), ("dleta", "delta")]))  # fmt: skip
    first, second = task.seen(Condition(metric, 0))
    assert first != ["The Alpha meets, with a nap."] * 20
    assert (second == ["Delta; echo is it."] * 20) == (metric == "all four 10 %, one side")
    if metric == "one edit per text":
        assert all(28 * character_error_rate("The Alpha meets, with a nap.", text) < 2.01 for text in first)


def test_only_what_is_drawn_has_seeds():
    counts = {metric: 0 for metric in NOISES}
    for condition in OperatorSts(TEXTS, OTHERS, GOLD, Misspellings([])).conditions(3):
        counts[condition.metric] += 1
    assert {metric for metric, count in counts.items() if count == 1} == {
        "clean", "upper case", "lower case", "title case", "no punctuation",
    }  # fmt: skip
    clusters = Clustering(TEXTS, FIRST)
    assert clusters.conditions(2).count(Condition("V-measure", 1)) == 1  # k-means draws on clean text too


def test_hard_negatives_share_most_words_and_are_never_forbidden():
    rows = [words_of(text) for text in ("a red car", "a red bike here", "a blue car", "nothing")]
    assert overlap(rows[0], rows[2]) == 0.5 and overlap(frozenset(), frozenset()) == 0.0
    found = hard_negatives("A red car!", rows, {0}, seeded(1), count=2, among=200)
    assert found == [2, 1]
    pairs = with_negatives("Quora", [("a red car", "car of red", 1), ("a red van", "a red bus", 2), ("no", "nay", 3)])
    assert pairs.gold == [1.0, 0.0] * 3 and pairs.second[:2] == ["car of red", "a red bus"]
    with pytest.raises(ValueError, match="two clusters"):
        with_negatives("Quora", [("a", "b", 1)])


def test_average_precision_of_told_apart_pairs_is_100():
    same = Pairs(["alpha", "bravo"], ["alpha", "golf"], [1.0, 0.0], graded=False)
    assert SentencePairs({"Quora": same}).score(BAG, Condition("Quora", 0)) == 100.0


def test_balanced_keeps_order_and_no_label_leads():
    rows = [(str(i), "many" if i % 5 else "few") for i in range(50)]
    kept = balanced(rows, 10, "test")
    assert sorted(kept.labels) == ["few"] * 10 + ["many"] * 10
    assert list(map(int, kept.texts)) == sorted(map(int, kept.texts)) and balanced(rows, 10, "test") == kept
    assert balanced(rows, 10, "other") != kept
    with pytest.raises(ValueError, match="two labels"):
        balanced([("a", "x")], 5, "test")


def test_retrieval_keeps_grades_asks_rankers_and_leaves_out_what_is_not_judged():
    class Ranker:
        revision = "hand-made"

        def rank(self, queries, documents, *, depth):
            return np.array([np.argsort([document != "weak" for document in documents])[:depth] for _ in queries])

    found = TypoRetrieval(
        {
            "CISI": Collection(
                {"q": "a", "no": "b"}, {"s": "strong", "w": "weak"}, {"q": {"s": 3, "w": 1}, "no": {"s": 0}}
            )
        }
    )
    assert found.texts("CISI") == ["a"] and "1 questions" in found.data
    gains = (1 + 3 / np.log2(3)) / (3 + 1 / np.log2(3))  # the weak one first
    assert found.score(Candidate("ranker", Ranker()), Condition("CISI", 0)) == pytest.approx(100 * gains)


def test_reranking_has_the_right_caption_first_for_a_model_that_reads_words():
    groups = [["alpha bravo", "bravo alpha"], ["charlie delta", "delta charlie"], ["echo golf", "golf echo"]]
    assert Reranking(groups).score(BAG, Condition("Multi30k", 0)) == 100.0
    with pytest.raises(ValueError, match="two groups"):
        Reranking([["one"], ["a", "b"]])


def test_antonyms_go_both_ways_and_stand_once():
    assert len(ANTONYMS) >= 120 and all(ANTONYMS[ANTONYMS[word]] == word != ANTONYMS[word] for word in ANTONYMS)


@pytest.mark.parametrize(
    ("change", "text", "expected"),
    [
        (swap_antonym, "An old man sits.", "A young man sits."),
        (swap_antonym, "A Young man", "An Old man"),
        (swap_antonym, "OPEN the black door", "CLOSED the black door"),
        (swap_antonym, "The blackboard and the goldfish", None),
        (negate, "A man is playing.", "A man is not playing."),
        (negate, "It is not here, is it?", "It is here, is it?"),
        (negate, "They don't run.", "They do run."),
        (negate, "Won’t you come?", "Will you come?"),
        (negate, "We cannot go", "We can go"),
        (negate, "Is it here?", None),  # a question
        (negate, "They do homework and have a dog.", None),  # main verbs
        (change_number, "A man runs.", None),
        (change_number, "the 2nd man, model T4", None),
    ],
)
def test_meaning_changes(change, text, expected):
    found = change(text, seeded(1))
    assert (found[0] if found else None) == expected


def test_another_number_is_never_the_same_and_keeps_its_form():
    made = {change_number("Two dogs and 3 cats", seeded(seed))[0] for seed in range(200)}
    assert {"Three dogs and 3 cats", "Ten dogs and 3 cats"} <= made and "Two dogs and 3 cats" not in made
    digits = {change_number("1,250.5 or 7", seeded(seed))[0] for seed in range(200)}
    assert digits == {f"{digit},250.5 or 7" for digit in range(2, 10)}
    assert {change_number("in 1985", seeded(seed))[0] for seed in range(200)} == {
        f"in 198{digit}" for digit in range(10) if digit != 5
    }


def test_minimal_pairs_are_limited_per_word_and_always_hold_a_typo():
    texts = [f"an old man is number {i}" for i in range(60)] + ["a cold day"]
    pairs = minimal_pairs(texts, "antonym")
    assert len(pairs) == PER_WORD + 1 and pairs[-1] == ("a cold day", "a hot day")
    task = MinimalPairs({"antonym": pairs, "negation": pairs, "number": pairs})
    triples = task.triples(Condition("antonym, typos 5 %", 0))
    assert all(noisy != text for text, noisy, _ in triples)
    with pytest.raises(ValueError, match="number"):
        MinimalPairs({"antonym": pairs, "negation": pairs, "number": []})


def test_share_nearer_counts_ties_as_lost():
    anchors = np.array([[1.0, 0.0]] * 4)
    near = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [1.0, 0.0]])
    far = np.array([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
    assert share_nearer(anchors, near, far) == 50.0
