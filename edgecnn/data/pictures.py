"""Decodes the pictures of a data set, each once, within a bound on what all of them become."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from edgecnn.data.parts import Array
from edgecnn.errors import DataError
from edgecnn.imaging.reading import open_picture, pixels
from edgecnn.imaging.shades import is_gray

# Pixels of an image in a data set: all are held at once, and no small network takes larger ones.
LARGEST = 2**20
# Drawings of one color pack to a hundredth, photographs to a tenth. A small data set may be all of one color.
ALWAYS_ALLOWED, MOST_RATIO = 2**27, 200


class Source(NamedTuple):
    """Where a picture is, what messages call it, and its bytes in packed form."""

    place: Path | BinaryIO
    name: str
    size: int


def read_pictures(sources: Iterable[Source]) -> list[Array]:
    """Every picture, uint8 [height, width] or [height, width, 3], all of one height and width.

    Raises ImageError if one cannot be read, DataError if one is too large, one has another size or all would take too
    much memory.
    """
    images: list[Array] = []
    packed = taken = 0
    first = ""
    for source in sources:
        picture = open_picture(source.place, source.name)
        if picture.width * picture.height > LARGEST:
            raise DataError(f"{source.name} has more than {LARGEST:,} pixels: resize all images of the data set first")
        images.append(pixels(picture, color=not is_gray(picture)))
        first = first or source.name
        _require_size(source.name, images[-1], first, images[0])
        packed, taken = packed + source.size, taken + images[-1].nbytes
        if taken > max(ALWAYS_ALLOWED, MOST_RATIO * packed):
            raise DataError(f"the pictures up to {source.name} take {taken:,} bytes of memory: make them smaller first")
    return images


def in_one_form(images: Sequence[Array], *, color: bool) -> Array:
    """The images in one array, uint8 [n, height, width] or, with `color`, [n, height, width, 3]."""
    shape = (len(images), *images[0].shape[:2], *((3,) if color else ()))
    stacked = np.empty(shape, images[0].dtype)
    for place, image in enumerate(images):
        stacked[place] = image[..., None] if color and image.ndim == 2 else image
    return stacked


def _require_size(name: str, image: Array, first_name: str, first: Array) -> None:
    if image.shape[:2] != first.shape[:2]:
        raise DataError(
            f"{name} has {image.shape[1]}×{image.shape[0]} pixels, but {first_name} has "
            f"{first.shape[1]}×{first.shape[0]}: resize all images to the same size"
        )
