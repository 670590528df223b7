"""[matplotlib] Page: lays out headings, rows of images and bars below one another, on a page of any length."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecnn.plots import drawing

Size = tuple[float, float]  # width and height in inches
Scale = tuple[float, float]  # the values that are drawn black and white
PIXELS: Scale = (0, 255)

# Inches.
WIDTH = 12.5
MARGIN = 0.3
INNER_WIDTH = WIDTH - 2 * MARGIN
GAP = 0.06

TEXT = 8.5  # points
LINE = TEXT / 72 * 1.2
LONGEST_BAR = 6.0
FRAME, ACCENT, MUTED = "0.75", "tab:blue", "0.6"


class Page:
    """A white page with coordinates in inches from its top left corner. `bottom` is where the next item goes."""

    def __init__(self, title: str, purpose: str) -> None:
        """Start a page with a title, as `drawing.literal` returns it.

        Raises MissingDependencyError with a message that begins with `purpose`.
        """
        self.figure = drawing.figure((WIDTH, WIDTH), purpose, layout=None)
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set_axis_off()
        self.axes.set_xlim(0, WIDTH)  # explicit limits stay fixed when something is drawn
        self.axes.set_ylim(WIDTH, 0)
        self.bottom = MARGIN
        self._text(MARGIN, self.bottom, title, fontsize=13)
        self.bottom += 0.35

    def heading(self, words: str, note: str = "") -> None:
        """Add the heading of the next row, with a note at the right edge of the page."""
        self.bottom += 0.1
        self._text(MARGIN, self.bottom, words, fontsize=10, fontweight="bold")
        self._text(WIDTH - MARGIN, self.bottom, note, ha="right", color="0.4")
        self.bottom += 0.22

    def images(self, images: NDArray[Any], size: Size, scale: Scale, captions: Sequence[str] = ()) -> None:
        """Add rows of images, [n, height, width] or [n, height, width, 3], each drawn in `size` above its caption."""
        wide = max(size[0], self._widest(captions)) + GAP
        high = size[1] + LINE * max((1.5 + caption.count("\n") for caption in captions), default=0) + GAP
        columns = int((INNER_WIDTH + GAP + 1e-6) / wide)
        for number, image in enumerate(images):
            row, column = divmod(number, columns)
            x, y = MARGIN + column * wide + (wide - GAP - size[0]) / 2, self.bottom + row * high
            self._image(x, y, size, image, scale)
            if captions:
                self._text(x + size[0] / 2, y + size[1] + GAP / 2, captions[number], ha="center")
        self.bottom += -(-len(images) // columns) * high

    def bars(self, names: Sequence[str], shares: NDArray[np.floating], marked: NDArray[np.bool_]) -> None:
        """Add a line for each of n names, with a bar of its share (0 to 1) and its percentage. Marked bars are blue."""
        left = MARGIN + self._widest(names) + GAP
        for name, share, stands_out in zip(names, shares, marked, strict=True):
            middle = self.bottom + LINE / 2
            self._text(left - GAP, middle, name, ha="right", va="center_baseline")
            self._box(left, self.bottom, (LONGEST_BAR * share, 0.85 * LINE), color=ACCENT if stands_out else MUTED)
            self._text(left + LONGEST_BAR * share + GAP, middle, drawing.percent(share), va="center_baseline")
            self.bottom += 1.1 * LINE

    def save(self, path: Path) -> None:
        """Write the page as a PNG file, in the length that its content needs."""
        height = self.bottom + MARGIN
        self.figure.set_size_inches(WIDTH, height)
        self.axes.set_ylim(height, 0)
        drawing.save(self.figure, path)

    def _text(self, x: float, y: float, words: str, **style: Any) -> None:
        self.axes.text(x, y, words, **{"va": "top", "fontsize": TEXT, **style})

    def _widest(self, texts: Sequence[str]) -> float:
        """The width of the widest text in inches; 0 if there are none."""
        drawn = [self.axes.text(0, 0, words, fontsize=TEXT) for words in texts]
        with drawing.any_script():
            widths = [text.get_window_extent().width / self.figure.dpi for text in drawn]
        for text in drawn:
            text.remove()
        return max(widths, default=0.0)

    def _image(self, x: float, y: float, size: Size, pixels: NDArray[Any], scale: Scale) -> None:
        width, height = size
        extent = (x, x + width, y + height, y)
        self.axes.imshow(pixels, cmap="gray", vmin=scale[0], vmax=scale[1], extent=extent, aspect="auto")
        self._box(x, y, size, fill=False, edgecolor=FRAME, linewidth=0.5)

    def _box(self, x: float, y: float, size: Size, **style: Any) -> None:
        self.axes.bar(x, size[1], size[0], bottom=y, align="edge", **style)


def fitted(image: NDArray[Any], width: float, height: float) -> Size:
    """The largest size of an image within a box of this width and height that keeps its proportions."""
    rows, columns = image.shape[:2]
    pixel = min(width / columns, height / rows)
    return columns * pixel, rows * pixel


def magnitude(values: NDArray[np.floating], share: float = 100) -> float:
    """The end of a scale, above 0: the magnitude that `share` percent of the finite values do not exceed."""
    finite = np.abs(values[np.isfinite(values)])
    if not finite.any():
        return 1.0
    return float(np.percentile(finite, share)) or float(finite.max())
