"""Image operations that corruptions use: filters, resampling, strokes and plasma, on many 28×28 images at once.

Images are float64 [n, 28, 28] from 0 (background) to 1 (ink). Coordinates are (row, column) in pixels; 0 is the center
of the first pixel.
"""

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

SIDE = 28
CENTER = (SIDE - 1) / 2
GRID = np.mgrid[:SIDE, :SIDE].astype(np.float64)  # row and column of every pixel, [2, 28, 28]
PLASMA_SIDE = 256
STROKE = 2.3  # pixels: scale of the logarithm by which a stroke fades with the distance from its middle

Ink = NDArray[np.float64]
Mask = NDArray[np.bool_]
Border = Literal["edge", "symmetric"]  # how pixels beyond the border are filled: a mode of numpy.pad


def filter_matrix(weights: Ink, border: Border = "edge") -> Ink:
    """A matrix [28, 28] that, times a column of pixels, correlates it with `weights`, whose length is odd."""
    padded = np.pad(np.eye(SIDE), ((len(weights) // 2,) * 2, (0, 0)), border)
    return sliding_window_view(padded, len(weights), axis=0) @ weights


@lru_cache
def gaussian_matrix(sigma: float, reach: float, border: Border) -> Ink:
    """The filter matrix of a Gaussian of `sigma` pixels, cut off at `reach` times sigma."""
    radius = round(reach * sigma)
    weights = np.exp(-((np.arange(-radius, radius + 1) / sigma) ** 2) / 2)
    return filter_matrix(weights / weights.sum(), border)


def blurred(ink: Ink, sigma: float, reach: float = 4, border: Border = "edge") -> Ink:
    """`ink` [..., 28, 28] blurred by a Gaussian of `sigma` pixels."""
    matrix = gaussian_matrix(sigma, reach, border)
    smooth: Ink = matrix @ ink @ matrix.T
    return smooth


def sampled(ink: Ink, rows: Ink, columns: Ink) -> Ink:
    """`ink` at the given places, [n or 1, 28, 28] each: bilinear between pixels, 0 outside the image."""
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
    """Each pixel gets the value at its place, relative to the center, times a matrix; matrices are [n or 1, 2, 2]."""
    rows, columns = np.einsum("nij,jrc->inrc", matrices, GRID - CENTER) + CENTER
    return sampled(ink, rows, columns)


def shifted(ink: Ink, rows: NDArray[np.integer], columns: NDArray[np.integer]) -> Ink:
    """Each image moved down and right by whole pixels, [n] each, from -28 to 28; the rest becomes background."""
    padded = np.pad(ink, ((0, 0), (SIDE, SIDE), (SIDE, SIDE)))
    windows = sliding_window_view(padded, (SIDE, SIDE), axis=(1, 2))
    moved: Ink = windows[np.arange(len(ink)), SIDE - rows, SIDE - columns]
    return moved


def stroke(start: Ink, end: Ink) -> Ink:
    """One line per image, in the columns from `start` to `end`, [n, 2] each; `end` is to the right of `start`."""
    (row, column), (last_row, last_column) = (point.T[..., None, None] for point in (start, end))
    middle = row + (last_row - row) / (last_column - column) * (GRID[1] - column)
    distance = np.minimum(np.abs(GRID[0] - middle), 2)  # there is no ink beyond 1.5
    crossed = (np.floor(column) <= GRID[1]) & (GRID[1] < np.ceil(last_column))
    return np.where(crossed, np.maximum(1 + np.log(1 - distance / STROKE), 0), 0)


def plasma(count: int, decay: float, rng: np.random.Generator) -> Ink:
    """Random clouds from 0 to 1, [count, 28, 28]: corners of periodic height maps of 256×256 values.

    They are made by the diamond-square algorithm (Fournier, Fussell and Carpenter, Communications of the ACM 25, 1982):
    each new value is the mean of its four neighbors plus a random number, whose range is divided by `decay` at each
    halving of the step.
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
    """The `allowed` pixels that are connected to a seed through other allowed pixels; all [n, 28, 28]."""
    while True:
        windows = sliding_window_view(np.pad(seeds, ((0, 0), (1, 1), (1, 1))), (3, 3), axis=(1, 2))
        grown = allowed & windows.any(axis=(3, 4))
        if (grown == seeds).all():
            return seeds
        seeds = grown
