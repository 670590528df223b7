"""Reads the IDX format: a magic number with type and rank, the dimensions, then the values, all big-endian.

Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", section FILE FORMATS.
"""

import gzip
import math
import os
import zlib
from contextlib import nullcontext
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from edgecnn.data.bounds import most_unpacked, require_room
from edgecnn.errors import DataError
from edgecnn.files import open_regular

DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
GZIP_MAGIC = b"\x1f\x8b"
MOST_DIMENSIONS = 4
READ_AT_ONCE = 2**20  # bytes


def read_bytes(path: Path) -> bytes | bytearray:
    """The contents of a file, decompressed if it is gzipped. Raises DataError if it cannot be read.

    No more is read than the IDX header announces, and one byte that shows that there is more.
    """
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            packed = file.read(2) == GZIP_MAGIC
            file.seek(0)
            with gzip.open(file) if packed else nullcontext(file) as stream:
                return _announced(stream, path, size, packed=packed)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is truncated or corrupt ({error}): copy it again") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}): check the path") from None


def _announced(stream: gzip.GzipFile | BinaryIO, path: Path, size: int, *, packed: bool) -> bytes | bytearray:
    """The header, and as many bytes as it announces, plus one."""
    head = stream.read(4)
    if len(head) < 4 or not 1 <= head[3] <= MOST_DIMENSIONS or head[2] not in DTYPES:
        return head  # `parse` says what is wrong with it
    head += stream.read(4 * head[3])
    shape = [int.from_bytes(head[at : at + 4], "big") for at in range(4, len(head), 4)]
    expected = len(head) + math.prod(shape) * np.dtype(DTYPES[head[2]]).itemsize
    if packed:
        require_room(path, expected, size)
    content = bytearray(min(expected, most_unpacked(size) if packed else size) + 1)  # reads into it need no copy
    content[: len(head)] = head
    del content[len(head) + _fill(stream, memoryview(content)[len(head) :]) :]
    return content


def _fill(stream: gzip.GzipFile | BinaryIO, room: memoryview) -> int:
    """Read until the room is full or the stream ends. Returns how many bytes were read."""
    filled = 0
    with room:
        while filled < len(room) and (count := stream.readinto(room[filled : filled + READ_AT_ONCE])):  # type: ignore[union-attr]
            filled += count
    return filled


def parse(content: bytes | bytearray, name: str) -> NDArray[Any]:
    """The array in an IDX file, with its own type and shape, in native byte order.

    `content` is the uncompressed file, and messages call it `name`. Raises DataError unless header and length agree.
    """
    if len(content) < 4:
        raise DataError(f"{name} is truncated: {len(content)} bytes cannot hold an IDX header; copy it again")
    zeros, code, rank = content[:2], content[2], content[3]
    if zeros != b"\0\0" or code not in DTYPES or not 1 <= rank <= MOST_DIMENSIONS:
        raise DataError(
            f"{name} is not an IDX file: it starts with {content[:4].hex(' ')}, not with 00 00, a type and a rank; "
            "check the path"
        )
    start = 4 + 4 * rank
    if len(content) < start:
        raise DataError(f"{name} is truncated: its header ends before its {rank} dimensions; copy it again")
    shape = tuple(int.from_bytes(content[at : at + 4], "big") for at in range(4, start, 4))
    dtype = np.dtype(DTYPES[code])
    expected = start + math.prod(shape) * dtype.itemsize  # Python integers, which a forged header cannot overflow
    if len(content) != expected:
        fault = "truncated" if len(content) < expected else "too long"
        raise DataError(
            f"{name} is {fault}: it has {len(content):,} bytes, but its header {shape} asks for {expected:,}; "
            "copy it again"
        )
    try:
        array = np.frombuffer(content, dtype, offset=start).reshape(shape)
    except ValueError:  # no values, but dimensions whose product exceeds an address
        raise DataError(f"{name} is not an IDX file: no array has its dimensions {shape}; check the path") from None
    return array.astype(dtype.newbyteorder("="), copy=False)


def read(path: Path) -> NDArray[Any]:
    """Read one IDX file, gzipped or plain. Raises DataError."""
    return parse(read_bytes(path), str(path))
