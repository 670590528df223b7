"""Brings the pixels of every kind of picture to 8 bits: gray, gray with transparency, RGB or RGBA."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from edgecnn.imaging.limits import Refusal

GRAY_MODES = frozenset({"1", "L", "LA", "La", "I", "F"})
DEEP_MODES = frozenset({"I", "F"})  # and those that begin with I;16
# Cameras and microscopes store 10, 12 or 14 bits in 16. No format says so, but the largest value does.
BRIGHTEST = (255, 1023, 4095, 16383, 65535)


class Scale(NamedTuple):
    """How a picture's values become 0 to 255: they are multiplied by `factor`. Pictures of 8 bits have none."""

    factor: float | None = None


def is_deep(picture: Image.Image) -> bool:
    """Whether the picture has more than 8 bits of gray per pixel, as integers or floats."""
    return picture.mode in DEEP_MODES or picture.mode.startswith("I;16")


def is_gray(picture: Image.Image) -> bool:
    """Whether the picture has one brightness value per pixel, not a color. It need not be decoded yet."""
    return picture.mode in GRAY_MODES or picture.mode.startswith("I;16") or _has_gray_palette(picture)


def _has_gray_palette(picture: Image.Image) -> bool:
    if picture.mode not in ("P", "PA") or picture.palette is None or "RGB" not in picture.palette.mode:
        return False
    raw = picture.palette
    if raw.rawmode not in (None, "RGB"):  # BMP and TIFF store theirs in another order
        return False
    colors = np.frombuffer(bytes(raw.palette), np.uint8)
    colors = colors[: len(colors) // 3 * 3].reshape(-1, 3)
    return bool(np.ptp(colors, axis=1).max(initial=0) == 0)


def scale_of(strips: Iterable[Image.Image]) -> Scale:
    """The scale of a deep picture, by its own smallest and largest values. Raises Refusal if they show nothing.

    Integers have the smallest of 8, 10, 12, 14 or 16 bits that hold them. Floats up to 1 are shares of 255.
    """
    ends = np.array([_ends(strip) for strip in strips])  # and no strip is kept
    low, high = float(ends[:, 0].min()), float(ends[:, 1].max())  # not a number if any value is not
    if ends.dtype.kind == "f" and low >= 0 and high <= 1:
        return Scale(255.0)
    brightest = next((value for value in BRIGHTEST if high <= value), None)
    if brightest is None or not low >= 0:  # also if it is not a number
        raise Refusal(f"has values from {low:g} to {high:g}: save it with values from 0 to 1, 255 or 65,535")
    return Scale(255 / brightest)


def _ends(strip: Image.Image) -> tuple[Any, Any]:
    """The smallest and the largest value."""
    values = np.asarray(strip)
    return values.min(), values.max()


def to_8_bits(picture: Image.Image, scale: Scale) -> Image.Image:
    """The picture in mode L, LA, RGB or RGBA. Raises ValueError for a mode that Pillow cannot convert."""
    if scale.factor is not None:
        values = np.asarray(picture).astype(np.float32) * np.float32(scale.factor)
        return Image.fromarray(np.round(values).astype(np.uint8))
    return picture.convert(_target(picture))


def _target(picture: Image.Image) -> str:
    transparent = picture.mode.endswith(("A", "a")) or "transparency" in picture.info
    return ("L" if is_gray(picture) else "RGB") + ("A" if transparent else "")
