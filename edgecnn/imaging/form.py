"""MNIST's form of a digit: in a box of 20×20 with its aspect kept, a pen's strokes, its mass in the middle of 28×28.

Source: Y. LeCun, C. Cortes and C. Burges, "The MNIST database of handwritten digits".
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgecnn.imaging.extrema import dilated, eroded
from edgecnn.imaging.medians import median

Ink = NDArray[np.floating[Any]]
Gray = NDArray[np.uint8]

SIDE, BOX = 28, 20  # pixels
CENTER = 14.5  # where the mass of MNIST's digits is, up to half a pixel; the first pixel is from 0 to 1
FINE = 3  # strokes are made thicker or thinner in a picture that is so many times larger
THINNEST, USUAL, THICKEST = 2.2, 2.5, 3.8  # pixels of a stroke's width; MNIST's median is 2.5
# What MNIST's test images have: their brightest pixel, the share of pixels that are not 0, and the place of their mass.
BRIGHTEST, MOST_INK, OFF_CENTER = 200, 0.6, 0.6
FAINT = 40  # a pixel of a soft edge
LOOKED_AT, MOST_HAVE = 500, 0.9  # images of a data set, and the share of them that shows that all are of MNIST's form


def has_form(gray: Gray) -> bool:
    """Whether a gray picture has MNIST's form already: such a picture is not changed."""
    if gray.shape != (SIDE, SIDE) or gray.max() < BRIGHTEST:
        return False
    rows, columns = gray.sum(axis=1, dtype=np.float32), gray.sum(axis=0, dtype=np.float32)
    if np.count_nonzero(gray) > MOST_INK * gray.size:
        return False
    longest = max(int(np.ptp(np.flatnonzero(sums))) + 1 for sums in (rows, columns))
    return longest in (BOX - 1, BOX) and all(abs(middle(sums) - CENTER) <= OFF_CENTER for sums in (rows, columns))


def most_have_form(images: NDArray[np.uint8]) -> bool:
    """Whether images of a data set, uint8 [n, height, width], have about MNIST's form, by the first of them.

    What `in_form` returns has it too: its strokes have soft edges, which may reach a pixel further.
    """
    return float(np.mean([_has_about_form(image) for image in images[:LOOKED_AT]])) >= MOST_HAVE


def _has_about_form(gray: Gray) -> bool:
    if gray.shape != (SIDE, SIDE) or gray.max() < BRIGHTEST or np.count_nonzero(gray) > MOST_INK * gray.size:
        return False
    places = [np.flatnonzero(gray.max(axis=axis) > FAINT) for axis in (0, 1)]
    longest = max(int(np.ptp(place)) + 1 for place in places)
    sums = (gray.sum(axis=axis, dtype=np.float32) for axis in (0, 1))
    return abs(longest - BOX) <= 1 and all(abs(middle(each) - CENTER) <= 2 * OFF_CENTER for each in sums)


def in_form(ink: Ink) -> Gray:
    """A digit as MNIST has it, uint8 [28, 28], from its ink, float32 [height, width], which is 0 beside its strokes."""
    ink = np.minimum(ink / median(ink[ink > 0.5 * ink.max()]), 1)
    scale = BOX / max(ink.shape)
    width = stroke_width(ink) * scale
    if THINNEST <= width <= THICKEST:
        return _rendered(ink, SIDE, scale)
    more = round(((USUAL if width < THINNEST else THICKEST) - width) * FINE / 2)
    inner = (BOX * FINE - 2 * max(more, 0)) / max(ink.shape)  # thicker strokes reach beyond
    return _with_strokes(_rendered(ink, SIDE * FINE, inner), more)


def stroke_width(ink: Ink) -> float:
    """The mean width of the strokes in pixels, for ink of 0 to 1, also with soft edges.

    It is twice the area over the length of the outlines, which is the ink's total variation (the coarea formula).
    """
    padded = np.zeros((ink.shape[0] + 2, ink.shape[1] + 2), ink.dtype)
    padded[1:-1, 1:-1] = ink
    across, down = padded[:-1, 1:] - padded[:-1, :-1], padded[1:, :-1] - padded[:-1, :-1]
    return float(2 * ink.sum() / np.sqrt(across * across + down * down).sum())


def _with_strokes(fine: Gray, more: int) -> Gray:
    """A larger picture with `more` pixels added on each side of its strokes, or taken away, reduced to 28×28."""
    window = 2 * abs(more) + 1
    changed = (dilated(fine, window) if more > 0 else eroded(fine, window)).astype(np.float32)
    changed *= 255 / max(float(changed.max()), 1.0)
    small = changed.reshape(SIDE, FINE, SIDE, FINE).mean(axis=(1, 3))
    rounded: Gray = np.round(small).astype(np.uint8)
    return rounded


def _rendered(ink: Ink, side: int, scale: float) -> Gray:
    """The ink at that scale in a square of `side` pixels, with its center of mass where MNIST has it."""
    seen = side / scale
    left, top = (middle(ink.sum(axis=axis)) - seen * CENTER / SIDE for axis in (0, 1))
    margin = int(np.ceil(max(0.0, -left, -top, left + seen - ink.shape[1], top + seen - ink.shape[0]))) + 1
    padded = np.zeros((ink.shape[0] + 2 * margin, ink.shape[1] + 2 * margin), np.uint8)
    padded[margin:-margin, margin:-margin] = ink * 255 + 0.5
    canvas = Image.fromarray(padded)
    box = (left + margin, top + margin, left + margin + seen, top + margin + seen)
    return np.asarray(canvas.resize((side, side), Image.Resampling.BICUBIC, box))


def middle(sums: Ink) -> float:
    """The center of mass of a row of pixels; the first pixel's is 0.5."""
    return float(sums @ (np.arange(len(sums), dtype=np.float32) + 0.5) / sums.sum())
