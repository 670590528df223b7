"""Counts, shares and Wilson's interval against published and independent values."""

from math import sqrt
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecnn.data import Dataset
from edgecnn.score import Accuracy, accuracy, agreement


@pytest.mark.parametrize(
    ("correct", "images", "low", "high"),
    [
        (9945, 10_000, 0.99285, 0.99577),
        (81, 263, 0.2553, 0.3662),  # these four: Newcombe, Statistics in Medicine 17, 1998, table I, method 3
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_interval_has_the_values_of_the_literature(correct: int, images: int, low: float, high: float) -> None:
    assert Accuracy("test", correct, images).interval == pytest.approx((low, high), abs=6e-5)


@given(st.integers(1, 100_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_interval_ends_lie_1_96_standard_errors_of_their_own_from_the_share(counts: tuple[int, int]) -> None:
    score = Accuracy("test", *counts)
    z = NormalDist().inv_cdf(0.975)
    for end in score.interval:
        assert abs(score.value - end) == pytest.approx(z * sqrt(end * (1 - end) / score.images), rel=1e-4, abs=1e-7)


@pytest.mark.parametrize("images", [1, 20, 10_000])
def test_interval_stays_within_0_and_1_at_both_extremes(images: int) -> None:
    none, all_ = Accuracy("test", 0, images).interval, Accuracy("test", images, images).interval
    assert none[0] == pytest.approx(0, abs=1e-12)
    assert 0 <= none[0] < none[1] < 1
    assert all_ == pytest.approx((1 - none[1], 1))
    assert all_[1] <= 1


def test_more_images_narrow_the_interval() -> None:
    few, many = Accuracy("test", 99, 100).interval, Accuracy("test", 9_900, 10_000).interval
    assert few[0] < many[0] < 0.99 < many[1] < few[1]


def test_text_gives_share_interval_count_and_split() -> None:
    assert str(Accuracy("test", 9945, 10_000)) == "99.45% (99.28% to 99.58% on 10,000 test images)"


@pytest.mark.parametrize("wrong", [0, 1, 55, 10_000])
def test_accuracy_counts_the_right_answers(mnist: Dataset, wrong: int) -> None:
    answers = mnist.test.labels.copy()
    answers[:wrong] = (answers[:wrong] + 1) % 10
    assert accuracy("test", answers, mnist.test.labels) == Accuracy("test", 10_000 - wrong, 10_000)


@pytest.mark.parametrize(("answers", "share"), [([1, 2, 3, 4], 1.0), ([1, 2, 3, 0], 0.75), ([4, 3, 2, 1], 0.0)])
def test_agreement_is_the_share_of_equal_labels(answers: list[int], share: float) -> None:
    assert agreement(np.array(answers), np.array([1, 2, 3, 4])) == share
