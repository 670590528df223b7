"""The row of bars that tells which layout a sheet has, and which of its edges is the upper one.

Each bit is a dark and a light half, a one in this order and a zero in the other. So a bit is read by comparing
neighbors, whatever the light is there, and plain paper or writing is never a code.
"""

import numpy as np
from numpy.typing import NDArray

START = (1, 0, 1, 1)
BITS = 4  # of the version, which comes twice: as it is, and inverted
LENGTH = len(START) + 2 * BITS
# The share of the marks' own contrast that each bit needs at least. Bars that are blurred to a half still pass.
LEAST_CONTRAST = 0.3


def bits_of(version: int) -> NDArray[np.bool_]:
    """The code of a layout's version, bool [LENGTH]."""
    plain = [version >> place & 1 for place in reversed(range(BITS))]
    return np.array([*START, *plain, *(1 - bit for bit in plain)], np.bool_)


def version_of(halves: NDArray[np.floating], contrast: float) -> int | None:
    """The version that bars tell, or None if they are not a code.

    `halves` is the brightness of the two halves of each bit, [LENGTH, 2]; `contrast` is that between the marks' black
    and white.
    """
    apart = halves[:, 1] - halves[:, 0]
    if np.abs(apart).min() < LEAST_CONTRAST * contrast:
        return None
    bits = apart > 0
    version = int(bits[len(START) : -BITS] @ 2 ** np.arange(BITS)[::-1])
    return version if np.array_equal(bits, bits_of(version)) else None
