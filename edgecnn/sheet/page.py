"""Finds a sheet in a photograph: which marks are its corners, how it lies, and which layout it has."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgecnn.errors import ImageError
from edgecnn.sheet.code import LENGTH, version_of
from edgecnn.sheet.layout import LAYOUT, LAYOUTS, MODULE, Layout
from edgecnn.sheet.marks import WINDOWS, Mark, find_marks
from edgecnn.sheet.projection import Homography, Points, homography, project, sample

Gray = NDArray[np.uint8]

SIDES = (1400, 2800)  # pixels of the copies that are searched: marks are found best at the size of a few pixels a ring
LEAST_BOX = 16  # pixels that a box needs: a digit then has some ten, as in MNIST with half of its detail
# The distance of two neighboring marks in widths of a mark is 19 and 26; perspective makes them differ by so much.
SPACING = (9.0, 50.0)
MOST_UNLIKE = 3.0  # the widest mark in widths of the narrowest: what is near the camera is larger
LIKENESS = 0.5  # of a mark in the picture and a true one
AGAIN = "photograph the whole page from above, all four corner marks in focus and in even light"


@dataclass(frozen=True, eq=False)
class Page:
    """A sheet in a picture: its layout, and the projection of the page's millimeters to the picture's pixels."""

    gray: Gray
    layout: Layout
    placement: Homography

    def boxes(self, side: int, inset: float) -> NDArray[np.float32]:
        """What is in each box, row by row, as brightness: float32 [boxes, side, side].

        The outermost `inset` millimeters of the box are left out.
        """
        steps = inset + (np.arange(side) + 0.5) * (self.layout.box - 2 * inset) / side
        inside = np.stack(np.meshgrid(steps, steps), axis=-1)
        return np.stack([sample(self.gray, project(self.placement, inside + corner)) for corner in self.layout.boxes])

    @property
    def box_pixels(self) -> float:
        """The side of the smallest box in the picture, in pixels."""
        corners = self.layout.boxes[:, None] + np.array([(0, 0), (1, 0), (1, 1), (0, 1)]) * self.layout.box
        placed = project(self.placement, corners)
        return float(np.linalg.norm(placed - np.roll(placed, 1, axis=1), axis=-1).min())


def find_page(gray: Gray, name: str) -> Page:
    """The sheet in a picture, uint8 [height, width]. Raises ImageError, whose message calls the picture `name`."""
    most = 0
    sides = SIDES if max(gray.shape) > SIDES[0] else SIDES[:1]
    for side, part in product(sides, WINDOWS):
        small, scale = _reduced(gray, side)
        marks = find_marks(small, max(small.shape) // part + 1)
        most = max(most, len(marks))
        for corners, mirrored in _quadrilaterals(marks):
            page = _page(gray, small, corners, scale, name)
            if page is None:
                continue
            if mirrored:
                raise ImageError(f"{name} is mirrored: flip it, or turn off mirroring in the camera's settings")
            return _large_enough(page, name)
    found = "were not found" if not most else f"were not all found ({min(most, 3)} of 4)"
    raise ImageError(f"{name}: the corner marks of a sheet {found}: {AGAIN}")


def _reduced(gray: Gray, side: int) -> tuple[Gray, Points]:
    """A copy whose longer side has at most `side` pixels, and how much wider and higher the picture is, [2]."""
    scale = max(1.0, max(gray.shape) / side)
    height, width = (max(1, round(length / scale)) for length in gray.shape)
    small = np.asarray(Image.fromarray(gray).resize((width, height), Image.Resampling.BOX))
    return small, np.array([gray.shape[1] / width, gray.shape[0] / height])


def _quadrilaterals(marks: list[Mark]) -> Iterator[tuple[Points, bool]]:
    """Four marks that may be the corners of a page, clockwise from each of them, [4, 2]; and whether mirrored."""
    for four in combinations(marks, 4):
        points = np.array([(mark.x, mark.y) for mark in four])
        around = points - points.mean(axis=0)
        order = np.argsort(np.arctan2(around[:, 1], around[:, 0]))
        if _is_page(points[order], [four[place].size for place in order]):
            for mirrored, first in product((False, True), range(4)):
                turned = np.roll(points[order], -first, axis=0)
                yield (turned[[1, 0, 3, 2]] if mirrored else turned), mirrored


def _is_page(corners: Points, sizes: list[float]) -> bool:
    """Whether four points in clockwise order are a convex quadrilateral of the size that their marks tell."""
    sides = np.roll(corners, -1, axis=0) - corners
    after = np.roll(sides, -1, axis=0)
    convex = (sides[:, 0] * after[:, 1] - sides[:, 1] * after[:, 0] > 0).all()
    widths = np.sqrt(np.array(sizes) * np.roll(sizes, -1))
    spacing = np.linalg.norm(sides, axis=1) / widths
    return bool(
        convex and max(sizes) < MOST_UNLIKE * min(sizes) and spacing.min() > SPACING[0] and spacing.max() < SPACING[1]
    )


def _page(gray: Gray, small: Gray, corners: Points, scale: Points, name: str) -> Page | None:
    """The page with these corners if a code lies between the first two of them."""
    placement = homography(LAYOUT.marks, corners)
    halves = sample(small, project(placement, LAYOUT.code_halves(LENGTH)))
    version = version_of(halves, _contrast(small, placement))
    if version is None or _least_likeness(small, placement) < LIKENESS:
        return None
    if version not in LAYOUTS:
        raise ImageError(f"{name} is a sheet of version {version}, which this edgecnn does not know: update edgecnn")
    layout = LAYOUTS[version]
    return Page(gray, layout, homography(layout.marks, corners * scale))


def _least_likeness(small: Gray, placement: Homography) -> float:
    """How much the mark that is least like one is like it, as a correlation.

    The code lies at the other edge than the lower two marks, and so it would be found without them.
    """
    steps = np.arange(7) - 3
    places = np.stack(np.meshgrid(steps, steps), axis=-1)
    ring = np.abs(places).max(axis=-1).ravel()
    found = sample(small, project(placement, LAYOUT.marks[:, None, None] + places * MODULE)).reshape(4, -1)
    return float(min(np.corrcoef(mark, ring == 2)[0, 1] for mark in found + np.eye(4, 49)))


def _contrast(small: Gray, placement: Homography) -> float:
    """The difference between the paper around the upper two marks and their middle."""
    middles = LAYOUT.marks[:2]
    paper = middles + np.array([0, LAYOUT.mark / 2 + MODULE])
    return float((sample(small, project(placement, paper)) - sample(small, project(placement, middles))).mean())


def _large_enough(page: Page, name: str) -> Page:
    if page.box_pixels < LEAST_BOX:
        raise ImageError(
            f"{name}: a box of the sheet is {page.box_pixels:.0f} pixels wide, and {LEAST_BOX} are needed: "
            "photograph it from nearer, or scan it with 100 pixels an inch or more"
        )
    return page
