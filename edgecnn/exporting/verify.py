"""Compares a converted model with its original, and raises if their answers differ too much."""

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecnn.batches import FLOAT32, fitting
from edgecnn.data import Dataset
from edgecnn.errors import VerificationError
from edgecnn.metrics import Accuracy, agreement
from edgecnn.runtime.classifier import Classifier

MOST_DIFFERENCE = 1e-5  # between the probabilities of ONNX float32 and TensorFlow, for every LAYERS
LAYERS = 4  # with weights: each adds up its products in another order, and rounds otherwise
# Inputs are moved by this share, the rounding error of a float32. What the answers then move by, float32 cannot avoid.
ROUNDING = 2.0**-23
ROOM = 16  # times that movement: rounding happens at each operator, not only at the input
MOVED_IMAGES, MOVED_BYTES = 64, 2**24  # enough to find how far answers move
NEVER_MORE = 0.01  # a larger difference is not rounding
MOST_DROP = 0.003  # the most accuracy, 0 to 1, that a smaller precision may lose
WRONG = "no rounding explains that, so the conversion is wrong: report it with the model"
VERIFICATION_IMAGES = 1000
LEAST_IMAGES, MOST_RANDOM_BYTES = 50, 2**24  # where random images are compared
SEED = 0  # for drawing the verification images


@dataclass(frozen=True)
class Comparison:
    """The largest difference of any probability over `images` images, and the share of images with the same label."""

    images: int
    max_difference: float
    agreement: float


def compare(candidate: NDArray[np.float32], reference: NDArray[np.float32]) -> Comparison:
    """Compare two models' probabilities, float32 [n, classes], for the same images."""
    difference = float(np.max(np.abs(candidate.astype(np.float64) - reference)))
    return Comparison(len(reference), difference, agreement(candidate.argmax(axis=1), reference.argmax(axis=1)))


def allowed_difference(classifier: Classifier, images: NDArray[Any], layers: int) -> float:
    """How far probabilities may differ for rounding alone.

    It follows from the number of layers with weights, and for a float model from how far its own answers move when its
    inputs are rounded otherwise. `images` are of any form that the classifier takes.
    """
    by_depth = MOST_DIFFERENCE * max(1.0, layers / LAYERS)
    some = fitting(images[0].size * FLOAT32, MOVED_BYTES, MOVED_IMAGES)
    prepared = classifier.input.prepare(images[:some])
    if prepared.dtype != np.float32:
        return min(by_depth, NEVER_MORE)
    signs = np.random.default_rng(0).choice(np.array([-ROUNDING, ROUNDING], np.float32), prepared.shape)
    moved = compare(classifier.predict(prepared * (1 + signs)), classifier.predict(prepared)).max_difference
    return float(min(max(by_depth, ROOM * moved), NEVER_MORE))


def require_equal(comparison: Comparison, name: str, allowed: float = MOST_DIFFERENCE) -> None:
    """Raise VerificationError unless every probability differs by `allowed` or less.

    A label can then change only where two labels are as probable as each other, but for twice that.
    """
    changed = round((1 - comparison.agreement) * comparison.images)
    # Every comparison with NaN is false. So test what must be true, and a NaN is refused too.
    if not comparison.max_difference <= allowed:
        may_be_rounding = comparison.max_difference <= NEVER_MORE
        raise VerificationError(
            f"{name} differs from the original: probabilities by up to {comparison.max_difference:.2g} "
            f"(allowed: {allowed:.2g}), labels for {changed} of {comparison.images:,} images; nothing was written; "
            + ("rounding may explain it: give --tolerance P to accept it" if may_be_rounding else WRONG)
        )


def require_accuracy(after: Accuracy, before: Accuracy, name: str) -> None:
    """Raise VerificationError if the accuracy fell by more than MOST_DROP."""
    if after.value < before.value - MOST_DROP:
        raise VerificationError(
            f"{name} would lower the accuracy from {before.value:.2%} to {after.value:.2%}, by more than "
            f"{MOST_DROP * 100:g} points; nothing was written; "
            "try --target any (7-bit weights), --scheme dynamic or --scheme float16"
        )


def verification_images(shape: tuple[int, ...], dataset: Dataset | None) -> tuple[NDArray[np.uint8], str]:
    """Images to compare two models on, uint8 [n, *shape], and what they are: of the test split, else random."""
    if dataset:
        sample = dataset.test.sample(VERIFICATION_IMAGES, SEED)
        return sample.images, f"{len(sample):,} test images of {dataset.name}"
    count = min(VERIFICATION_IMAGES, max(LEAST_IMAGES, MOST_RANDOM_BYTES // prod(shape)))
    return np.random.default_rng(SEED).integers(0, 256, (count, *shape), np.uint8), f"{count:,} random images"
