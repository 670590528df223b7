"""Reads single fields of a protobuf message where they lie in a file, so that a large model need not be loaded."""

from collections.abc import Iterator
from dataclasses import dataclass
from io import SEEK_SET
from typing import BinaryIO

LONGEST_VARINT = 10  # bytes
VARINT, FIXED_64, BYTES, FIXED_32 = 0, 1, 2, 5  # wire types: https://protobuf.dev/programming-guides/encoding


@dataclass(frozen=True)
class Field:
    """One field of a message: `value` is a number's; of bytes, text and messages, `start` and `end` say where they lie.

    Positions are counted from the beginning of the file.
    """

    number: int
    value: int = 0
    start: int = 0
    end: int = 0

    def read(self, file: BinaryIO) -> bytes:
        file.seek(self.start, SEEK_SET)
        return file.read(self.end - self.start)


def fields(file: BinaryIO, start: int, end: int) -> Iterator[Field]:
    """The fields of the message between two positions of a file, which may be read elsewhere meanwhile.

    Raises ValueError where the bytes are not a whole message.
    """
    while start < end:
        file.seek(start, SEEK_SET)
        number, wire_type = divmod(_varint(file), 8)
        value = _varint(file) if wire_type in (VARINT, BYTES) else 0
        start = file.tell()
        length = {VARINT: 0, FIXED_64: 8, BYTES: value, FIXED_32: 4}.get(wire_type)
        if length is None or start + length > end:
            raise ValueError(f"a field of wire type {wire_type} does not fit its message")
        yield Field(number, value, start, start + length)
        start += length


def _varint(file: BinaryIO) -> int:
    """Seven bits a byte, the lowest first; the eighth says that another byte follows."""
    number = 0
    for place in range(LONGEST_VARINT):
        byte = file.read(1)
        if not byte:
            break
        number |= (byte[0] & 0x7F) << 7 * place
        if byte[0] < 0x80:
            return number
    raise ValueError("a number does not end")
