"""Outliers: what does not look like the digits that a network was trained with. Fits, keeps and uses the numbers.

A network gives a shoe a digit as well, and may be sure of it. So an image is compared with the training images of its
label. Both are averaged over squares of 4×4 pixels, which leaves 7×7 numbers: their mean for each label, and one
covariance for all labels, give a Mahalanobis distance. Lee and others, "A Simple Unified Framework for Detecting
Out-of-Distribution Samples and Adversarial Attacks", NeurIPS 2018, do so with a network's features; averaged pixels
need no second output of the network. `python -m benchmarks outliers` measures what it is worth.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import ceil, isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDE, GRID = 28, 7  # pixels of an image, and squares of the grid in a row
SQUARE, NUMBERS = SIDE // GRID, GRID**2
TRIANGLE = NUMBERS * (NUMBERS + 1) // 2
NOISE = 8.0  # gray levels that are added to each standard deviation: squares at the edge are black in all images
KEPT = 0.995  # of validation images are not outliers
LEAST = 200  # validation images: of fewer, one in 200 cannot be told
MOST_CLASSES = 1000
MOST_SCALE, MOST_LIMIT = 1e3, 1e6  # far above what is fitted: products of them are finite
MOST_TEXT = 4 * (MOST_CLASSES * NUMBERS // 3 + 1)  # characters of Base64

Floats = NDArray[np.float64]
Answers = NDArray[np.int64]


@dataclass(frozen=True)
class Outliers:
    """What the images of each label look like, and from which distance on an image is an outlier.

    `means` are uint8 [classes, 49] and `spread` int8 [1225], as Base64. `spread` times `scale` is the lower triangle,
    row by row, of the matrix L with L·Lᵀ = the inverse of the covariance of gray levels. `limit` is the distance.
    Raises ValueError for numbers that are not such, as a damaged file may have them.
    """

    means: str
    spread: str
    scale: float
    limit: float

    def __post_init__(self) -> None:
        for value, most in ((self.scale, MOST_SCALE), (self.limit, MOST_LIMIT)):
            if not (isinstance(value, float) and isfinite(value) and 0 < value <= most):
                raise ValueError("not a scale or a limit")
        if not self._means.size or self._means.size % NUMBERS or self._spread.size != TRIANGLE:
            raise ValueError("not the means and the spread of images")

    @property
    def classes(self) -> int:
        return self._means.size // NUMBERS

    @cached_property
    def _means(self) -> NDArray[np.uint8]:
        return np.frombuffer(_decoded(self.means), np.uint8)

    @cached_property
    def _spread(self) -> NDArray[np.int8]:
        return np.frombuffer(_decoded(self.spread), np.int8)

    @cached_property
    def _factors(self) -> tuple[Floats, Floats]:
        """The means, float64 [classes, 49], and the matrix L, float64 [49, 49]."""
        whitening = np.zeros((NUMBERS, NUMBERS))
        whitening[np.tril_indices(NUMBERS)] = self._spread * self.scale
        return self._means.reshape(-1, NUMBERS).astype(np.float64), whitening

    def distances(self, images: NDArray[np.uint8], answers: Answers) -> Floats:
        """How far each image, uint8 [n, 28, 28], is from those of its label, int64 [n]: float64 [n], in deviations."""
        means, whitening = self._factors
        apart = pooled(images) - means[answers]
        found: Floats = np.sqrt(np.square(apart @ whitening).sum(axis=1))
        return found

    def among(self, images: NDArray[np.uint8], answers: Answers) -> NDArray[np.bool_]:
        """Whether each image is an outlier, bool [n]. Takes what `distances` takes."""
        return self.distances(images, answers) > self.limit


def _decoded(text: str) -> bytes:
    """Raises ValueError for what is too long, or not Base64."""
    if not isinstance(text, str) or len(text) > MOST_TEXT:
        raise ValueError("not Base64, or too long")
    return base64.b64decode(text, validate=True)


def from_plain(tree: Mapping[str, Any]) -> Outliers:
    """The numbers as a file has them. Raises ValueError, TypeError and KeyError for anything else."""
    return Outliers(tree["means"], tree["spread"], tree["scale"], tree["limit"])


def pooled(images: NDArray[np.uint8]) -> Floats:
    """The mean gray level of each square, float64 [n, 49], of images, uint8 [n, 28, 28]."""
    squares = images.reshape(len(images), GRID, SQUARE, GRID, SQUARE)
    means: Floats = squares.mean(axis=(2, 4), dtype=np.float64).reshape(len(images), NUMBERS)
    return means


def fit(images: NDArray[np.uint8], labels: Answers, classes: int) -> Outliers | None:
    """What training images, uint8 [n, 28, 28], with labels, int64 [n], look like, without a limit yet.

    None if there are more than MOST_CLASSES, or one of them has no image.
    """
    counts = np.bincount(labels, minlength=classes)
    if not (counts.all() and 0 < classes <= MOST_CLASSES):
        return None
    numbers = pooled(images)
    means = np.stack([numbers[labels == label].mean(axis=0) for label in range(classes)])
    apart = numbers - means[labels]
    covariance = apart.T @ apart / len(apart) + NOISE**2 * np.eye(NUMBERS)
    whitening = np.linalg.cholesky(np.linalg.inv(covariance))[np.tril_indices(NUMBERS)]
    scale = float(np.abs(whitening).max()) / np.iinfo(np.int8).max
    spread = np.round(whitening / scale).astype(np.int8)
    return Outliers(_encoded(np.round(means).astype(np.uint8)), _encoded(spread), scale, MOST_LIMIT)


def limit_of(fitted: Outliers, images: NDArray[np.uint8], answers: Answers) -> float | None:
    """The distance within which KEPT of validation images are, uint8 [n, 28, 28], with the network's answers.

    None for fewer than LEAST images, or if all of them are the same.
    """
    if len(images) < LEAST:
        return None
    distances = np.sort(fitted.distances(images, answers))
    return float(distances[ceil(KEPT * len(distances)) - 1]) or None


def _encoded(numbers: NDArray[Any]) -> str:
    return base64.b64encode(numbers.tobytes()).decode()
