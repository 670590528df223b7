"""What corruptions are made of: filters, resampling, strokes and plasma on many 28×28 images at once.

Images are float64 [n, 28, 28] from 0 (background) to 1 (ink); coordinates are (row, column) in pixels, 0 being the
center of the first.
"""

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

SIDE = 28
CENTER = (SIDE - 1) / 2
GRID = np.mgrid[:SIDE, :SIDE].astype(np.float64)  # rows and columns of all pixels, [2, 28, 28]
PLASMA_SIDE = 256
STROKE = 2.3  # pixels: a stroke fades with the logarithm of the distance from its middle, to nothing within this

Ink = NDArray[np.float64]
Mask = NDArray[np.bool_]
Border = Literal["edge", "symmetric"]  # what lies beyond the border, in the terms of numpy.pad


def filter_matrix(weights: Ink, border: Border = "edge") -> Ink:
    """[28, 28], which times a column of pixels is that column correlated with `weights`, of odd length."""
    padded = np.pad(np.eye(SIDE), ((len(weights) // 2,) * 2, (0, 0)), border)
    return sliding_window_view(padded, len(weights), axis=0) @ weights


@lru_cache
def gaussian_matrix(sigma: float, reach: float, border: Border) -> Ink:
    """The filter matrix of a Gaussian of `sigma` pixels, cut off at `reach` times that."""
    radius = round(reach * sigma)
    weights = np.exp(-((np.arange(-radius, radius + 1) / sigma) ** 2) / 2)
    return filter_matrix(weights / weights.sum(), border)


def blurred(ink: Ink, sigma: float, reach: float = 4, border: Border = "edge") -> Ink:
    """`ink` [..., 28, 28] under a Gaussian."""
    matrix = gaussian_matrix(sigma, reach, border)
    smooth: Ink = matrix @ ink @ matrix.T
    return smooth


def sampled(ink: Ink, rows: Ink, columns: Ink) -> Ink:
    """What `ink` has at the given places, [n or 1, 28, 28] each: bilinear between pixels, 0 outside."""
    padded = np.pad(ink, ((0, 0), (1, 1), (1, 1)))
    width = SIDE + 2
    rows, columns = np.clip(rows, -1, SIDE) + 1, np.clip(columns, -1, SIDE) + 1
    top, left = (np.minimum(place.astype(np.intp), SIDE) for place in (rows, columns))
    down, right = rows - top, columns - left
    first = np.arange(len(ink))[:, None, None] * width**2 + top * width + left
    upper = (1 - right) * padded.take(first) + right * padded.take(first + 1)
    lower = (1 - right) * padded.take(first + width) + right * padded.take(first + width + 1)
    between: Ink = (1 - down) * upper + down * lower
    return between


def warped(ink: Ink, matrices: Ink) -> Ink:
    """Each pixel, seen from the image's center, shows what lies at its place times a matrix, [n or 1, 2, 2]."""
    rows, columns = np.einsum("nij,jrc->inrc", matrices, GRID - CENTER) + CENTER
    return sampled(ink, rows, columns)


def shifted(ink: Ink, rows: NDArray[np.integer], columns: NDArray[np.integer]) -> Ink:
    """Each image moved down and right by whole pixels, [n] each, at most 28 either way; background comes in."""
    padded = np.pad(ink, ((0, 0), (SIDE, SIDE), (SIDE, SIDE)))
    windows = sliding_window_view(padded, (SIDE, SIDE), axis=(1, 2))
    moved: Ink = windows[np.arange(len(ink)), SIDE - rows, SIDE - columns]
    return moved


def stroke(start: Ink, end: Ink) -> Ink:
    """A line an image from `start` to `end`, [n, 2] each, drawn in the columns it crosses; `end` is further right."""
    (row, column), (last_row, last_column) = (point.T[..., None, None] for point in (start, end))
    middle = row + (last_row - row) / (last_column - column) * (GRID[1] - column)
    distance = np.minimum(np.abs(GRID[0] - middle), 2)  # beyond 1.5 there is no ink
    crossed = (np.floor(column) <= GRID[1]) & (GRID[1] < np.ceil(last_column))
    return np.where(crossed, np.maximum(1 + np.log(1 - distance / STROKE), 0), 0)


def plasma(count: int, decay: float, rng: np.random.Generator) -> Ink:
    """Upper left corners, [count, 28, 28], of random heights from 0 to 1 on tori of 256×256 places.

    The diamond-square algorithm (Fournier, Fussell and Carpenter, Communications of the ACM 25, 1982): each new place
    has the mean of its four neighbors and something random, which at each halving of the step gets `decay` times less.
    """
    heights = np.zeros((count, PLASMA_SIDE, PLASMA_SIDE))
    step, roughness = PLASMA_SIDE, 1.0

    def about(total: Ink) -> Ink:
        return total / 4 + roughness * rng.uniform(-1, 1, total.shape)

    while step > 1:
        half = step // 2
        corners = heights[:, ::step, ::step]
        beside, below = corners + np.roll(corners, -1, 2), corners + np.roll(corners, -1, 1)
        centers = about(beside + np.roll(beside, -1, 1))
        heights[:, half::step, half::step] = centers
        heights[:, ::step, half::step] = about(beside + centers + np.roll(centers, 1, 1))
        heights[:, half::step, ::step] = about(below + centers + np.roll(centers, 1, 2))
        step, roughness = half, roughness / decay
    low, high = (end(heights, axis=(1, 2), keepdims=True) for end in (np.min, np.max))
    corner: Ink = (heights[:, :SIDE, :SIDE] - low) / (high - low)
    return corner


def connected(seeds: Mask, allowed: Mask) -> Mask:
    """The `allowed` pixels that a path of such pixels, each touching the next, joins to a seed; [n, 28, 28]."""
    while True:
        windows = sliding_window_view(np.pad(seeds, ((0, 0), (1, 1), (1, 1))), (3, 3), axis=(1, 2))
        grown = allowed & windows.any(axis=(3, 4))
        if (grown == seeds).all():
            return seeds
        seeds = grown
