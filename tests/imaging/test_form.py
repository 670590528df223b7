"""MNIST's form: its own images have it, and digits of any size, place and pen get it."""

import numpy as np
import pytest
from PIL import Image

from edgecnn.data import Dataset
from edgecnn.imaging.form import BOX, CENTER, SIDE, THICKEST, THINNEST, Ink, has_form, in_form, stroke_width


def ring(size: int, thick: float) -> Ink:
    """A circle's line with soft edges."""
    down, across = np.indices((size, size)) - (size - 1) / 2
    line: Ink = np.clip(thick / 2 + 0.5 - np.abs(np.hypot(down, across) - (size - thick) / 2), 0, 1)
    return line.astype(np.float32)


def test_all_of_mnist_has_its_form(mnist: Dataset) -> None:
    assert all(map(has_form, mnist.test.images))


def test_inverted_shifted_faint_and_larger_images_do_not_have_it(mnist: Dataset) -> None:
    image = mnist.test.images[0]
    for other in (255 - image, np.roll(image, 3, axis=0), image // 2, np.pad(image, 1), np.zeros_like(image)):
        assert not has_form(other)


@pytest.mark.parametrize("thick", [2, 5.5, 9])
def test_a_strokes_width_is_measured_also_with_soft_edges(thick: float) -> None:
    assert stroke_width(ring(60, thick)) == pytest.approx(thick, rel=0.1)


@pytest.mark.parametrize("size", [8, 28, 90, 400])
@pytest.mark.parametrize("share", [0.01, 0.12, 0.3])
def test_every_size_and_pen_gets_the_form(size: int, share: float) -> None:
    image = in_form(ring(size, max(1.0, share * size)))
    assert image.max() > 240
    for axis in (0, 1):
        inky = np.flatnonzero((image > 100).any(axis=axis))
        assert BOX - 2 <= np.ptp(inky) + 1 <= BOX + 1
    assert THINNEST - 0.8 < stroke_width(image / np.float32(255)) < THICKEST + 1


def test_the_aspect_is_kept_and_the_mass_is_in_the_middle() -> None:
    ink = np.zeros((60, 30), np.float32)
    ink[:, 12:18] = 1
    ink[50:, :] = 1
    image = in_form(ink)
    rows, columns = (np.flatnonzero(image.max(axis=axis) > 127) for axis in (1, 0))
    assert np.ptp(rows) + 1 == pytest.approx(BOX, abs=1)
    assert np.ptp(columns) + 1 == pytest.approx(BOX / 2, abs=2)
    middle = (image.sum(axis=1) @ (np.arange(SIDE) + 0.5)) / image.sum()
    assert middle == pytest.approx(CENTER, abs=0.2)


def test_a_digit_of_mnist_that_was_enlarged_comes_back(mnist: Dataset) -> None:
    for image in mnist.test.images[:20]:
        rows, columns = (np.flatnonzero(image.any(axis=axis)) for axis in (1, 0))
        digit = Image.fromarray(image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
        large = digit.resize((digit.width * 9, digit.height * 9), Image.Resampling.BICUBIC)
        found = in_form(np.asarray(large, np.float32) / 255)
        assert np.corrcoef(found.ravel(), image.ravel())[0, 1] > 0.85
