"""Walks through a picture file's segments, and checks what they would take before Pillow reads them.

Each `*_memory` function returns the bytes that decoding takes beside the picture itself, and raises Refusal. Pillow has
limits of its own, but not for these: it keeps every segment, and reads all that Exif data points to.
"""

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO

from edgecnn.imaging.limits import MOST_SCANS, Refusal, require, require_metadata, require_size
from edgecnn.imaging.tiff import check_exif

DAMAGED = "is truncated or corrupt: give a complete PNG or JPEG file"
UNPACKED_TEXT = (
    4_000_000  # bytes that a compressed text of a PNG can become: Pillow allows 1 MB, at up to 4 a character
)
WEBP_BYTES_PER_PIXEL = 24  # the canvas twice, the frame's own planes, and copies of them
RLE = (1, 2)
MOST_RLE_BYTES = 8_000_000  # Pillow decodes such a BMP in Python
SEQUENTIAL = (0xC0, 0xC1)
FRAMES = (*SEQUENTIAL, 0xC2, 0xC9, 0xCA)
START_OF_SCAN, END, APP1, APP2 = 0xDA, 0xD9, 0xE1, 0xE2
STANDALONE = (0x01, *range(0xD0, 0xD9))
PIECE = 1 << 20


def png_memory(file: BinaryIO) -> int:
    """Count the chunks that are not pixels, and the texts, which are unpacked."""
    size = texts = 0
    for parts, (kind, length) in enumerate(_png_chunks(file), 1):
        size += 0 if kind in (b"IDAT", b"fdAT") else length
        texts += kind in (b"zTXt", b"iTXt", b"iCCP")
        require_metadata(size, parts)
        if kind == b"eXIf":
            check_exif(file.read(length))
    return texts * UNPACKED_TEXT


def _png_chunks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Each chunk's kind and length, with the file at its content."""
    at = 8
    while len(header := _read(file, at, 8)) == 8:
        (length,) = struct.unpack(">I", header[:4])
        yield header[4:], length
        at += 12 + length


def webp_memory(file: BinaryIO) -> int:
    """Check the canvas, and the metadata, of which libwebp and Pillow keep copies."""
    content = _read(file, 0, 30).ljust(30, b"\0")
    width, height = _webp_size(content)
    require_size(width, height)
    exif = next((_read(file, at, size) for kind, at, size in _riff_chunks(file) if kind == b"EXIF"), b"")
    check_exif(exif)
    return width * height * WEBP_BYTES_PER_PIXEL + 4 * _size(file)


def _webp_size(content: bytes) -> tuple[int, int]:
    """The canvas of a WebP file: https://developers.google.com/speed/webp/docs/riff_container."""
    kind, (first, second) = content[12:16], struct.unpack("<HH", content[26:30])
    if kind == b"VP8X":
        return int.from_bytes(content[24:27], "little") + 1, int.from_bytes(content[27:30], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(content[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return first & 0x3FFF, second & 0x3FFF


def _riff_chunks(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Each chunk's kind, start and length."""
    at, parts = 12, 0
    while len(header := _read(file, at, 8)) == 8:
        (length,) = struct.unpack("<I", header[4:])
        require_metadata(0, parts := parts + 1)
        yield header[:4], at + 8, length
        at += 8 + length + length % 2


def gif_memory(file: BinaryIO) -> int:
    """Check the canvas with its first frame, and what comes before that: Pillow reads it piece by piece."""
    screen = _read(file, 0, 13)
    require(len(screen) == 13, DAMAGED)
    at = 13 + (3 << (screen[10] & 7) + 1 if screen[10] & 0x80 else 0)
    parts = 0
    while (kind := _read(file, at, 1)) == b"!":
        at += 2
        while length := _byte(file, at):
            at += 1 + length
            require_metadata(at, parts := parts + 1)
        at += 1
    require(kind == b",", DAMAGED)
    left, top, width, height = struct.unpack("<4H", _exactly(file, at + 1, 8))
    canvas = struct.unpack("<2H", screen[6:10])
    width, height = int(max(canvas[0], left + width)), int(max(canvas[1], top + height))
    require_size(width, height)
    return 2 * width * height  # what a frame leaves behind for the next one


def bmp_memory(file: BinaryIO) -> int:
    """Refuse a large file with run lengths."""
    header = _read(file, 0, 34).ljust(34, b"\0")
    width, height, compression = struct.unpack("<ii4xI", header[18:34])
    if compression not in RLE:
        return 0
    require_size(abs(width), abs(height))
    require(_size(file) <= MOST_RLE_BYTES, "is a very large BMP with run lengths: save it as PNG")
    return 3 * int(abs(width)) * int(abs(height))


def jpeg_memory(file: BinaryIO) -> int:
    """The coefficients of all pixels if there are several scans, because libjpeg then keeps them. Else nothing."""
    frame, marker = b"", 0
    size = parts = 0
    for marker, at, length in _jpeg_segments(file):
        require_metadata(size := size + length, parts := parts + 100)  # Pillow makes Python objects of each
        if marker in FRAMES:
            frame = bytes([marker]) + _read(file, at, length)
        if marker in (APP1, APP2):
            check_exif(_read(file, at, length).removeprefix(b"MPF\0"))
    require(marker == START_OF_SCAN and len(frame) > 6, DAMAGED)
    components = _byte(file, file.tell())
    if frame[0] in SEQUENTIAL and components == frame[6]:
        return 0
    require(_scans(file) <= MOST_SCANS, f"has more than {MOST_SCANS} scans: save it again as a plain JPEG or PNG file")
    return _coefficients(frame)


def _jpeg_segments(file: BinaryIO) -> Iterator[tuple[int, int, int]]:
    """Each segment's marker, start and length, to the first scan, where the file then is."""
    at = 2
    while True:
        start = _exactly(file, at, 2)
        require(start[0] == 0xFF, DAMAGED)
        if start[1] in (0xFF, *STANDALONE):
            at += 1 if start[1] == 0xFF else 2
            yield start[1], at, 0
            continue
        (length,) = struct.unpack(">H", _exactly(file, at + 2, 2))
        yield start[1], at + 4, length - 2
        if start[1] in (START_OF_SCAN, END):
            file.seek(at + 4)
            return
        at += 2 + length


def _scans(file: BinaryIO) -> int:
    """The number of scans from here on, or a few more: previews and other pictures in the file have some, too."""
    count, last = 1, b""
    while piece := file.read(PIECE):
        count += (last + piece).count(b"\xff\xda")
        last = piece[-1:]
    return count


def _coefficients(frame: bytes) -> int:
    """The bytes of all coefficients: 2 for each sample of each component, in whole blocks."""
    height, width, count = struct.unpack(">HHB", frame[2:7])
    factors = [divmod(byte, 16) for byte in frame[8 : 8 + 3 * count : 3]]
    most = max((across for across, _ in factors), default=1), max((down for _, down in factors), default=1)
    share = sum(across * down for across, down in factors) / max(1, most[0] * most[1])
    return int(2 * (width + 64) * (height + 64) * share)


def _read(file: BinaryIO, at: int, size: int) -> bytes:
    file.seek(at)
    return file.read(size)


def _exactly(file: BinaryIO, at: int, size: int) -> bytes:
    content = _read(file, at, size)
    if len(content) < size:
        raise Refusal(DAMAGED)
    return content


def _byte(file: BinaryIO, at: int) -> int:
    return _exactly(file, at, 1)[0]


def _size(file: BinaryIO) -> int:
    return file.seek(0, os.SEEK_END)
