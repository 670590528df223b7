"""Pictures of every depth and ground are read as what they show: the digits keep their labels."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edgecnn.data import Dataset
from edgecnn.predict import classify_files
from edgecnn.runtime.classifier import Classifier

Pixels = NDArray[np.uint8]


def on_clear(*color: int) -> Callable[[Pixels], Image.Image]:
    """Ink of one color on a transparent ground, as drawing programs save it."""
    return lambda ink: Image.fromarray(np.dstack([np.full((28, 28, len(color)), color, np.uint8), ink]))


def numbers(dtype: type, factor: float, offset: float = 0) -> Callable[[Pixels], Image.Image]:
    return lambda ink: Image.fromarray((ink.astype(np.float64) * factor + offset).astype(dtype))


FORMS: dict[str, Callable[[Pixels], Image.Image]] = {
    "white-on-clear.png": on_clear(255, 255, 255),
    "black-on-clear.png": on_clear(0, 0, 0),
    "blue-on-clear.webp": on_clear(20, 20, 200),
    "gray-on-clear.png": on_clear(255),
    "shares.tiff": numbers(np.float32, 1 / 255),
    "floats.tiff": numbers(np.float32, 1),
    "12-bits.png": numbers(np.uint16, 16),
    "12-bits.tiff": numbers(np.uint16, 16),
    "10-bits-dark.png": numbers(np.uint16, -4, 1020),
    "16-bits.png": numbers(np.uint16, 257),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_digit_is_the_same_in_every_form(name: str, mnist: Dataset, tmp_path: Path) -> None:
    paths = [tmp_path / f"{at:02}-{name}" for at in range(10)]
    for path, ink in zip(paths, mnist.test.images, strict=False):
        FORMS[name](ink).save(path)
    found = [guess for _, guess in classify_files(Classifier("edge"), paths, 1)]
    labels = [guess[0].label for guess in found if isinstance(guess, list)]
    assert labels == [str(label) for label in mnist.test.labels[:10]]
