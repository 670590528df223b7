"""What a model's answers are worth: accuracy with its interval, agreement, calibration, and what to reject."""

from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

Z_95 = 1.959964  # the standard normal's 97.5 % point
CONFIDENCE_BINS = 15  # of equal width, as Guo et al. count


@dataclass(frozen=True)
class Accuracy:
    """`correct` of the `images` of one `split` were labelled right."""

    split: str
    correct: int
    images: int

    @property
    def value(self) -> float:
        """The share labelled right, 0 to 1."""
        return self.correct / self.images

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the share, by Wilson's score method (JASA 22, 1927): sound near 0 and 1, as here."""
        n, p = self.images, self.value
        centre = (p + Z_95**2 / (2 * n)) / (1 + Z_95**2 / n)
        half = Z_95 / (1 + Z_95**2 / n) * sqrt(p * (1 - p) / n + Z_95**2 / (4 * n**2))
        return max(0.0, centre - half), min(1.0, centre + half)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.value:.2%} ({low:.2%} to {high:.2%} on {self.images:,} {self.split} images)"


def accuracy(split: str, answers: NDArray[np.int64], labels: NDArray[np.int64]) -> Accuracy:
    """Score `answers` against `labels`, both int64 [n] of class indices."""
    return Accuracy(split, int(np.sum(answers == labels)), len(labels))


def agreement(answers: NDArray[np.int64], reference: NDArray[np.int64]) -> float:
    """The share of images (0 to 1) that two models give the same label; both int64 [n]."""
    return float(np.mean(answers == reference))


def expected_calibration_error(probabilities: NDArray[np.floating], labels: NDArray[np.int64]) -> float:
    """By how much confidence and accuracy differ on average, 0 to 1: 0 if what is 90 % sure is right 9 times in 10.

    `probabilities` are [n, classes] and `labels` int64 [n], n at least 1. Images are put into CONFIDENCE_BINS by their
    largest probability, a bin's upper end belonging to it; a bin's gap is between its mean probability and its share of
    right answers. Source: Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017,
    equation 3.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    bins = np.ceil(confidence * CONFIDENCE_BINS).astype(np.int64)
    # A bin's gap times its number of images: the sum over them of being right (1 or 0) less confidence.
    gaps = np.bincount(bins, weights=(probabilities.argmax(axis=1) == labels) - confidence)
    return float(np.abs(gaps).sum() / len(labels))


def threshold_keeping(share: float, probabilities: NDArray[np.floating]) -> float:
    """The highest probability that at least `share` (above 0, to 1) of the images reach by their likeliest class.

    `probabilities` are [n, classes], n at least 1. What falls below is to be rejected as none of the classes. Choose it
    on validation images.
    """
    confidence = np.sort(probabilities.max(axis=1))[::-1]
    return float(confidence[ceil(share * len(confidence)) - 1])
