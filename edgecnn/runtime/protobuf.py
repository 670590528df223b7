"""Reads protobuf messages from a file in blocks, so that a large model need not be loaded."""

from collections.abc import Iterator, Mapping
from io import SEEK_SET
from typing import BinaryIO, NamedTuple

VARINT, FIXED_64, BYTES, FIXED_32 = 0, 1, 2, 5  # wire types: https://protobuf.dev/programming-guides/encoding
LONGEST_VARINT = 10  # bytes
LARGEST_NUMBER = 2**29 - 1  # of a field. Some readers drop higher bits, and would then see another field.
LONGEST_HEAD = 2 * LONGEST_VARINT  # bytes of a field's number, type and length
BLOCK = 1 << 16  # bytes
LONGEST_TEXT = 1 << 24  # bytes of a name or a description
DEEPEST = 60  # messages within messages. Readers stop at 100, and a file of ours or of a converter has at most 20.
MOST_FIELDS = 4_000_000  # a network of 2,000 nodes has 60,000

# What a schema calls the fields that are not messages: a text to check, a text or a number to report, and a field to
# report whatever it is.
TEXT, TOLD, NUMBER, FOUND = "text", "told", "number", "found"
# For each kind of message, the fields that matter, by their number: one of the above, or the kind of the message.
Schema = Mapping[str, Mapping[int, str]]
Short = tuple[str, bytes]  # a short message: its kind and its bytes
SHORT, REMEMBERED = 64, 10_000  # bytes; messages


class Field(NamedTuple):
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

    The caller may read other parts of the file in between. Raises ValueError if the bytes are not a complete message,
    or more fields than any model has.
    """
    position, block = start, b""
    for _ in range(MOST_FIELDS):
        if start >= end:
            return
        if start + LONGEST_HEAD > position + len(block):
            position, block = start, _block(file, start, min(end - start, BLOCK))
        number, wire_type, value, head = _head(block, start - position)
        start = position + head
        length = value if wire_type == BYTES else WIDTHS[wire_type]
        if start + length > end:
            raise ValueError("a field is longer than its message")
        yield Field(number, value, start, start + length)
        start += length
    if start < end:
        raise ValueError(f"it has more than {MOST_FIELDS:,} fields")


def walk(  # noqa: C901 (a call for each field would double the time to open a small model)
    file: BinaryIO, size: int, schema: Schema, kind: str
) -> Iterator[tuple[str, int, str | int]]:
    """The fields that `schema` wants reported in a whole tree of messages, in the order of the file.

    Each has the kind of its message, its number, and its text, number or length. All lengths and all texts are checked.
    Raises ValueError for a file that is not a message of that `kind`.
    """
    stack: list[tuple[str, int, Short | None, int]] = [(kind, size, None, 0)]
    known, end, reports, start, position, block = schema[kind], size, 0, 0, 0, b""
    plain: set[Short] = set()  # short messages without a report, which models repeat, such as strides=[1, 1]
    for _ in range(MOST_FIELDS):
        while start == end:
            *_, short, before = stack.pop()
            if short and before == reports and len(plain) < REMEMBERED:
                plain.add(short)
            if not stack:
                return
            kind, end, *_ = stack[-1]
            known = schema[kind]
        head = start - position
        if head + LONGEST_HEAD > len(block):
            position, head, block = start, 0, _block(file, start, BLOCK)
        number, wire_type, length, head = _head(block, head)
        start = position + head
        found = known.get(number)
        if found == NUMBER and wire_type == VARINT:
            reports += 1
            yield kind, number, length
            continue
        length = length if wire_type == BYTES else WIDTHS[wire_type]
        if start + length > end:
            raise ValueError("a field is longer than its message")
        if found is None or found == FOUND:
            start += length
            if found:
                reports += 1
                yield kind, number, length
        elif wire_type != BYTES or found == NUMBER:
            raise ValueError(f"field {number} of a {kind} has the wrong type")
        elif found in (TEXT, TOLD):
            text = block[head : head + length] if head + length <= len(block) else _text(file, start, length)
            start += length
            if not text.isascii():
                text.decode()
            if found == TOLD:
                reports += 1
                yield kind, number, text.decode()
        else:
            whole = length <= SHORT and head + length <= len(block)
            short = (found, block[head : head + length]) if whole else None
            if short in plain:
                start += length
                continue
            kind, known, end = found, schema[found], start + length
            stack.append((kind, end, short, reports))
            if len(stack) > DEEPEST:
                raise ValueError(f"its messages are nested more than {DEEPEST} deep")
    raise ValueError(f"it has more than {MOST_FIELDS:,} fields")


WIDTHS = {VARINT: 0, FIXED_64: 8, FIXED_32: 4}


def _block(file: BinaryIO, start: int, length: int) -> bytes:
    file.seek(start, SEEK_SET)
    return file.read(length)


def _text(file: BinaryIO, start: int, length: int) -> bytes:
    if length > LONGEST_TEXT:
        raise ValueError(f"it has a text of {length:,} bytes")
    return _block(file, start, length)


def _head(block: bytes, at: int) -> tuple[int, int, int, int]:
    """A field's number, its wire type, its value or length (0 for a type without), and the position of what follows."""
    try:
        tag, value = block[at], block[at + 1]
        if tag < 0x80 > value and tag & 7 in (VARINT, BYTES) and tag > 7:  # nearly all fields are such
            return tag >> 3, tag & 7, value, at + 2
        return _long_head(block, at)
    except IndexError:
        raise ValueError("it ends within a field") from None


def _long_head(block: bytes, at: int) -> tuple[int, int, int, int]:
    tag, at = _varint(block, at)
    number, wire_type = tag >> 3, tag & 7
    value, at = _varint(block, at) if wire_type in (VARINT, BYTES) else (0, at)
    if wire_type not in (VARINT, FIXED_64, BYTES, FIXED_32):
        raise ValueError(f"a field has the unknown wire type {wire_type}")
    if not 0 < number <= LARGEST_NUMBER:
        raise ValueError(f"there is no field {number}")
    return number, wire_type, value, at


def _varint(block: bytes, at: int) -> tuple[int, int]:
    """A variable-length number, and the position after it.

    It has 7 bits in each byte, lowest first. The eighth bit is set if another byte follows.
    """
    number = 0
    for place in range(LONGEST_VARINT):
        byte = block[at + place]
        number |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return number, at + place + 1
    raise ValueError("a number does not end")
