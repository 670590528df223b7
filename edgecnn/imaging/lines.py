"""Ruled and squared paper: takes printed lines out of a mask, and leaves the strokes that cross them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgecnn.imaging.extrema import closing, eroded
from edgecnn.imaging.medians import median
from edgecnn.imaging.parts import Parts

Mask = NDArray[np.bool_]
Values = NDArray[np.floating[Any]]
Numbers = NDArray[np.intp]

MOST_TURN = 20  # degrees that a sheet may be turned
COARSE, FINE = 1.0, 0.2  # degrees between two directions that are tried
SAMPLES = 3000  # pixels of ink that directions are tried with
SUSPICIOUS = 0.05  # of the picture's side: a part at the edge that is as long may be a piece of a line
PIECES = 12  # of a line: the ends and most others are covered
COVERED, PIECES_COVERED = 0.4, 9
DARKER = 1.5  # than the middle of its line: a stroke
SHORTEST = 0.3  # of the picture's shorter side
EDGE = 0.2  # of a row beside a line: its edge if more is inky
THICKEST = 0.055  # of the picture's longer side
CORNER = 0.3  # of a line's length: one that begins or ends nearer to the edge than that may begin at another line


class Lines(NamedTuple):
    """Lines of one direction: which pixels of the ink are on one, how thick the thickest is, and where they are.

    `piece` is in which of its line's PIECES each pixel of the ink is. `places` are distances across their direction, in
    pixels, from the least.
    """

    pixels: Mask
    piece: Numbers
    thickest: int
    places: list[float]


def may_have_lines(parts: Parts, shape: tuple[int, int]) -> bool:
    """Whether some part at the edge of the picture is so long that it is worth looking for lines."""
    height, width = shape
    long = (parts.width > SUSPICIOUS * width) | (parts.height > SUSPICIOUS * height)
    return bool((parts.at_edge(shape) & long).any())


def without_lines(mask: Mask, ink: Values) -> Mask:
    """The mask, bool [height, width], without straight lines from one edge of the picture to another.

    The lines have one direction, or two at right angles, within 20° of the picture's sides. Those of one direction may
    also begin and end at a line of the other. What is much darker than its line in `ink`, float32 [height, width], is a
    stroke on it and stays.
    """
    turn = float(np.deg2rad(_direction(mask)))
    down, across = _places(mask)
    level, upright = (_lines(down, across, way, mask.shape) for way in (turn, turn + np.pi / 2))
    found = [level, upright]
    if level.thickest:
        found.append(_lines(down, across, turn + np.pi / 2, mask.shape, level.places))
    if found[-1].thickest:
        found.append(_lines(down, across, turn, mask.shape, [-place for place in found[-1].places[::-1]]))
    dark, on_lines = ink[mask], np.zeros(mask.shape, np.bool_)
    for lines in found:
        if lines.thickest:
            on_lines[mask] |= lines.pixels & (dark < DARKER * _darkness(lines, dark))
    if not on_lines.any():
        return mask
    strokes = mask & ~on_lines
    return strokes | (on_lines & closing(strokes, 2 * max(lines.thickest for lines in found) + 3))


def _darkness(lines: Lines, dark: Values) -> float:
    """How dark the lines are where no stroke makes them darker, which is in most pieces of them."""
    piece, dark = lines.piece[lines.pixels], dark[lines.pixels]
    pieces = [dark[piece == number] for number in range(PIECES)]
    return median(np.array([median(values) for values in pieces if values.size]))


def _places(mask: Mask) -> tuple[Values, Values]:
    down, across = np.nonzero(mask)
    return down.astype(np.float32), across.astype(np.float32)


def _direction(mask: Mask) -> float:
    """The angle at which most outlines of ink lie on few lines, in degrees.

    A digit has more ink than thin lines, but shorter outlines.
    """
    down, across = _places(mask & ~eroded(mask, 3))
    if not len(down):
        return 0.0
    step = max(1, len(down) // SAMPLES)
    down, across = down[::step], across[::step]
    best = _best(down, across, np.arange(-MOST_TURN, MOST_TURN + COARSE, COARSE), 3)
    return _best(down, across, best + np.arange(-COARSE, COARSE + FINE, FINE), 1)


def _best(down: Values, across: Values, angles: NDArray[np.float64], bin_width: float) -> float:
    turns = np.deg2rad(angles)
    scores = [max(_gathered(_offset(down, across, turn + way) / bin_width) for way in (0, np.pi / 2)) for turn in turns]
    return float(angles[int(np.argmax(scores))])


def _gathered(offsets: Values) -> int:
    places = offsets.astype(np.intp)
    steps = np.diff(np.bincount(places - places.min() + 1, minlength=int(np.ptp(places)) + 3))
    return int(steps @ steps)


def _offset(down: Values, across: Values, turn: float) -> Values:
    return np.float32(np.cos(turn)) * down - np.float32(np.sin(turn)) * across


def _lines(down: Values, across: Values, turn: float, shape: tuple[int, int], corners: Sequence[float] = ()) -> Lines:
    """The lines at this angle. They may begin and end near the first and the last of the `corners` along them."""
    offset = np.round(_offset(down, across, turn)).astype(np.intp)
    low = int(offset.min())
    start, end = _chords(np.arange(low, offset.max() + 1), turn, shape)
    if corners:
        start, end = _between(start, end, corners)
    length = np.maximum(end - start, 1)
    along = np.float32(np.cos(turn)) * across + np.float32(np.sin(turn)) * down
    row = offset - low
    piece = np.floor((along - start[row]) * (PIECES / length[row])).astype(np.intp)
    inside = (piece >= 0) & (piece < PIECES)
    counts = np.bincount((row * PIECES + piece)[inside], minlength=len(length) * PIECES).reshape(-1, PIECES)
    covered = counts > COVERED * length[:, None] / PIECES
    wide = covered | np.roll(covered, 1, 0) | np.roll(covered, -1, 0)
    is_line = (wide.sum(1) >= PIECES_COVERED) & wide[:, 0] & wide[:, -1] & (length > SHORTEST * min(shape))
    bands, thickest = _bands(is_line, counts.sum(1) > EDGE * length, THICKEST * max(shape))
    return Lines(bands[row], piece, thickest, [float(place + low) for place in np.flatnonzero(bands)])


def _between(start: Values, end: Values, corners: Sequence[float]) -> tuple[Values, Values]:
    """The chords from the first corner to the last, where these are near the ends of the chords."""
    near = CORNER * (end - start)
    first, last = np.float32(corners[0]), np.float32(corners[-1])
    return np.where(first < start + near, np.maximum(start, first), start), np.where(
        last > end - near, np.minimum(end, last), end
    )


def _bands(is_line: Mask, has_ink: Mask, most: float) -> tuple[Mask, int]:
    """Widen lines to the inky rows beside them if they stay thin, leave out what is too thick, and tell the thickest.

    A stroke along a line makes the rows beside it inky, too.
    """
    found, thickest = np.zeros_like(is_line), 0
    ends = np.flatnonzero(np.diff(np.concatenate([[False], is_line | has_ink, [False]])))
    for first, last in zip(ends[::2], ends[1::2], strict=True):
        rows = first + np.flatnonzero(is_line[first:last])
        if not len(rows):
            continue
        low, high = (first, last) if last - first <= most else (rows[0], rows[-1] + 1)
        if high - low <= most:
            found[low:high] = True
            thickest = max(thickest, int(high - low))
    return found, thickest


def _chords(offset: Numbers, turn: float, shape: tuple[int, int]) -> tuple[Values, Values]:
    """Where each line enters the picture and leaves it, measured along the line."""
    sine, cosine = np.sin(turn), np.cos(turn)
    tiny = 1e-6
    sides = (
        ((0 + offset * sine) / (cosine + tiny), (shape[1] + offset * sine) / (cosine + tiny)),
        ((0 - offset * cosine) / (sine + tiny), (shape[0] - offset * cosine) / (sine + tiny)),
    )
    start = np.maximum(*(np.minimum(*ends) for ends in sides))
    end = np.minimum(*(np.maximum(*ends) for ends in sides))
    return start.astype(np.float32), end.astype(np.float32)
