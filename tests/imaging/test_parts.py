"""Connected parts of masks, and the running extrema that close gaps in them."""

import numpy as np
import pytest

from edgecnn.imaging.extrema import closing, dilated, eroded
from edgecnn.imaging.parts import Mask, find_parts


def flooded(mask: Mask) -> list[set[tuple[int, int]]]:
    """The connected parts by flooding one pixel after another."""
    left, found = {(int(y), int(x)) for y, x in np.argwhere(mask)}, []
    while left:
        part, todo = set(), [left.pop()]
        while todo:
            y, x = todo.pop()
            part.add((y, x))
            near = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left
            left -= near
            todo += near
        found.append(part)
    return found


@pytest.mark.parametrize("seed", range(40))
def test_parts_are_those_that_flooding_finds(seed: int) -> None:
    chance = np.random.default_rng(seed)
    mask = chance.random(chance.integers(1, 25, 2)) < chance.random()
    parts, whole = find_parts(mask), (0, 0, mask.shape[1], mask.shape[0])
    masks = [parts.mask(np.arange(len(parts)) == number, whole) for number in range(len(parts))]
    found = [{(int(y), int(x)) for y, x in np.argwhere(part)} for part in masks]
    assert sorted(map(sorted, found)) == sorted(map(sorted, flooded(mask)))
    for number, part in enumerate(masks):
        rows, columns = np.nonzero(part)
        assert parts.area[number] == len(rows)
        box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert parts.box(np.arange(len(parts)) == number) == box


def test_an_empty_mask_has_no_parts() -> None:
    assert len(find_parts(np.zeros((3, 4), np.bool_))) == 0


@pytest.mark.parametrize("window", [1, 3, 5, 9, 31])
def test_running_extrema_are_those_of_the_window_around_each_pixel(window: int) -> None:
    image = np.random.default_rng(window).random((11, 7)).astype(np.float32)
    reach = window // 2
    for y, x in np.ndindex(image.shape):
        around = image[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
        assert dilated(image, window)[y, x] == around.max()
        assert eroded(image, window)[y, x] == around.min()


def test_closing_fills_what_is_narrower_than_the_window() -> None:
    image = np.ones((20, 20), np.float32)
    image[:, 8:11] = 0
    assert closing(image, 5).min() == 1
    np.testing.assert_array_equal(closing(image, 3), image)
