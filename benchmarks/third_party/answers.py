"""The right answers of a network, known to its maker, and what a difference from them means."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
FILE = "answers.npz"
ROUNDING = 2.0**-23  # the rounding error of a float32
# What the answers move by where inputs are rounded otherwise happens at each operator, not only at the input.
ROOM, LEAST, MOST = 16, 2e-5, 0.01
NEAR_MEAN, NEAR_AGREEMENT = 0.01, 0.99  # another way to scale pixels that does the same, but for rounding


@dataclass(frozen=True)
class Answers:
    """Probabilities, float64 [n, classes], for the test images, and the difference that float32 explains."""

    right: Floats
    allowed: float

    @classmethod
    def of(cls, answered: Callable[[Floats], Floats], values: Floats) -> "Answers":
        right = answered(values)
        moved = 0.0
        if values.dtype != np.uint8:
            signs = np.random.default_rng(0).choice([-ROUNDING, ROUNDING], values.shape)
            moved = float(np.abs(answered((values * (1 + signs)).astype(values.dtype)) - right).max())
        return cls(right, float(np.clip(ROOM * moved, LEAST, MOST)))

    def save(self, folder: Path) -> None:
        np.savez(folder / FILE, right=self.right, allowed=self.allowed)

    @classmethod
    def load(cls, folder: Path) -> "Answers":
        with np.load(folder / FILE) as stored:
            return cls(stored["right"], float(stored["allowed"]))

    def verdict(self, found: Floats) -> str:
        """`right`, `near` if it does the same but for less than a hundredth on average, or `wrong`."""
        if found.shape != self.right.shape or not np.isfinite(found).all():
            return "wrong"
        differences = np.abs(found - self.right)
        if differences.max() <= self.allowed and self._same_labels(found):
            return "right"
        same = (found.argmax(axis=1) == self.right.argmax(axis=1)).mean()
        return "near" if differences.mean() < NEAR_MEAN and same >= NEAR_AGREEMENT else "wrong"

    def _same_labels(self, found: Floats) -> bool:
        """Whether labels are the same wherever the margin exceeds what the difference explains."""
        ordered = np.sort(self.right, axis=1)
        sure = ordered[:, -1] - ordered[:, -2] > 2 * self.allowed
        return bool((found.argmax(axis=1) == self.right.argmax(axis=1))[sure].all())


def probabilities(values: Floats, scores: str) -> Floats:
    """What the maker reads in the network's scores."""
    match scores:
        case "logits":
            powers = np.exp(values - values.max(axis=1, keepdims=True))
            shares: Floats = powers / powers.sum(axis=1, keepdims=True)
            return shares
        case "log-probabilities":
            return np.exp(values)
        case "one":
            return np.hstack([1 - values, values])
        case "one logit":
            return probabilities(1 / (1 + np.exp(-values)), "one")
        case "percent":
            return values / 100
        case _:
            return values
