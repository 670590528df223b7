"""Reads the arrays of an `.npz` file: what each takes is known from its header before any memory is taken."""

import math
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from edgecnn.data.bounds import require_room
from edgecnn.data.keys import keys_of, to_parts
from edgecnn.data.parts import Parts
from edgecnn.errors import DataError
from edgecnn.files import open_regular

# The archive's end: four bytes, numbers of disks and members, the directory's size and place, the comment's length.
END, END_MAGIC = struct.Struct("<4s4H2IH"), b"PK\5\6"
ENCRYPTED = 1  # a bit of a member's flags
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # of numpy.savez and numpy.savez_compressed
LONGEST_HEADER = 10_000  # bytes of an array's description
# What zipfile, zlib and numpy raise for a damaged file.
DAMAGED = (
    *(OSError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error, MemoryError),
    *(ValueError, TypeError, KeyError, SyntaxError, tokenize.TokenError, OverflowError, RecursionError),
)


def read_npz(path: Path) -> Parts:
    """The splits that the names of the arrays tell: `x_train`, `train_images`, `labels` and the like.

    Raises DataError if it has no images with labels, or if the file is damaged or a bomb.
    """
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            _require_all(file, len(archive.infolist()))
            if len(members) < len(archive.infolist()):
                raise DataError(f"{path} has two arrays of one name: save it again with numpy.savez")
            keys = keys_of(str(path), list(members))
            _require_room(path, [members[key] for key in keys.values()], os.fstat(file.fileno()).st_size)
            return to_parts({role: _read(archive, members[key]) for role, key in keys.items()})
    except zipfile.BadZipFile:
        raise DataError(f"{path} is not a complete .npz file: save it again with numpy.savez") from None
    except DAMAGED as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DataError(
            f"{path} does not hold plain arrays of numbers ({reason}): save it again with numpy.savez"
        ) from None


def _require_all(file: BinaryIO, count: int) -> None:
    """Raise BadZipFile unless the archive's end tells as many members: zipfile does not miss those that are lost."""
    file.seek(-END.size, os.SEEK_END)
    magic, _, _, _, told, _, _, _ = END.unpack(file.read(END.size))
    if magic != END_MAGIC or told != count:
        raise zipfile.BadZipFile


def _require_room(path: Path, members: Sequence[zipfile.ZipInfo], size: int) -> None:
    if any(member.compress_type not in METHODS for member in members):
        raise DataError(f"{path} is compressed in a rare way: save it again with numpy.savez")
    if any(member.flag_bits & ENCRYPTED for member in members):
        raise DataError(f"{path} is encrypted: save it again with numpy.savez")
    require_room(path, sum(member.file_size for member in members), size)


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    with archive.open(member) as stream:
        _require_plain(stream, member.file_size)
    with archive.open(member) as stream:
        array: NDArray[Any] = npy.read_array(stream, allow_pickle=False, max_header_size=LONGEST_HEADER)
    return np.asarray(array)


def _require_plain(stream: IO[bytes], size: int) -> None:
    """Raise ValueError unless the header is that of an array of numbers or text that takes the rest of `size` bytes."""
    version = npy.read_magic(stream)
    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read_header(stream, max_header_size=LONGEST_HEADER)
    if dtype.hasobject or dtype.names or not dtype.itemsize:
        raise ValueError("it holds Python objects or records")
    if stream.tell() + math.prod(shape) * dtype.itemsize != size:
        raise ValueError("an array has another size than the file says")
