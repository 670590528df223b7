"""What a model's answers are worth: accuracy with its interval, agreement, calibration, confusion."""

from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

Z_95 = 1.959964  # the standard normal's 97.5 % point
CONFIDENCE_BINS = 15  # of equal width, as Guo et al. count


@dataclass(frozen=True)
class Accuracy:
    """`correct` of the `images` of one `split` were labeled right."""

    split: str
    correct: int
    images: int

    @property
    def value(self) -> float:
        """The share labeled right, 0 to 1."""
        return self.correct / self.images

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the share, by Wilson's score method (JASA 22, 1927): sound near 0 and 1, as here."""
        n, p = self.images, self.value
        center = (p + Z_95**2 / (2 * n)) / (1 + Z_95**2 / n)
        half = Z_95 / (1 + Z_95**2 / n) * sqrt(p * (1 - p) / n + Z_95**2 / (4 * n**2))
        return max(0.0, center - half), min(1.0, center + half)

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


@dataclass(frozen=True)
class Mistake:
    """`count` of the `of` images with the true label `label` were answered with `answer`."""

    label: str
    answer: str
    count: int
    of: int

    @property
    def share(self) -> float:
        """The share of the label's images, 0 to 1."""
        return self.count / self.of

    def __str__(self) -> str:
        return f"{self.label} taken for {self.answer}: {self.count:,} of {self.of:,}"


@dataclass(frozen=True, eq=False)
class Confusion:
    """`counts` int64 [classes, classes]: how many images of each true label (row) got each answer (column).

    `labels` are the classes' names.
    """

    counts: NDArray[np.int64]
    labels: tuple[str, ...]

    def worst(self, count: int = 5) -> tuple[Mistake, ...]:
        """At most `count` kinds of mistake, the most frequent first; ties by their share, then in the labels' order."""
        wrong = np.argwhere((self.counts > 0) & ~np.eye(len(self.labels), dtype=bool))
        mistakes = [self._mistake(label, answer) for label, answer in wrong]
        return tuple(sorted(mistakes, key=lambda mistake: (-mistake.count, -mistake.share))[:count])

    def _mistake(self, label: int, answer: int) -> Mistake:
        row = self.counts[label]
        return Mistake(self.labels[label], self.labels[answer], int(row[answer]), int(row.sum()))


def confusion(answers: NDArray[np.int64], labels: NDArray[np.int64], names: tuple[str, ...]) -> Confusion:
    """Count `answers` against `labels`, both int64 [n] of class indices; `names` are the classes' names."""
    cells = np.bincount(labels * len(names) + answers, minlength=len(names) ** 2)
    return Confusion(cells.reshape(len(names), len(names)).astype(np.int64), names)
