"""What the numbers that a classifier returns mean, and the probabilities that they stand for."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from edgecnn.errors import ModelError

# `independent`: a probability for each class, which do not add up to 1, as from sigmoids. `one` and `one logit`: a
# single number for the second of two classes, as a probability or as the logit of one.
Scores = Literal["probabilities", "percent", "logits", "log-probabilities", "independent", "one", "one logit"]
SCORES: tuple[Scores, ...] = get_args(Scores)
PERCENT = 100
SUM_TOLERANCE = 2e-3  # how far probabilities may be from adding up to 1; float16 rounds to this


def all_finite(values: NDArray[np.float32]) -> bool:
    """Whether no score is NaN or infinite. The sum of squares tells, and is found sooner than by looking at each."""
    return isfinite(np.vdot(values, values))


def not_finite(path: Path) -> ModelError:
    return ModelError(f"{path} answers with NaN or infinite numbers: train and export it again")


def recognize(values: NDArray[np.floating]) -> Scores:
    """Find out what `values`, [n, outputs], mean; the more images, the surer."""
    within = bool((values >= 0).all() and (values <= 1).all())
    if values.shape[1] == 1:
        return "one" if within else "one logit"
    if within and _adds_up(values):
        return "probabilities"
    if (values >= 0).all() and _adds_up(values / PERCENT):
        return "percent"
    if (values <= SUM_TOLERANCE).all() and _adds_up(np.exp(values.astype(np.float64))):
        return "log-probabilities"
    return "independent" if within else "logits"


def _adds_up(values: NDArray[np.floating]) -> bool:
    return bool(np.allclose(values.sum(axis=1, dtype=np.float64), 1, atol=SUM_TOLERANCE))


def to_probabilities(values: NDArray[np.floating], scores: Scores) -> NDArray[np.float32]:
    """The probabilities, float32 [n, classes], that `values`, [n, outputs], stand for.

    Those of `independent` scores do not add up to 1. A single output becomes two classes.
    """
    if scores in ("probabilities", "independent"):
        return values.astype(np.float32, copy=False)
    exact = values.astype(np.float64)
    if scores == "percent":
        return (exact / PERCENT).astype(np.float32)
    if scores == "log-probabilities":
        return np.exp(exact).astype(np.float32)
    if scores == "logits":
        powers = np.exp(exact - exact.max(axis=1, keepdims=True))
        shares: NDArray[np.float32] = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
        return shares
    second = exact if scores == "one" else np.exp(-np.logaddexp(0, -exact))
    return np.concatenate([1 - second, second], axis=1).astype(np.float32)


def classes_of(outputs: int) -> int:
    """The number of classes of a model with that many outputs."""
    return max(outputs, 2)
