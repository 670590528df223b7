"""Writes PNG files of any size without their pixels in memory: all of them are zero.

Source: W3C, "Portable Network Graphics", sections 4.5.2 (interlacing) and 11 (chunks).
"""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a pixel, by the color type
GRAY, RGB, PALETTE, RGBA = 0, 2, 3, 6
SEVEN_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
ONE_PASS = ((0, 0, 1, 1),)
AT_ONCE = 2**20  # bytes


def write(
    path: Path,
    width: int,
    height: int,
    color: int = GRAY,
    bits: int = 8,
    *,
    interlaced: bool = False,
    more: bytes = b"",
) -> None:
    """Write a file. `more` holds complete chunks, which follow the first one."""
    passes = SEVEN_PASSES if interlaced else ONE_PASS
    head = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, interlaced)
    palette = chunk(b"PLTE", bytes(3 << bits)) if color == PALETTE else b""
    size = sum(_pass_size(width, height, SAMPLES[color] * bits, *one) for one in passes)
    pixels = chunk(b"IDAT", b"".join(zeros(size)))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + more + palette + pixels + chunk(b"IEND", b""))


def chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk with its length and check sum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def zeros(size: int) -> Iterator[bytes]:
    """So many zero bytes, compressed."""
    packer = zlib.compressobj(9)
    for start in range(0, size, AT_ONCE):
        yield packer.compress(bytes(min(AT_ONCE, size - start)))
    yield packer.flush()


def _pass_size(width: int, height: int, bits: int, left: int, top: int, across: int, down: int) -> int:
    """The bytes of one pass: a row of nothing has not even its filter's byte."""
    columns, rows = -(-(width - left) // across), -(-(height - top) // down)
    return rows * (1 + -(-columns * bits // 8)) if columns > 0 else 0
