"""TypoRobustnessEvaluator: the maths on hand-made cases, and that texts are the same in every process."""

import csv
import subprocess
import sys
import zlib

import numpy as np
import pytest

import tiered_st
from tiered_st.evaluation import TypoRobustnessEvaluator, digest, spearman, unit_vectors

FIRST = ["A man is playing a flute.", "Two dogs run on the beach.", "The café closed in 1985.", "", "🙂 ok"]
SECOND = ["A man plays the flute.", "Nobody is swimming.", "A café was closed.", "nothing", "fine"]
GOLD = [4.8, 0.4, 3.6, 0.0, 2.0]
PINNED = ["A man iox oayhign a flt.e", "TFwo dogs ruum no gh naehc.", "The cqfé closwd in 129859", "", "🙂 ok"]
CHECKSUM = "e3acb03e7734c51cb028a1954f2ad27cf45616642d45f37f36ab593ef37a202a"


class Oracle:
    """Knows each pair's gold similarity and turns it into the angle between the two vectors."""

    def __init__(self, first=FIRST, second=SECOND, gold=GOLD):
        self.angles = dict.fromkeys(first, 0.0) | dict(zip(second, (5.0 - score for score in gold), strict=True))
        self.calls: list[list[str]] = []

    def encode(self, texts, **options):
        self.calls.append(list(texts))
        angles = np.array([self.angles.get(text, 7.0) / 5.0 for text in texts])
        return np.stack([np.cos(angles), np.sin(angles)], axis=1) * 3.0  # any length: cosines must not see it


class Deaf:
    """Gives every text a vector that has nothing to do with its meaning."""

    def encode(self, texts, **options):
        rngs = [np.random.default_rng(zlib.crc32(text.encode())) for text in texts]
        return np.stack([rng.normal(size=16) for rng in rngs])


def evaluator(**options) -> TypoRobustnessEvaluator:
    return TypoRobustnessEvaluator(FIRST, SECOND, GOLD, **options)


def test_spearman_gives_tied_values_the_average_of_their_ranks():
    # Ranks 1, 2.5, 2.5, 4 against 1, 3, 2, 4: cov = 4.5, variances 4.5 and 5.
    assert spearman([1, 2, 2, 9], [10, 30, 20, 40]) == pytest.approx(4.5 / np.sqrt(4.5 * 5.0))


@pytest.mark.parametrize(("b", "expected"), [([1, 2, 3], 1.0), ([3, 2, 1], -1.0), ([1, 10, 5], 0.5), ([7, 7, 7], 0.0)])
def test_spearman_of_simple_orders(b, expected):
    assert spearman([1, 2, 3], b) == pytest.approx(expected)


@pytest.mark.parametrize("a", [[1, 2], [1], [1, 2, float("nan")]])
def test_spearman_refuses_what_cannot_be_ranked(a):
    with pytest.raises(ValueError, match=r"length|finite"):
        spearman(a, [1, 2, 3] if len(a) != 1 else [1])


def test_unit_vectors_encodes_each_distinct_text_once_and_keeps_the_order():
    oracle = Oracle()
    vectors = unit_vectors(oracle, ["fine", FIRST[0], "fine"], batch_size=8)
    assert oracle.calls == [["fine", FIRST[0]]]
    assert np.array_equal(vectors[0], vectors[2])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0)


def test_a_perfect_model_scores_100_on_clean_text():
    found = evaluator(rates=(0.0,), name="dev")(Oracle())
    assert found == {"dev_spearman_0": pytest.approx(100.0), "dev_spearman_0_sd": 0.0}


def test_meaningless_vectors_score_near_zero_at_every_rate():
    first = [f"sentence number {i} about nothing" for i in range(1000)]
    second = [f"another text, the {i}th of them" for i in range(1000)]
    gold = np.random.default_rng(0).random(1000).tolist()
    found = TypoRobustnessEvaluator(first, second, gold, seeds=(0, 1), name="")(Deaf())
    assert all(abs(value) < 8.0 for key, value in found.items() if key.startswith("spearman") and "sd" not in key)


def test_means_and_spread_are_those_of_single_scores():
    toy = tiered_st.build("toy", device="cpu")
    measured = evaluator(rates=(0.0, 0.1), seeds=(3, 4), name="dev")
    single = [measured.score(toy, rate=0.1, seed=seed) for seed in (3, 4)]
    found = measured(toy)
    assert found["dev_spearman_10"] == pytest.approx(np.mean(single))
    assert found["dev_spearman_10_sd"] == pytest.approx(np.std(single, ddof=1))
    assert found["dev_retained_10"] == pytest.approx(100 * found["dev_spearman_10"] / found["dev_spearman_0"])
    assert measured.primary_metric == "dev_spearman_10"


def test_primary_metric_is_the_highest_rate_where_ten_per_cent_is_not_measured():
    assert evaluator(rates=(0.0, 0.025)).primary_metric == "spearman_2.5"


def test_clean_text_is_measured_with_one_seed():
    assert evaluator(rates=(0.0, 0.2), seeds=(5, 6)).conditions == [(0.0, 5), (0.2, 5), (0.2, 6)]


def test_corruption_depends_on_the_place_of_a_text_and_not_on_its_neighbours():
    whole = evaluator().corrupted(0.2, 1)
    part = TypoRobustnessEvaluator(FIRST[:2], SECOND[:2], GOLD[:2]).corrupted(0.2, 1)
    assert part == (whole[0][:2], whole[1][:2])


def test_corruption_differs_between_seeds_and_sides():
    same = TypoRobustnessEvaluator(FIRST, FIRST, GOLD)
    assert same.corrupted(0.2, 0)[0] != same.corrupted(0.2, 0)[1]
    assert same.corrupted(0.2, 0) != same.corrupted(0.2, 1)


def test_the_second_text_stays_clean_where_only_the_first_is_corrupted():
    first, second = evaluator(sides="first").corrupted(0.2, 0)
    assert (first, second) == (evaluator().corrupted(0.2, 0)[0], SECOND)
    assert first != FIRST


def test_texts_are_pinned():
    """A change of these values is a new protocol: measured figures do not compare across it."""
    assert evaluator().corrupted(0.2, 0)[0] == PINNED
    assert evaluator().checksum() == CHECKSUM


def test_another_process_corrupts_alike():
    code = (
        "from tiered_st.evaluation import TypoRobustnessEvaluator as E;"
        f"print(E({FIRST!r}, {SECOND!r}, {GOLD!r}).checksum())"
    )
    out = subprocess.run([sys.executable, "-X", "utf8", "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split()[-1] == evaluator().checksum()


def test_checksum_sees_boundaries_and_lone_surrogates():
    assert digest(["ab", "c"]) != digest(["a", "bc"])
    assert len(digest(["\ud800"])) == 64


def test_csv_grows_by_one_row_per_call(tmp_path):
    measured = evaluator(rates=(0.0,), name="dev")
    for epoch in (1, 2):
        measured(Oracle(), str(tmp_path / "eval"), epoch, 10 * epoch)
    with (tmp_path / "eval" / "typo_robustness_dev_results.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["epoch"], row["steps"]) for row in rows] == [("1", "10"), ("2", "20")]
    assert float(rows[0]["spearman_0"]) == pytest.approx(100.0)


def test_metrics_reach_the_model_card():
    toy = tiered_st.build("toy", device="cpu")
    evaluator(rates=(0.0,), name="dev")(toy)
    assert [type(one).__name__ for one in toy.model_card_data.eval_results_dict] == ["TypoRobustnessEvaluator"]


@pytest.mark.parametrize(
    ("options", "named"),
    [({"operator": "smudge"}, "smudge"), ({"sides": "second"}, "second"), ({"rates": (1.5,)}, "1.5")],
)
def test_unknown_options_are_named(options, named):
    with pytest.raises(ValueError, match=named):
        evaluator(**options)


def test_lists_of_different_length_are_refused():
    with pytest.raises(ValueError, match=r"\(2, 1, 2\)"):
        TypoRobustnessEvaluator(["a", "b"], ["c"], [1.0, 2.0])
