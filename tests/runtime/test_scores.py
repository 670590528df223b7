"""What a model's numbers mean is found out from the numbers, and probabilities are made of them."""

import numpy as np
import pytest
from numpy.typing import NDArray

from edgecnn.runtime.scores import Scores, recognize, to_probabilities

LOGITS = np.random.default_rng(0).normal(0, 4, (64, 10))
PROBABILITIES = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
SIGMOIDS = 1 / (1 + np.exp(-LOGITS))


@pytest.mark.parametrize(
    ("values", "scores", "expected"),
    [
        (PROBABILITIES, "probabilities", PROBABILITIES),
        (PROBABILITIES.astype(np.float16), "probabilities", PROBABILITIES),
        (100 * PROBABILITIES, "percent", PROBABILITIES),
        ((100 * PROBABILITIES).astype(np.float32), "percent", PROBABILITIES),
        (LOGITS, "logits", PROBABILITIES),
        (np.abs(LOGITS), "logits", to_probabilities(np.abs(LOGITS), "logits")),
        (LOGITS - 1000, "logits", PROBABILITIES),
        (np.log(PROBABILITIES), "log-probabilities", PROBABILITIES),
        (SIGMOIDS, "independent", SIGMOIDS),
        (SIGMOIDS[:, :1], "one", np.hstack([1 - SIGMOIDS[:, :1], SIGMOIDS[:, :1]])),
        (LOGITS[:, :1], "one logit", np.hstack([1 - SIGMOIDS[:, :1], SIGMOIDS[:, :1]])),
        (np.full((64, 1), 2000.0), "one logit", np.repeat([[0.0, 1.0]], 64, axis=0)),
        (np.eye(10), "probabilities", np.eye(10)),
    ],
)
def test_numbers_are_recognized_and_become_probabilities(
    values: NDArray[np.floating], scores: Scores, expected: NDArray[np.float64]
) -> None:
    assert recognize(values) == scores
    probabilities = to_probabilities(values, scores)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities, expected, atol=1e-3)
