"""[TensorFlow for folding] Makes the probabilities mean what they say: one temperature, fitted on validation images.

Source: C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

RANGE = np.geomspace(0.2, 5, 321)  # steps of 1 %, finer than any validation split can tell apart


def fitted(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """What to divide `logits` [n, classes] by so that their mean cross-entropy with `labels` [n] is least."""
    return float(min(RANGE, key=lambda temperature: _cross_entropy(logits / temperature, labels)))


def fold(model: Any, temperature: float) -> None:
    """Divide the logits of a keras.Model that ends in a dense layer and a softmax: in that layer's weights."""
    dense = model.layers[-2]
    dense.set_weights([weights / temperature for weights in dense.get_weights()])


def _cross_entropy(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    below = logits - logits.max(axis=1, keepdims=True)
    return float(np.mean(np.log(np.exp(below).sum(axis=1)) - below[np.arange(len(labels)), labels]))
