"""Compares a converted model with its original, and raises if their answers differ too much."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgecnn.errors import VerificationError
from edgecnn.metrics import Accuracy, agreement

MOST_DIFFERENCE = 1e-5  # between the probabilities of ONNX float32 and TensorFlow
MOST_DROP = 0.003  # the most accuracy, 0 to 1, that a smaller precision may lose


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


def require_equal(comparison: Comparison, name: str) -> None:
    """Raise VerificationError unless no label changed and no probability moved by more than MOST_DIFFERENCE."""
    changed = round((1 - comparison.agreement) * comparison.images)
    # Every comparison with NaN is false. So test what must be true, and a NaN is refused too.
    if not (comparison.max_difference <= MOST_DIFFERENCE and changed == 0):
        raise VerificationError(
            f"{name} differs from the original: probabilities by up to {comparison.max_difference:.2g} "
            f"(allowed: {MOST_DIFFERENCE:g}), labels for {changed} of {comparison.images:,} images; "
            "nothing was written; try another --opset"
        )


def require_accuracy(after: Accuracy, before: Accuracy, name: str) -> None:
    """Raise VerificationError if the accuracy fell by more than MOST_DROP."""
    if after.value < before.value - MOST_DROP:
        raise VerificationError(
            f"{name} would lower the accuracy from {before.value:.2%} to {after.value:.2%}, by more than "
            f"{MOST_DROP * 100:g} points; nothing was written; "
            "try --target any (7-bit weights), --scheme dynamic or --scheme float16"
        )
