"""Connected parts of a mask, each with its box and its area, found by the runs of its rows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Numbers = NDArray[np.intp]


@dataclass(frozen=True)
class Parts:
    """The parts of a mask whose pixels touch each other, also at their corners.

    Each part has a box from `left`, `top` to `right`, `bottom`, which lie outside of it, and an `area` in pixels. The
    mask consists of runs of True: run i is in `row[i]`, from `start[i]` to before `end[i]`, and in part `number[i]`.
    """

    left: Numbers
    top: Numbers
    right: Numbers
    bottom: Numbers
    area: Numbers
    row: Numbers
    start: Numbers
    end: Numbers
    number: Numbers

    def __len__(self) -> int:
        return len(self.area)

    @property
    def width(self) -> Numbers:
        """The width of each box."""
        return self.right - self.left

    @property
    def height(self) -> Numbers:
        """The height of each box."""
        return self.bottom - self.top

    @property
    def pen(self) -> NDArray[np.float64]:
        """The mean width of the strokes of each part: what is shorter of the runs along its rows and its columns."""
        along_rows = self.area / np.bincount(self.number, minlength=len(self))
        return np.minimum(along_rows, self.area / self.width)

    def at_edge(self, shape: tuple[int, int]) -> Mask:
        """Which parts touch the edge of a mask of that height and width."""
        found: Mask = (self.left == 0) | (self.top == 0) | (self.right == shape[1]) | (self.bottom == shape[0])
        return found

    def box(self, chosen: Mask) -> tuple[int, int, int, int]:
        """The box around the chosen parts, of which there is one at least: left, top, right, bottom."""
        ends = self.left[chosen].min(), self.top[chosen].min(), self.right[chosen].max(), self.bottom[chosen].max()
        return int(ends[0]), int(ends[1]), int(ends[2]), int(ends[3])

    def mask(self, chosen: Mask, box: tuple[int, int, int, int]) -> Mask:
        """The chosen parts within a box that holds them whole, bool [height, width]."""
        left, top, right, bottom = box
        runs = chosen[self.number]
        length = (self.end - self.start)[runs]
        first = (self.row[runs] - top) * (right - left) + self.start[runs] - left
        found = np.zeros((bottom - top) * (right - left), np.bool_)
        found[np.repeat(first - (length.cumsum() - length), length) + np.arange(length.sum())] = True
        return found.reshape(bottom - top, right - left)


def find_parts(mask: Mask) -> Parts:
    """Find the connected parts of a mask, bool [height, width]."""
    stride = mask.shape[1] + 1  # a column of False ends each row
    padded = np.zeros(mask.size + mask.shape[0] + 1, np.bool_)
    padded[1:].reshape(mask.shape[0], stride)[:, :-1] = mask
    changes = np.flatnonzero(padded[1:] != padded[:-1])
    start, end = changes[::2], changes[1::2]
    number, count = _united(start, end, stride)
    row = start // stride
    return _measured(number, count, row, start - row * stride, end - row * stride)


def _united(start: Numbers, end: Numbers, stride: int) -> tuple[Numbers, int]:
    """The number of each run's part, and how many parts there are."""
    first = np.searchsorted(end, start + stride)  # of the runs in the next row that it touches
    count = np.maximum(np.searchsorted(start, end + stride, side="right") - first, 0)
    upper = np.repeat(np.arange(len(start)), count)
    lower = np.arange(len(upper)) + np.repeat(first - (count.cumsum() - count), count)
    root = _roots(upper, lower, len(start))
    firsts = root == np.arange(len(root))
    return (firsts.cumsum() - 1)[root], int(firsts.sum())


def _roots(upper: Numbers, lower: Numbers, count: int) -> Numbers:
    """The first run of each run's part: roots are hooked onto lower ones until each pair has the same."""
    root = np.arange(count)
    while True:
        one, other = root[upper], root[lower]
        apart = one != other
        if not apart.any():
            return root
        upper, lower, one, other = upper[apart], lower[apart], one[apart], other[apart]
        np.minimum.at(root, np.maximum(one, other), np.minimum(one, other))
        while not np.array_equal(root, further := root[root]):
            root = further


def _measured(number: Numbers, count: int, row: Numbers, start: Numbers, end: Numbers) -> Parts:
    order = np.argsort(number, kind="stable")
    firsts = np.searchsorted(number[order], np.arange(count))

    def extreme(which: np.ufunc, values: Numbers) -> Numbers:
        return which.reduceat(values[order], firsts) if count else values

    area = np.bincount(number, end - start, count).astype(np.intp)
    top, bottom = extreme(np.minimum, row), extreme(np.maximum, row + 1)
    return Parts(extreme(np.minimum, start), top, extreme(np.maximum, end), bottom, area, row, start, end, number)
