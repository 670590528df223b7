"""Scores a model's answers: accuracy with its interval, agreement, calibration error."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

Z_95 = 1.959964  # the 97.5 % quantile of the standard normal distribution
ROUNDING = 1e-12  # 0.07 × 100 is a little more than 7 in floating point, and means 7 images
CONFIDENCE_BINS = 15  # of equal width, as in Guo et al.


@dataclass(frozen=True)
class Accuracy:
    """An accuracy: `correct` of the `images` of a `split` were labeled correctly."""

    split: str
    correct: int
    images: int

    def __post_init__(self) -> None:
        if not 0 <= self.correct <= self.images or not self.images:
            raise ValueError(f"{self.correct} of {self.images} images cannot be correct")

    @property
    def value(self) -> float:
        """The share labeled correctly, 0 to 1."""
        return self.correct / self.images

    @property
    def interval(self) -> tuple[float, float]:
        """The share's 95 % interval, by Wilson's score method (JASA 22, 1927), which also holds near 0 and 1."""
        n, p = self.images, self.value
        center = (p + Z_95**2 / (2 * n)) / (1 + Z_95**2 / n)
        half = Z_95 / (1 + Z_95**2 / n) * sqrt(p * (1 - p) / n + Z_95**2 / (4 * n**2))
        return max(0.0, center - half), min(1.0, center + half)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.value:.2%} ({low:.2%} to {high:.2%} on {self.images:,} {self.split} images)"


def accuracy(split: str, answers: NDArray[np.int64], labels: NDArray[np.int64]) -> Accuracy:
    """Score `answers` against `labels`; both are class indices, int64 [n]."""
    return Accuracy(split, int(np.sum(answers == labels)), len(labels))


def agreement(answers: NDArray[np.int64], reference: NDArray[np.int64]) -> float:
    """The share of images (0 to 1) that two models label the same; both are class indices, int64 [n]."""
    return float(np.mean(answers == reference))


def expected_calibration_error(probabilities: NDArray[np.floating], labels: NDArray[np.int64]) -> float:
    """The average difference between confidence and accuracy, 0 to 1.

    It is 0 if, for example, answers with 90 % confidence are correct 9 times in 10. `probabilities` are [n, classes]
    and `labels` int64 [n], with n at least 1. Images are sorted into CONFIDENCE_BINS by their largest probability; each
    bin includes its upper end. A bin's gap is the difference between its mean probability and its share of correct
    answers. Source: Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, equation 3.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    bins = np.ceil(confidence * CONFIDENCE_BINS).astype(np.int64)
    # A bin's gap times its number of images is the sum over them of correctness (1 or 0) minus confidence.
    gaps = np.bincount(bins, weights=(probabilities.argmax(axis=1) == labels) - confidence)
    return float(np.abs(gaps).sum() / len(labels))


def threshold_keeping(share: float, probabilities: NDArray[np.floating]) -> float:
    """The highest threshold that at least `share` (above 0, at most 1) of the images reach with their top probability.

    `probabilities` are [n, classes], with n at least 1. An image below the threshold should be rejected as belonging to
    none of the classes. Choose the threshold on validation images.
    """
    confidence = np.sort(probabilities.max(axis=1))[::-1]
    count = max(1, ceil(share * len(confidence) - ROUNDING))
    return float(confidence[count - 1])
