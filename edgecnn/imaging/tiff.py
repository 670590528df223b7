"""Checks the directories of a TIFF file, which Exif data has too, before Pillow takes memory for their tags.

Source: Adobe, "TIFF, Revision 6.0", sections 2 (structure) and 15 (tiles).
"""

import struct
from io import BytesIO
from typing import BinaryIO, NamedTuple

from edgecnn.imaging.limits import MOST_BYTES, Refusal, require, require_metadata, require_size

MAGIC = (b"II*\0", b"MM\0*")
TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
BYTES = (1, 2, 6, 7)  # types that Pillow keeps as bytes; of the others it makes a Python object for each value
NUMBERS = {3: "H", 4: "I"}
WIDTH, HEIGHT, BITS, COMPRESSION, SAMPLES, ROWS_PER_STRIP = 256, 257, 258, 259, 277, 278
ORIENTATION, TILE_WIDTH, TILE_HEIGHT = 274, 322, 323
INNER_DIRECTORIES = (34665, 34853, 40965)  # Exif, GPS, interoperability
NONE, JPEG = 1, 7
# None, three kinds of fax, LZW, JPEG, two names of Deflate, PackBits
COMPRESSIONS = (NONE, 2, 3, 4, 5, JPEG, 8, 32946, 32773)


class Directory(NamedTuple):
    """Some tags of a directory: the first number of each."""

    tags: dict[int, int]

    def get(self, tag: int, default: int) -> int:
        """The first number of a tag, or the default if the directory lacks it."""
        return self.tags.get(tag, default)


def check_exif(content: bytes) -> None:
    """Check the directory of Exif or MPF data. Raises Refusal. Data that is not of the form is not Pillow's to read."""
    content = content.removeprefix(b"Exif\0\0")
    if content[:4] in MAGIC:
        _directories(BytesIO(content))


def working_memory(file: BinaryIO) -> int:
    """The bytes that decoding a TIFF file takes beside its picture. Raises Refusal."""
    directory = _directories(file)
    width, height = directory.get(WIDTH, 0), directory.get(HEIGHT, 0)
    require_size(width, height)
    compression = directory.get(COMPRESSION, NONE)
    require(compression in COMPRESSIONS, "is compressed in a rare way: save it as PNG")
    depth = -(-directory.get(SAMPLES, 1) * directory.get(BITS, 1) // 8)
    turned = width * height * max(4, depth) if directory.get(ORIENTATION, 1) != 1 else 0
    if compression == NONE:
        return turned
    tile_width, tile_height = directory.get(TILE_WIDTH, width), directory.get(TILE_HEIGHT, height)
    rows = min(directory.get(ROWS_PER_STRIP, height), height)
    piece = tile_width * tile_height if TILE_WIDTH in directory.tags else width * rows
    per_pixel = max(depth, 4) * (3 if compression == JPEG else 1)  # a progressive JPEG keeps its coefficients
    return turned + piece * per_pixel + min(piece * depth, MOST_BYTES)  # decoded and as stored


def _directories(file: BinaryIO) -> Directory:
    """The file's first directory, checked together with the ones inside it."""
    file.seek(0)
    order = "<" if file.read(4) == MAGIC[0] else ">"
    try:
        first = _directory(file, order, *struct.unpack(f"{order}I", file.read(4)))
        for tag in INNER_DIRECTORIES:
            if tag in first.tags:
                _directory(file, order, first.tags[tag])
    except struct.error:
        raise Refusal("is truncated or corrupt: copy it again, or save it as PNG") from None
    return first


def _directory(file: BinaryIO, order: str, offset: int) -> Directory:
    file.seek(offset)
    (count,) = struct.unpack(f"{order}H", file.read(2))
    entries = [struct.unpack(f"{order}HHI4s", file.read(12)) for _ in range(count)]
    sizes = [(kind, number * TYPE_SIZES.get(kind, 1)) for _, kind, number, _ in entries]
    numbers = sum(size for kind, size in sizes if kind not in BYTES) // 2
    require_metadata(sum(size for _, size in sizes), numbers)
    return Directory({tag: _first(file, order, *entry) for tag, *entry in reversed(entries) if entry[0] in NUMBERS})


def _first(file: BinaryIO, order: str, kind: int, count: int, value: bytes) -> int:
    if count * TYPE_SIZES[kind] > 4:
        file.seek(*struct.unpack(f"{order}I", value))
        value = file.read(4).ljust(4, b"\0")
    (number,) = struct.unpack_from(f"{order}{NUMBERS[kind]}", value)
    return int(number)
