"""Strokes to digits, and digits to rows: which parts of a mask belong together, and in which order they are read."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from edgecnn.imaging.parts import Parts

Chosen = NDArray[np.bool_]
Matrix = NDArray[np.bool_]
Box = tuple[int, int, int, int]  # left, top, right, bottom

MOST_PARTS = 300  # of a picture: the largest; a page of handwriting has fewer
# A stroke beside the greatest part: its area and its length at least, and how thin its pen is at least.
LEAST_AREA, LEAST_SIZE, LEAST_PEN = 0.02, 0.1, 0.35
AT_EDGE = 0.03  # what a part counts that comes in from beyond the picture
TOUCHING, NEAR, ABOVE = 0.12, 0.25, 0.3  # gaps between strokes of one digit, of the longer stroke
SHORT, SHORTER = 0.4, 0.6  # strokes beside or above another one, of its length
OVERLAP = 0.4  # of the narrower stroke's width, for one above another
WIDEST = 1.4  # a digit's width by its height
SAME_ROW = 0.5  # of the smaller height: digits overlap so much with others of their row


def strokes(parts: Parts, shape: tuple[int, int], *, fills_frame: bool = False) -> Chosen:
    """Which parts, of which there is one at least, are strokes, not specks, dashes or what hangs in at an edge.

    A digit that `fills_frame` reaches the edges itself.
    """
    size = np.maximum(parts.width, parts.height)
    at_edge, pen = parts.at_edge(shape) & (not fills_frame), parts.pen
    main = int(np.argmax(parts.area * np.where(at_edge, AT_EDGE, 1)))
    kept: Chosen = (parts.area >= LEAST_AREA * parts.area[main]) & (size >= LEAST_SIZE * size[main])
    kept &= (pen >= LEAST_PEN * pen[main]) & (at_edge[main] | ~at_edge)
    if np.count_nonzero(kept) > MOST_PARTS:
        kept &= parts.area >= np.sort(parts.area[kept])[-MOST_PARTS]
    return kept


def digits(parts: Parts, kept: Chosen) -> list[Chosen]:
    """The parts of each digit, in no order."""
    index = np.flatnonzero(kept)
    number = _connected(_together(parts, index))
    found = np.zeros((len(index), len(parts)), np.bool_)
    found[number, index] = True
    return list(found[found.any(axis=1)])


def in_order(parts: Parts, found: Iterable[Chosen]) -> list[Chosen]:
    """The digits in the order of reading: rows from top to bottom, and in each row from left to right."""
    rows: list[list[tuple[Box, Chosen]]] = []
    for item in sorted(((parts.box(digit), digit) for digit in found), key=lambda item: item[0]):
        row = next((row for row in rows if _side_by_side(row[-1][0], item[0])), None)
        if row is None:
            rows.append([item])
        else:
            row.append(item)
    rows.sort(key=lambda row: sum(box[1] + box[3] for box, _ in row) / len(row))
    return [digit for row in rows for _, digit in row]


def _together(parts: Parts, index: NDArray[np.intp]) -> Matrix:
    """Which pairs of strokes are of one digit: near each other, or one a short stroke above the other."""
    left, top, right, bottom = (side[index] for side in (parts.left, parts.top, parts.right, parts.bottom))
    across = np.maximum.outer(left, left) - np.minimum.outer(right, right)
    down = np.maximum.outer(top, top) - np.minimum.outer(bottom, bottom)
    gap = np.maximum(np.maximum(across, down), 0)
    size = np.maximum(right - left, bottom - top)
    longer, shorter = np.maximum.outer(size, size), np.minimum.outer(size, size)
    above = -across >= OVERLAP * np.minimum.outer(right - left, right - left)
    near = (gap <= TOUCHING * longer) | ((gap <= NEAR * longer) & (shorter < SHORT * longer))
    near |= above & (gap <= ABOVE * longer) & (shorter < SHORTER * longer)
    width = np.maximum.outer(right, right) - np.minimum.outer(left, left)
    together: Matrix = near & (width <= WIDEST * (np.maximum.outer(bottom, bottom) - np.minimum.outer(top, top)))
    return together


def _connected(together: Matrix) -> NDArray[np.intp]:
    """A number for each stroke, the same for all that are connected by pairs."""
    number = np.arange(len(together))
    while True:
        lowest = np.where(together, number, len(number)).min(axis=1, initial=len(number))
        lowest = np.minimum(lowest, number)
        if np.array_equal(lowest, number):
            return number
        number = lowest


def _side_by_side(one: Box, other: Box) -> bool:
    """Whether two boxes are in one row: a row may rise or fall, so each digit is compared with the one before it."""
    overlap = min(one[3], other[3]) - max(one[1], other[1])
    return overlap >= SAME_ROW * min(one[3] - one[1], other[3] - other[1])
