"""Opens and decodes picture files within limits of memory and time. Files from outside reach Pillow only here."""

from __future__ import annotations

import os
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from math import ceil, sqrt
from pathlib import Path
from typing import BinaryIO, NamedTuple

from PIL import ExifTags, Image, JpegImagePlugin, UnidentifiedImageError

from edgecnn.errors import ImageError
from edgecnn.files import open_regular
from edgecnn.imaging.formats import recognize
from edgecnn.imaging.limits import KEPT_PIXELS, MOST_BYTES, MOST_MEMORY, MOST_PIXELS, Refusal, require, require_size
from edgecnn.imaging.shades import Scale, is_deep, scale_of, to_8_bits

# What Pillow raises for a damaged file.
DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    struct.error,
    EOFError,
    RuntimeError,
    OverflowError,
)
# The bytes that a pixel takes in Pillow's memory. All other modes take 4.
PIXEL_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2}
STRIP_PIXELS = 1_000_000
JPEG_SCALES = (8, 4, 2)
ORIENTATIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class Undecoded(NamedTuple):
    """A picture whose size and mode are known. `working_memory` is what decoding takes beside its pixels, in bytes."""

    picture: Image.Image
    working_memory: int

    @property
    def pixels(self) -> int:
        """How many pixels the file says that it has."""
        return self.picture.width * self.picture.height


@contextmanager
def undecoded(source: Path | BinaryIO, name: str) -> Iterator[Undecoded]:
    """Open a picture without decoding it.

    Errors of the body are explained as well. Raises ImageError, whose message calls the picture `name`.
    """
    with _explained(name), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of odd metadata and of large pictures; the limits are stricter
        # Pillow leaves a file open that it refuses, so it is opened and closed here.
        with open_regular(source) if isinstance(source, Path) else nullcontext(source) as file:
            yield _checked(file)


@contextmanager
def _explained(name: str) -> Iterator[None]:
    try:
        yield
    except Refusal as refusal:
        raise ImageError(f"{name} {refusal}") from None
    except UnidentifiedImageError:
        raise ImageError(f"{name} is not a picture that can be read: give a PNG or JPEG file") from None
    except Image.DecompressionBombError:
        raise ImageError(f"{name} has more than {MOST_PIXELS:,} pixels: make it smaller first") from None
    except MemoryError:
        raise ImageError(f"{name} needs more memory than there is: make it smaller first") from None
    except DAMAGED as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"{name} cannot be read as a picture ({reason}): give a complete PNG or JPEG file") from None


def _checked(file: BinaryIO) -> Undecoded:
    form = recognize(file)
    if form is None:
        raise UnidentifiedImageError
    require(file.seek(0, os.SEEK_END) <= MOST_BYTES, f"has more than {MOST_BYTES:,} bytes: make it smaller first")
    working_memory = form.working_memory(file)
    form.load_plugin()
    file.seek(0)
    picture = Image.open(file, formats=[form.name])
    require_size(picture.width, picture.height)
    return Undecoded(picture, working_memory)


def _draft(picture: Image.Image, longest: int | None) -> None:
    """Let libjpeg decode a large photograph at a half, a quarter or an eighth of its size, which takes less memory.

    With `longest`, it decodes the brightness alone, which takes less time.
    """
    factor = _factor(picture, longest)
    scale = next((item for item in JPEG_SCALES if item <= factor), 1)
    gray = "L" if longest and picture.mode == "RGB" else None
    if scale > 1 or gray:
        picture.draft(gray, (picture.width // scale, picture.height // scale))


def decode(opened: Undecoded, longest: int | None = None) -> Image.Image:
    """Decode a picture's first frame: in mode L, LA, RGB or RGBA, turned as its rotation tag says.

    A picture of more than KEPT_PIXELS is reduced by a whole number, strip by strip. With `longest`, it is also reduced
    by a whole number while its longer side keeps so many pixels. Raises Refusal if decoding would take too much memory,
    or one of DAMAGED.
    """
    picture = opened.picture
    if isinstance(picture, JpegImagePlugin.JpegImageFile):
        _draft(picture, longest)
    size = opened.working_memory + picture.width * picture.height * PIXEL_BYTES.get(picture.mode, 4)
    require(
        size <= MOST_MEMORY,
        f"takes {size // 1_000_000:,} MB to decode, more than {MOST_MEMORY // 1_000_000}: make it smaller first",
    )
    picture.load()
    small = _reduced(picture, _factor(picture, longest))
    turn = ORIENTATIONS.get(picture.getexif().get(ExifTags.Base.Orientation, 1))
    return small if turn is None else small.transpose(turn)


def _factor(picture: Image.Image, longest: int | None) -> int:
    bounded = ceil(sqrt(picture.width * picture.height / KEPT_PIXELS))
    return max(bounded, max(picture.size) // longest) if longest else bounded


def _reduced(picture: Image.Image, factor: int) -> Image.Image:
    boxes = _strips(picture, max(1, STRIP_PIXELS // picture.width // factor) * factor)
    scale = scale_of(map(picture.crop, boxes)) if is_deep(picture) else Scale()
    pieces = [to_8_bits(picture.crop(box), scale).reduce(factor) for box in boxes]
    whole = Image.new(pieces[0].mode, (pieces[0].width, sum(piece.height for piece in pieces)))
    for box, piece in zip(boxes, pieces, strict=True):
        whole.paste(piece, (0, box[1] // factor))
    return whole


def _strips(picture: Image.Image, rows: int) -> list[tuple[int, int, int, int]]:
    starts = range(0, picture.height, rows)
    return [(0, top, picture.width, min(top + rows, picture.height)) for top in starts]
