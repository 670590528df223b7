"""Turns what is in a box of a sheet into a digit in MNIST's form, or finds the box empty.

That a box is known to hold paper, and that its paper is known to be lighter than its ink, is what makes this short.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Gray = NDArray[np.uint8]

SIDE, BOX = 28, 20
LEAST, SHARE = 0.16, 0.2  # of the paper's light: what ink takes at least; and of the digit's own ink


def digit_in(cell: NDArray[np.float32]) -> Gray | None:
    """The digit in a box as MNIST has it, uint8 [28, 28], or None for an empty one. `cell` is its brightness."""
    ink = 1 - cell / np.maximum(_paper(cell), 1)
    strong = float(np.quantile(ink, 0.98))
    if strong < LEAST:
        return None
    return _in_form(np.clip((ink - SHARE * strong) / ((1 - SHARE) * strong), 0, 1))


def _paper(cell: NDArray[np.float32]) -> NDArray[np.float32]:
    """The brightness without ink: strokes are closed in a small copy."""
    small = Image.fromarray(cell.astype(np.uint8)).resize((18, 18), Image.Resampling.BOX)
    closed = small.filter(ImageFilter.MaxFilter(7)).filter(ImageFilter.MinFilter(7)).filter(ImageFilter.BoxBlur(2))
    return np.asarray(closed.resize(cell.shape[::-1], Image.Resampling.BICUBIC), np.float32)


def _in_form(ink: NDArray[np.float32]) -> Gray:
    rows, columns = (np.flatnonzero(ink.max(axis=axis) > 0.3) for axis in (1, 0))
    part = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    y, x = ((part.sum(axis=1 - axis) @ (np.arange(part.shape[axis]) + 0.5)) / part.sum() for axis in (0, 1))
    reach = SIDE / 2 * max(part.shape) / BOX
    pad = int(reach) + 2
    box = (x + pad - reach, y + pad - reach, x + pad + reach, y + pad + reach)
    canvas = Image.fromarray((np.pad(part, pad) * 255).astype(np.uint8))
    return np.asarray(canvas.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box))
