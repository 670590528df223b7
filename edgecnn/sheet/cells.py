"""Turns what is in a box of a sheet into a digit in MNIST's form, or finds the box empty.

That a box is known to hold one digit or none, on paper that is lighter than its ink, is what makes this short.
"""

import numpy as np
from numpy.typing import NDArray

from edgecnn.imaging.form import in_form
from edgecnn.imaging.light import ink_of

Gray = NDArray[np.uint8]

LEAST, SHARE = 0.16, 0.3  # of the paper's light: what ink takes at least; and of the digit's own ink
EDGE = 0.3  # of the digit's own ink: what a digit's outermost pixels have at least


def digit_in(cell: NDArray[np.float32]) -> Gray | None:
    """The digit in a box as MNIST has it, uint8 [28, 28], or None for an empty one. `cell` is its brightness."""
    ink = ink_of(np.round(cell).astype(np.uint8))
    strong = float(np.quantile(ink, 0.98))
    if strong < LEAST:
        return None
    ink = np.clip((ink - SHARE * strong) / ((1 - SHARE) * strong), 0, 1)
    rows, columns = (np.flatnonzero(ink.max(axis=axis) > EDGE) for axis in (1, 0))
    return in_form(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
