"""Turns pictures into the pixels that a model takes; for predict and for image folders."""

from __future__ import annotations

import io
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgecnn.imaging.decoding import decode, undecoded
from edgecnn.imaging.limits import MOST_PIXELS
from edgecnn.imaging.medians import median
from edgecnn.imaging.names import SUFFIXES

__all__ = ["MOST_PIXELS", "SUFFIXES", "is_blank", "open_picture", "open_sheet", "pixels", "to_input", "to_png"]

LIGHT = 127
# A picture whose brightness varies less shows nothing: a JPEG of white paper varies by 2 or 3.
LEAST_CONTRAST = 8
GROUNDS = ("white", "black")
SHEET = 480  # pixels of the longer side of a picture that digits are looked for in


def open_picture(source: Path | BinaryIO, name: str = "") -> Image.Image:
    """Open and decode one picture, and apply its rotation tag. `name` is what messages call it.

    The picture has mode L, LA, RGB or RGBA, and at most KEPT_PIXELS: a larger one is reduced by a whole number. Raises
    ImageError if the file is missing, damaged or not a picture, or would take too much memory or time.
    """
    with undecoded(source, name or str(source)) as opened:
        return decode(opened)


def open_sheet(source: Path | BinaryIO, name: str = "") -> tuple[NDArray[np.uint8], float]:
    """Open a picture to find digits in: its brightness, uint8 [height, width], and the factor to the file's own pixels.

    Its longer side has SHEET pixels at most, which digits are read at, so that a photograph takes little time. Raises
    ImageError as `open_picture` does.
    """
    with undecoded(source, name or str(source)) as opened:
        longest = max(opened.picture.size)
        picture = decode(opened, SHEET)
    factor = max(picture.size) / SHEET
    if factor > 1:
        size = (max(1, round(picture.width / factor)), max(1, round(picture.height / factor)))
        picture = picture.resize(size, Image.Resampling.BOX)
    return pixels(picture, color=False), longest / max(picture.size)


def pixels(picture: Image.Image, *, color: bool) -> NDArray[np.uint8]:
    """The picture as uint8 [height, width] or, with `color`, [height, width, 3].

    Transparent parts become white, or black if that shows more than twice as much: white ink on a transparent ground.
    """
    if "A" not in picture.getbands():
        return np.asarray(picture.convert("RGB" if color else "L"))
    layer = picture.convert("RGBA")
    grounds = [Image.alpha_composite(Image.new("RGBA", layer.size, ground), layer) for ground in GROUNDS]
    white, black = (contrast(np.asarray(shown.convert("L"))) for shown in grounds)
    return np.asarray(grounds[black > 2 * white].convert("RGB" if color else "L"))


def contrast(image: NDArray[np.uint8]) -> int:
    """The largest difference of brightness, 0 to 255, in an image, uint8 [height, width] or [height, width, 3]."""
    flat = image.reshape(-1, *image.shape[2:])
    return int(np.ptp(flat, axis=0).max())


def is_blank(image: NDArray[np.uint8]) -> bool:
    """Whether an image, uint8 [height, width] or [height, width, 3], shows nothing at all."""
    return contrast(image) < LEAST_CONTRAST


def to_png(image: NDArray[np.uint8]) -> bytes:
    """An image, uint8 [height, width] or [height, width, 3], as the bytes of a PNG file."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def to_input(picture: Image.Image, height: int, width: int, *, color: bool, inverts: bool = True) -> NDArray[np.uint8]:
    """Turn a picture into a model's input: uint8 [height, width] or, with `color`, [height, width, 3].

    A gray model is assumed to expect light ink on a dark background, as in MNIST. So a picture with a light border is
    inverted, and its paper, which is never quite white, becomes 0. A picture of the right size with light ink on a dark
    background keeps its pixels unchanged. A picture that shows nothing becomes the same brightness everywhere. Without
    `inverts`, the picture is only resized.
    """
    image = pixels(picture, color=color)
    if image.shape[:2] != (height, width):
        image = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))
    if color or not inverts:
        return image
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    return _ink_on_black(image, median(border)) if border.mean() > LIGHT else image


def _ink_on_black(image: NDArray[np.uint8], paper: float) -> NDArray[np.uint8]:
    """Invert dark ink on light paper: the brightness `paper` becomes 0, and the darkest ink becomes 255.

    Paper without ink becomes 0: its grain is not a digit.
    """
    if is_blank(image):
        return np.zeros_like(image)
    strength = paper - float(image.min())
    return np.clip(np.round((paper - image) * (255 / max(strength, 1.0))), 0, 255).astype(np.uint8)
