"""Digits are found on paper in uneven light, between printed lines, beside other things; and nothing where none is."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edgecnn.data import Dataset
from edgecnn.imaging.digits import find_digits
from edgecnn.imaging.light import fills_frame, has_dark_paper, ink_of

Gray = NDArray[np.uint8]
Light = NDArray[np.floating[Any]]


def sheet(digits: Gray, places: list[tuple[int, int]], size: int = 90, shape: tuple[int, int] = (240, 320)) -> Light:
    """White paper, 1, with black digits, 0, at places: each is the left and the top of a square of `size` pixels."""
    paper = Image.new("L", shape[::-1])
    for digit, place in zip(digits, places, strict=False):
        paper.paste(Image.fromarray(digit).resize((size, size), Image.Resampling.BICUBIC), place)
    return 1 - np.asarray(paper, np.float32) / 255


def as_gray(light: Light) -> Gray:
    return np.clip(light * 255, 0, 255).astype(np.uint8)


def likeness(one: Gray, other: Gray) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def plain(paper: Light) -> Light:
    return 0.2 + 0.75 * paper


def dark(paper: Light) -> Light:
    return 1 - paper


def faint(paper: Light) -> Light:
    return 0.55 + 0.25 * paper


def shadow(paper: Light) -> Light:
    return plain(paper) * np.linspace(0.3, 1, paper.shape[1], dtype=np.float32)


def grain(paper: Light) -> Light:
    return plain(paper) + np.random.default_rng(0).normal(0, 0.03, paper.shape).astype(np.float32)


def ruled(paper: Light) -> Light:
    lined = plain(paper)
    lined[20::60] *= 0.7
    lined[21::60] *= 0.7
    return lined


def squared(paper: Light) -> Light:
    lined = ruled(paper)
    lined[:, 15::60] *= 0.7
    return lined


def boxed(paper: Light) -> Light:
    """A faint pen in a form's dark box, whose lines end at its corners or run on, and lean a little."""
    lined = 0.55 + 0.4 * paper
    rows, columns = np.mgrid[: paper.shape[0], : paper.shape[1]]
    lean = rows + 0.02 * columns
    lined[(np.abs(lean - 30) < 2) | (np.abs(lean - 200) < 2) & (columns > 50)] = 0.05
    upright = columns - 0.02 * rows
    lined[(np.abs(upright - 50) < 2) & (lean > 30) | (np.abs(upright - 260) < 2)] = 0.05
    return lined


CONDITIONS = [plain, dark, faint, shadow, grain, ruled, squared, boxed]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_digit_is_found_in_every_light_and_on_every_paper(
    mnist: Dataset, condition: Callable[[Light], Light]
) -> None:
    alike = []
    for image in mnist.test.images[:10]:
        (digit,) = find_digits(as_gray(condition(sheet(image[None], [(130, 70)])))).digits
        left, top, right, bottom = digit.box
        assert 130 <= left < right <= 220
        assert 70 <= top < bottom <= 160
        alike.append(likeness(digit.image, image))
    assert np.median(alike) > 0.9


def test_mnist_itself_is_not_changed(mnist: Dataset) -> None:
    for image in mnist.test.images[:500]:
        (digit,) = find_digits(image).digits
        np.testing.assert_array_equal(digit.image, image)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_ink_is_told_from_paper(mnist: Dataset, condition: Callable[[Light], Light]) -> None:
    for image in mnist.test.images[:10]:
        gray = as_gray(condition(sheet(image[None], [(130, 70)])))
        assert has_dark_paper(gray) is (condition is dark)


def test_light_that_gets_weaker_is_not_ink(mnist: Dataset) -> None:
    bare = as_gray(shadow(np.ones((240, 320), np.float32)))
    assert ink_of(bare).max() < 0.1


def test_several_digits_come_in_the_order_of_reading(mnist: Dataset) -> None:
    images = mnist.test.images[:6]
    places = [(10, 10), (110, 20), (220, 5), (15, 120), (115, 130), (225, 115)]
    found = find_digits(as_gray(plain(sheet(images, places))), several=True).digits
    assert len(found) == 6
    for digit, image in zip(found, images, strict=True):
        assert likeness(digit.image, image) > 0.8


@pytest.mark.parametrize("side", [8, 16])
def test_a_digit_that_fills_a_small_frame_is_found(mnist: Dataset, side: int) -> None:
    for image in mnist.test.images[:40]:
        rows, columns = (np.flatnonzero(image.any(axis=axis)) for axis in (1, 0))
        digit = Image.fromarray(image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
        filled = np.asarray(digit.resize((side, side), Image.Resampling.BOX))
        assert len(find_digits(filled).digits) == len(find_digits(255 - filled).digits) == 1


def test_what_reaches_the_edges_of_a_small_frame_is_the_digit_and_not_a_dash_within(mnist: Dataset) -> None:
    """As data sets have it that stretch each digit to a square: here zeros, with a dash in the middle."""
    test = mnist.test
    for image in test.images[test.labels == 0][:20]:
        ink = Image.fromarray(image)
        frame = np.asarray(ink.crop(ink.getbbox()).resize((20, 20), Image.Resampling.BICUBIC)).copy()
        if frame[7:13, 6:14].max() > 20:
            continue  # a narrow one
        frame[9:11, 8:12] = 255
        (digit,) = find_digits(frame).digits
        left, top, right, bottom = digit.box
        assert (right - left, bottom - top) >= (18, 18)


def test_many_faint_digits_are_found(mnist: Dataset) -> None:
    places = [(10 + 100 * column, 10 + 90 * row) for row in range(4) for column in range(6)]
    paper = 0.7 + 0.25 * sheet(mnist.test.images[:24], places, size=80, shape=(380, 620))
    assert len(find_digits(as_gray(paper), several=True).digits) >= 23


def test_the_largest_of_several_is_the_one_digit(mnist: Dataset) -> None:
    paper = sheet(mnist.test.images[:1], [(10, 60)], size=150)
    other = sheet(mnist.test.images[1:2], [(250, 30)], size=50)
    (digit,) = find_digits(as_gray(plain(np.minimum(paper, other)))).digits
    assert likeness(digit.image, mnist.test.images[0]) > 0.8


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("several", [False, True])
def test_paper_without_ink_has_no_digit(condition: Callable[[Light], Light], several: bool) -> None:
    assert not find_digits(as_gray(condition(np.ones((240, 320), np.float32))), several=several).digits


@pytest.mark.parametrize("shape", [(1, 1), (1, 60), (480, 1), (2, 2), (28, 28), (64, 64), (300, 480)])
@pytest.mark.parametrize("fill", ["black", "white", "noise", "half"])
def test_whatever_the_picture_shows_there_is_an_answer(shape: tuple[int, int], fill: str) -> None:
    gray = np.full(shape, 255 * (fill == "white"), np.uint8)
    if fill == "noise":
        gray = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    if fill == "half":
        gray[:, : shape[1] // 2] = 200
    for several in (False, True):
        found = find_digits(gray, several=several).digits
        assert not found or fill in ("noise", "half")
        assert all(digit.image.shape == (28, 28) for digit in found)
    assert fill != "noise" or fills_frame(gray) or not found
