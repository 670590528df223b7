"""Counts of right answers and what they say: accuracy with its interval, and agreement between two models."""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

Z_95 = 1.959964  # the standard normal's 97.5 % point


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
