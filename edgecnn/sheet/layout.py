"""Where everything on a sheet is, in millimeters from the center of its upper left mark, right and down."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

MODULE = 1.3  # the width of a mark's rings; a page that is 700 pixels high has three pixels for it


@dataclass(frozen=True)
class Layout:
    """A grid of boxes between four marks, a digit's boxes in each column.

    The marks' centers are `across` and `down` apart, and each is `mark` wide. A box is a square with a side of `box`,
    in a cell of `pitch` × `pitch`; the grid begins at `top`. The code that names the layout lies on the line between
    the upper two marks and has `code_bit` for each bit. A printed sheet outlives a release: a changed layout gets
    another `version`, and the earlier one stays in LAYOUTS.
    """

    version: int
    labels: tuple[str, ...] = tuple("0123456789")
    rows: int = 14
    across: float = 170.0
    down: float = 240.0
    mark: float = 7 * MODULE
    pitch: float = 15.5
    box: float = 13.0
    top: float = 17.0
    code_bit: float = 4.4

    @property
    def marks(self) -> Points:
        """The marks' centers, clockwise from the upper left, [4, 2]."""
        return np.array([(0, 0), (self.across, 0), (self.across, self.down), (0, self.down)], np.float64)

    @property
    def left(self) -> float:
        """Where the grid begins: it lies in the middle."""
        return (self.across - self.pitch * len(self.labels)) / 2

    @property
    def boxes(self) -> Points:
        """The boxes' upper left corners, row by row, [rows × labels, 2]."""
        gap = (self.pitch - self.box) / 2
        columns, rows = np.meshgrid(np.arange(len(self.labels)), np.arange(self.rows))
        places = np.stack([columns.ravel(), rows.ravel()], axis=1) * self.pitch
        return np.asarray(places + np.array([self.left + gap, self.top + gap]), np.float64)

    def code_halves(self, bits: int) -> Points:
        """The centers of the two halves of each bit of the code, [bits, 2 halves, 2]."""
        first = (self.across - bits * self.code_bit) / 2 + self.code_bit / 4
        x = first + np.arange(2 * bits) * self.code_bit / 2
        return np.stack([x, np.zeros_like(x)], axis=1).reshape(bits, 2, 2)


# The one that is printed. Its marks lie within A4 and within US Letter, whichever of them it is centered on.
LAYOUT = Layout(version=1)
LAYOUTS = {LAYOUT.version: LAYOUT}
