"""The fixed rule that splits off test images where a data set has none."""

import numpy as np
from numpy.typing import NDArray

from edgecnn.data.parts import Pair

# The second, the eighth, the fourteenth … image of each class in stored order becomes a test image. Counting in each
# class keeps the classes in proportion, and a class of one image stays in training.
TEST_EVERY, FIRST_TEST = 6, 1


def without_test(pair: Pair) -> tuple[Pair, Pair]:
    """Training and test images of a data set without a test split. `labels` are [n], of any type."""
    chosen = _number_in_class(pair.labels) % TEST_EVERY == FIRST_TEST
    return Pair(pair.images[~chosen], pair.labels[~chosen]), Pair(pair.images[chosen], pair.labels[chosen])


def _number_in_class(labels: NDArray[np.integer]) -> NDArray[np.int64]:
    """How many earlier images have the same label, int64 [n]."""
    numbers = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label)
        numbers[places] = np.arange(len(places))
    return numbers
