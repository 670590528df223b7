"""Sheets that are filled with digits of a data set, and photographs of them: for tests, and for the program sheet."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from edgecnn.sheet.drawing import INCH, to_picture
from edgecnn.sheet.layout import LAYOUT, Layout
from edgecnn.sheet.projection import homography
from edgecnn.sheet.shapes import PAPER, origin

Gray = NDArray[np.uint8]

DPI = 200
BRIGHTEST = 0.9  # of 255: white paper in full light


@dataclass(frozen=True)
class Photograph:
    """How a page is photographed.

    `size` is the picture's width and height in pixels. `turn` and `tilt` are in degrees: in the picture's plane, and
    out of it. `fill` is the share of the picture that the page takes. `table` is what the page lies on, 0 to 255.
    `gradient` is the share of light that is lost from one edge to the other, `shadow` the share that is lost in a part
    of the page. `blur` is a standard deviation in pixels, `noise` one in steps of gray. `quality` is that of the JPEG.
    """

    size: tuple[int, int] = (1200, 1600)
    turn: float = 0
    tilt: float = 0
    fill: float = 0.9
    table: int = 60
    gradient: float = 0
    shadow: float = 0
    blur: float = 0.6
    noise: float = 3
    quality: int = 80
    mirrored: bool = False


# One of each thing that can go wrong in a photograph that a person would still take for a good one.
PHOTOGRAPHS = {
    "from above": Photograph(),
    "a scan, 150 pixels an inch": Photograph((1240, 1754), fill=1, blur=0.4, noise=1),
    "a scan, upside down": Photograph((827, 1169), fill=1, turn=180, blur=0.4, noise=1),
    "800 pixels": Photograph((600, 800), turn=93, tilt=15, quality=60),
    "12 megapixels": Photograph((3024, 4032), turn=-2, tilt=12),
    "on a white table": Photograph(table=235, tilt=25, turn=-8),
    "turned by 45°": Photograph(turn=45, table=150),
    "turned by 30°, tilted by 40°": Photograph(turn=30, tilt=40),
    "half in a shadow": Photograph(shadow=0.5, gradient=0.3, turn=5),
    "light that falls to a third": Photograph(gradient=0.7, turn=270),
    "from afar": Photograph((1200, 1600), fill=0.6, turn=200, tilt=10),
    "not in focus": Photograph(blur=2.5),
    "noise, JPEG quality 30": Photograph((900, 1200), noise=12, quality=30),
}


def filled(
    digits: Gray, boxes: NDArray[np.integer], seed: int = 0, *, ink: int = 50, layout: Layout = LAYOUT, dpi: int = DPI
) -> Image.Image:
    """A sheet with digits, uint8 [n, 28, 28], each in the box of that number.

    They are 7 to 9.5 mm high and not quite in the middle. `ink` is the pen's brightness.
    """
    rng, scale = np.random.default_rng(seed), dpi / INCH
    page = np.asarray(to_picture(layout, dpi)).copy()
    for digit, corner in zip(digits, layout.boxes[boxes], strict=True):
        side = rng.uniform(7, 9.5) * 28 / 20
        room = (layout.box - side) / 2 + 1
        left, top = corner + origin(layout) + (layout.box - side) / 2 + rng.uniform(-1, 1, 2) * max(0.5, room)
        pixels = round(side * scale)
        shape = Image.fromarray(digit).resize((pixels, pixels), Image.Resampling.BICUBIC)
        x, y = round(left * scale), round(top * scale)
        part = page[y : y + pixels, x : x + pixels]
        part[:] = np.minimum(part, 255 - np.asarray(shape) * ((255 - ink) / 255))
    return Image.fromarray(page)


def photographed(page: Image.Image, how: Photograph, seed: int = 0) -> bytes:
    """The bytes of a JPEG file: the page on a table, seen by a camera."""
    rng = np.random.default_rng(seed)
    width, height = how.size
    paper = page.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if how.mirrored else page
    corners = np.array([(0, 0), (page.width, 0), (page.width, page.height), (0, page.height)], np.float64)
    back = homography(_seen(how), corners)
    reduced, factor = _for_size(paper, how)
    back = np.diag([1 / factor, 1 / factor, 1]) @ back
    coefficients = (back / back[2, 2]).ravel()[:8]
    seen = [
        np.asarray(layer.transform(how.size, Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BILINEAR))
        for layer in (reduced, Image.new("L", reduced.size, 255))
    ]
    picture = Image.fromarray(np.where(seen[1] > 127, seen[0], np.uint8(how.table)))
    light = np.asarray(picture.filter(ImageFilter.GaussianBlur(how.blur))) * _light(how, rng)
    light += rng.standard_normal((height, width), np.float32) * how.noise
    file = io.BytesIO()
    Image.fromarray(np.clip(light, 0, 255).astype(np.uint8)).save(file, "JPEG", quality=how.quality)
    return file.getvalue()


def _for_size(page: Image.Image, how: Photograph) -> tuple[Image.Image, int]:
    """The page reduced by a whole number to about the size that it will have, so that warping it leaves nothing out."""
    factor = max(1, int(page.height / (max(how.size) * how.fill)))
    return page.reduce(factor), factor


def _seen(how: Photograph) -> NDArray[np.float64]:
    """Where a pinhole camera sees the corners of the page, [4, 2]."""
    turn, tilt = np.radians([how.turn, how.tilt])
    half = np.array(PAPER) / 2
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half
    flat = corners @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    distance = 2 * PAPER[1]
    depth = distance + flat[:, 1] * np.sin(tilt)
    seen = np.stack([flat[:, 0], flat[:, 1] * np.cos(tilt)], axis=1) * distance / depth[:, None]
    middle = (seen.max(axis=0) + seen.min(axis=0)) / 2
    scale = (np.array(how.size) * how.fill / np.ptp(seen, axis=0)).min()
    return np.asarray((seen - middle) * scale + np.array(how.size) / 2)


def _light(how: Photograph, rng: np.random.Generator) -> NDArray[np.float32]:
    """The share of light that each pixel gets: it falls in some direction, and behind an edge there is shadow."""
    width, height = how.size
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    angle, edge = rng.uniform(0, 2 * np.pi), rng.uniform(0, 2 * np.pi)
    gradient = 1 - how.gradient * (1 + (x * np.cos(angle) + y * np.sin(angle)) / 2**0.5) / 2
    inside = 1 / (1 + np.exp(-(x * np.cos(edge) + y * np.sin(edge)) * 25))
    return np.asarray(BRIGHTEST * gradient * (1 - how.shadow * inside), np.float32)
