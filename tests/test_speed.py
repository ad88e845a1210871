"""The speed benchmark: what it encodes and how it compares, never how fast this machine is."""

from itertools import islice

import pytest

from benchmarks.speed import measure, ratios, texts_of


@pytest.mark.parametrize("words", [1, 8, 32])
def test_texts_have_the_asked_number_of_words_and_do_not_repeat(words):
    texts = list(islice(texts_of(words, 0.0), 50))
    assert {len(text.split()) for text in texts} == {words}
    assert words == 1 or len(set(texts)) == 50


def test_texts_are_mistyped_alike_every_time():
    clean, noisy = list(islice(texts_of(8, 0.0), 20)), list(islice(texts_of(8, 0.1), 20))
    assert noisy == list(islice(texts_of(8, 0.1), 20))
    assert sum(a != b for a, b in zip(clean, noisy, strict=True)) > 15


def test_ratios_are_taken_round_by_round_to_the_last_model():
    # Round by round 2, 1 and 4 times as fast: the median of ratios is not the ratio of medians (4 / 2 = 2 either way,
    # but 10 / 2 would be 5 if the slow third round of both were left out).
    assert [row[1] for row in ratios([[2.0, 4.0, 10.0], [1.0, 4.0, 2.5]])] == [2.0, 1.0]


def test_all_models_see_the_same_fresh_texts():
    class Recorder:
        batch_size = 4

        def __init__(self):
            self.seen = []

        def encode(self, texts, **options):
            self.seen.append(list(texts))

    first, second = Recorder(), Recorder()
    speeds = measure([first, second], words=4, count=6, rounds=2)
    assert first.seen == second.seen
    assert len({text for texts in first.seen for text in texts}) == 18
    assert [len(own) for own in speeds] == [2, 2]
