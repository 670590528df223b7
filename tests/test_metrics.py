"""Counts, shares, Wilson's interval, calibration and rejection against published, independent and worked-out values."""

from math import sqrt
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgecnn.data import Dataset
from edgecnn.metrics import Accuracy, accuracy, agreement, expected_calibration_error, threshold_keeping


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


def two_classes(first: list[float]) -> NDArray[np.float32]:
    """Probabilities of two classes, of which `first` are the first's."""
    return np.array([[one, 1 - one] for one in first], np.float32)


@pytest.mark.parametrize(
    ("first", "labels", "error"),
    [
        ([1, 1, 0, 0], [0, 0, 1, 1], 0),  # sure and right
        ([1, 1, 0, 0], [1, 1, 0, 0], 1),  # sure and wrong
        ([0.75] * 4, [0, 0, 0, 1], 0),  # three quarters sure, three quarters right
        ([0.75] * 4, [0, 0, 0, 0], 0.25),
        ([0.75] * 4, [1, 1, 1, 1], 0.75),
        ([0.95, 0.97], [0, 1], 0.46),  # of one bin: right half the time, 96 % sure
        ([0.6, 0.9], [1, 0], 0.35),  # of two bins: gaps of 60 and 10 points
        ([0.6, 0.6, 0.6, 0.9], [1, 1, 1, 0], 0.475),  # a gap counts for its images
    ],
)
def test_calibration_error_is_the_mean_gap_between_confidence_and_accuracy(
    first: list[float], labels: list[int], error: float
) -> None:
    assert expected_calibration_error(two_classes(first), np.array(labels)) == pytest.approx(error, abs=1e-6)


def test_a_bins_upper_end_belongs_to_it() -> None:
    """Of 15 bins the ninth ends at 0.6 and the tenth begins there: gaps of 60 and -39 points add up in one bin only."""
    below, above = 0.6, 0.61
    apart = expected_calibration_error(np.array([[below, 0.4], [above, 0.39]]), np.array([1, 0]))
    together = expected_calibration_error(np.array([[0.601, 0.399], [above, 0.39]]), np.array([1, 0]))
    assert apart == pytest.approx((0.6 + 0.39) / 2)
    assert together == pytest.approx((0.601 - 0.39) / 2)


def test_answers_drawn_by_the_probabilities_are_calibrated() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.full(10, 0.2), 50_000)
    labels = (probabilities.cumsum(axis=1) > rng.random((50_000, 1))).argmax(axis=1)
    assert expected_calibration_error(probabilities, labels) < 0.01
    sharpened = probabilities**3 / (probabilities**3).sum(axis=1, keepdims=True)
    assert expected_calibration_error(sharpened, labels) > 0.1


@pytest.mark.parametrize(
    ("share", "threshold"), [(1, 0.55), (0.9, 0.6), (0.85, 0.6), (0.8, 0.65), (0.5, 0.8), (0.1, 1.0), (0.001, 1.0)]
)
def test_threshold_is_the_highest_that_the_share_reaches(share: float, threshold: float) -> None:
    confidence = np.linspace(0.55, 1, 10)
    shuffled = two_classes(np.random.default_rng(0).permutation(confidence).tolist())
    assert threshold_keeping(share, shuffled) == pytest.approx(threshold)


def test_threshold_counts_the_likeliest_class_whichever_it_is_and_keeps_ties() -> None:
    probabilities = two_classes([0.1, 0.9, 0.9, 0.2])
    assert threshold_keeping(0.25, probabilities) == pytest.approx(0.9)
    assert threshold_keeping(0.75, probabilities) == pytest.approx(0.9)
    assert threshold_keeping(1, probabilities) == pytest.approx(0.8)


@example(images=100, share=0.07)  # whose product is a little more than 7
@given(images=st.integers(1, 1000), share=st.floats(0.01, 1))
def test_at_least_the_share_is_kept_and_no_threshold_above_keeps_it(images: int, share: float) -> None:
    probabilities = np.random.default_rng(images).dirichlet(np.ones(10), images).astype(np.float32)
    confidence, threshold = probabilities.max(axis=1), threshold_keeping(share, probabilities)
    assert np.mean(confidence >= threshold) >= share - 1e-12
    assert np.mean(confidence > threshold) < share
