"""Finds the marks of a sheet in a photograph: three squares in each other, whatever their size and direction.

Any line through the middle of a mark crosses a dark, a light, a dark, a light and a dark run, of which the one in the
middle is three times as long as the others. Neither writing nor print has such runs both across and down in one place.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Gray = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]

WINDOWS = (12, 5)  # parts of the picture's longer side: around each pixel, so much tells what is dark there
DARK, LEAST_DARK = 0.82, 10  # a share of the brightness around, and steps of gray below it
# Of the run in the middle and of the four others, in units of the others' mean. A line that passes beside the center
# of a mark that stands on its corner has a short run in the middle.
MIDDLE, OTHERS = (1.3, 4.2), (0.4, 1.8)
SMALLEST = 7  # pixels of a mark
MOST_OBLIQUE = 2.0  # the longer crossing of a mark in lengths of the shorter
TILE = 4  # pixels
MOST_CROSSINGS = 500  # more are noise: those of a mark have many around them
MOST_MARKS = 9


@dataclass(frozen=True)
class Mark:
    """What may be a mark: its center and its width, in pixels, and how many lines crossed it."""

    x: float
    y: float
    size: float
    lines: int


def find_marks(gray: Gray, window: int) -> list[Mark]:
    """What looks like a mark in a picture, uint8 [height, width]: at most MOST_MARKS, those with most lines first.

    A pixel is dark by comparison with the `window` × `window` pixels around it.
    """
    dark = _is_dark(gray, window)
    across = _crossings(dark)
    down = _crossings(dark.T)[:, [1, 0, 2]]
    return _clustered(_in_both(across, down, gray.shape))


def _is_dark(gray: Gray, window: int) -> Mask:
    """Which pixels are darker than what is around them."""
    height, width = gray.shape
    small = (max(1, round(2 * width / window)), max(1, round(2 * height / window)))
    coarse = Image.fromarray(gray).resize(small, Image.Resampling.BOX)
    around = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.float32)
    return np.asarray(gray < np.minimum(around * DARK, around - LEAST_DARK))


def _crossings(dark: Mask) -> Floats:
    """The middle and the length of all five runs in a row that a mark would have: x, y and length, [n, 3]."""
    padded = np.zeros((dark.shape[0], dark.shape[1] + 2), np.bool_)
    padded[:, 1:-1] = dark
    ends = np.flatnonzero(padded[:, 1:].ravel() != padded[:, :-1].ravel())  # dark begins and ends by turns
    stride = padded.shape[1] - 1
    if len(ends) < 6:
        return np.empty((0, 3))
    six = np.lib.stride_tricks.sliding_window_view(ends, 6)[::2]
    six = six[(six[:, 0] // stride == six[:, 5] // stride) & (six[:, 5] - six[:, 0] >= SMALLEST)]
    six = six[_has_form(np.diff(six, axis=1))]
    rows = six[:, 0] // stride
    return np.stack([(six[:, 2] + six[:, 3]) / 2 - rows * stride, rows + 0.5, six[:, 5] - six[:, 0]], axis=1)


def _has_form(runs: NDArray[np.intp]) -> Mask:
    rings = runs[:, [0, 1, 3, 4]]
    unit = rings.mean(axis=1)
    inner = runs[:, 2] / unit
    even = (rings.min(axis=1) >= OTHERS[0] * unit) & (rings.max(axis=1) <= OTHERS[1] * unit)
    return np.asarray(even & (inner >= MIDDLE[0]) & (inner <= MIDDLE[1]))


def _in_both(across: Floats, down: Floats, shape: tuple[int, ...]) -> tuple[Floats, Floats]:
    """The crossings of both directions that meet in one place, those with most others around them first.

    Those of one direction are the first array, [n, 3], and those that they meet the second one.
    """
    owner = np.full(shape, -1, np.intp)
    x, y = down[:, 0].astype(np.intp), down[:, 1].astype(np.intp)
    for step in (2, 1, 0):  # the nearest are written last
        for row, column in {(y_step, x_step) for y_step in (-step, 0, step) for x_step in (-step, 0, step)}:
            owner[np.clip(y + row, 0, shape[0] - 1), np.clip(x + column, 0, shape[1] - 1)] = np.arange(len(down))
    met = owner[across[:, 1].astype(np.intp), across[:, 0].astype(np.intp)]
    across, down = across[met >= 0], down[met[met >= 0]]
    alike = np.maximum(across[:, 2], down[:, 2]) < MOST_OBLIQUE * np.minimum(across[:, 2], down[:, 2])
    across, down = across[alike], down[alike]
    order = np.argsort(-_support(across, shape), kind="stable")[:MOST_CROSSINGS]
    return across[order], down[order]


def _support(crossings: Floats, shape: tuple[int, ...]) -> NDArray[np.intp]:
    """How many crossings are in the same place as each, give or take TILE pixels."""
    x, y = (crossings[:, axis].astype(np.intp) // TILE + 1 for axis in (0, 1))
    counts = np.zeros((shape[0] // TILE + 3, shape[1] // TILE + 3), np.intp)
    np.add.at(counts, (y, x), 1)
    steps = (-1, 0, 1)
    return np.asarray(np.sum([counts[y + down, x + across] for down in steps for across in steps], axis=0))


def _clustered(pairs: tuple[Floats, Floats]) -> list[Mark]:
    across, down = pairs
    marks = []
    while len(across):
        near = np.hypot(*(across[:, :2] - across[0, :2]).T) < across[0, 2] / 2
        size = float(np.sqrt(across[near, 2].mean() * down[near, 2].mean()))
        marks.append(Mark(float(across[near, 0].mean()), float(down[near, 1].mean()), size, int(near.sum())))
        across, down = across[~near], down[~near]
    return sorted(marks, key=lambda mark: -mark.lines)[:MOST_MARKS]
