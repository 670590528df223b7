"""Reads single fields of a protobuf message from a file, so that a large model need not be loaded."""

from collections.abc import Iterator
from dataclasses import dataclass
from io import SEEK_SET
from typing import BinaryIO

LONGEST_VARINT = 10  # bytes
VARINT, FIXED_64, BYTES, FIXED_32 = 0, 1, 2, 5  # wire types: https://protobuf.dev/programming-guides/encoding


@dataclass(frozen=True)
class Field:
    """One field of a message.

    `value` is the value of a number. `start` and `end` are the positions in the file, in bytes, of the content of
    bytes, text and messages.
    """

    number: int
    value: int = 0
    start: int = 0
    end: int = 0

    def read(self, file: BinaryIO) -> bytes:
        """The content of bytes, text or a message."""
        file.seek(self.start, SEEK_SET)
        return file.read(self.end - self.start)


def fields(file: BinaryIO, start: int, end: int) -> Iterator[Field]:
    """The fields of the message between two positions of a file, in bytes.

    The caller may read other parts of the file in between. Raises ValueError if the bytes are not a complete message.
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
    """A variable-length number: 7 bits in each byte, lowest first. The eighth bit is set if another byte follows."""
    number = 0
    for place in range(LONGEST_VARINT):
        byte = file.read(1)
        if not byte:
            break
        number |= (byte[0] & 0x7F) << 7 * place
        if byte[0] < 0x80:
            return number
    raise ValueError("a number does not end")
