"""Reads pictures safely, and turns them into the pixels that a model takes; for predict and for image folders."""

import io
import struct
import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from edgecnn.errors import ImageError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"})
# Allows photographs of 50 megapixels but not decompression bombs. Only the header is read before this check.
MOST_PIXELS = 60_000_000
GRAY_MODES = frozenset({"1", "L", "LA", "La", "I", "I;16", "F"})
LIGHT = 127
DAMAGED = (OSError, SyntaxError, ValueError, TypeError, struct.error)  # from Pillow, for a missing or damaged file


def open_picture(source: Path | BinaryIO, name: str = "") -> Image.Image:
    """Open and decode one picture, and apply its rotation tag. `name` is what messages call it.

    Raises ImageError if the file is missing, damaged or not a picture, or has more than MOST_PIXELS pixels.
    """
    name = name or str(source)
    try:
        # Pillow leaves a file open that it refuses, so it is opened and closed here.
        with source.open("rb") if isinstance(source, Path) else nullcontext(source) as file:
            return _decoded(file, name)
    except Image.DecompressionBombError:
        raise ImageError(f"{name} has more than {MOST_PIXELS:,} pixels: make it smaller first") from None
    except UnidentifiedImageError:
        raise ImageError(f"{name} is not a picture that can be read: give a PNG or JPEG file") from None
    except DAMAGED as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"{name} cannot be read as a picture ({reason}): give a complete PNG or JPEG file") from None


def _decoded(file: BinaryIO, name: str) -> Image.Image:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # MOST_PIXELS is stricter
        picture = Image.open(file)
    if picture.width * picture.height > MOST_PIXELS:
        raise ImageError(
            f"{name} has {picture.width}×{picture.height} pixels, more than {MOST_PIXELS:,}: make it smaller first"
        )
    picture.load()
    ImageOps.exif_transpose(picture, in_place=True)
    return picture


def is_gray(picture: Image.Image) -> bool:
    """Whether the picture has one brightness value per pixel, not a color."""
    return picture.mode in GRAY_MODES


def pixels(picture: Image.Image, *, color: bool) -> NDArray[np.uint8]:
    """The picture as uint8 [height, width] or, with `color`, [height, width, 3]. Transparent parts become white."""
    if picture.mode.startswith("I"):  # 16 bits per pixel: Pillow's own conversion clips instead of scaling
        return _as_uint8(np.asarray(picture, np.float32) / 257, color=color)
    if picture.mode == "P" or "A" in picture.getbands() or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return np.asarray(picture.convert("RGB" if color else "L"))


def to_png(image: NDArray[np.uint8]) -> bytes:
    """An image, uint8 [height, width] or [height, width, 3], as the bytes of a PNG file."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def _as_uint8(gray: NDArray[np.floating], *, color: bool) -> NDArray[np.uint8]:
    bytes_ = np.clip(np.round(gray), 0, 255).astype(np.uint8)
    return np.repeat(bytes_[..., None], 3, axis=-1) if color else bytes_


def to_input(picture: Image.Image, height: int, width: int, *, color: bool) -> NDArray[np.uint8]:
    """Turn a picture into a model's input: uint8 [height, width] or, with `color`, [height, width, 3].

    A gray model is assumed to expect light ink on a dark background, as in MNIST. So a picture with a light border is
    inverted, and its paper, which is never quite white, becomes 0. A picture of the right size with light ink on a dark
    background keeps its pixels unchanged.
    """
    image = pixels(picture, color=color)
    if image.shape[:2] != (height, width):
        image = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))
    border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    return _ink_on_black(image, float(np.median(border))) if not color and border.mean() > LIGHT else image


def _ink_on_black(image: NDArray[np.uint8], paper: float) -> NDArray[np.uint8]:
    """Invert dark ink on light paper: the brightness `paper` becomes 0, and the darkest ink becomes 255."""
    contrast = max(paper - float(image.min()), 1.0)
    return np.clip(np.round((paper - image) * (255 / contrast)), 0, 255).astype(np.uint8)
