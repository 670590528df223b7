"""Our median is numpy's."""

import numpy as np
import pytest

from edgecnn.imaging.medians import median


@pytest.mark.parametrize("size", [1, 2, 3, 10, 1001])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_the_median_is_numpys(size: int, dtype: type[np.generic]) -> None:
    values = np.random.default_rng(size).integers(0, 256, (size, 2)).astype(dtype)
    assert median(values) == np.median(values)


def test_there_is_no_median_of_nothing() -> None:
    assert np.isnan(median(np.zeros((0, 2), np.float32)))
