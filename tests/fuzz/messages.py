"""Damages protobuf messages field by field, at any depth, so that the rest of the file stays well-formed."""

from collections.abc import Sequence
from io import BytesIO
from random import Random

from fuzz.mutation import BYTES, EDGES, mutate
from fuzz.trees import TEXTS, mutate_json

from edgecnn.runtime.protobuf import BYTES as LENGTH_DELIMITED
from edgecnn.runtime.protobuf import FIXED_32, FIXED_64, VARINT, fields

Part = tuple[int, int, bytes]  # a field's number, its wire type and its content, which for a number is a varint
WIRE_TYPES = (VARINT, FIXED_64, LENGTH_DELIMITED, FIXED_32, 3, 7)


def mutate_message(content: bytes, random: Random, deeper: float = 0.85) -> bytes:
    """A message with one field changed, removed, doubled or moved, or with a field of one of its fields changed."""
    parts = split(content)
    if not parts:
        return _mutate_content(content, random)
    nested = [at for at, (_, wire_type, inner) in enumerate(parts) if wire_type == LENGTH_DELIMITED and inner]
    if nested and random.random() < deeper:
        at = random.choice(nested)
        number, wire_type, inner = parts[at]
        parts[at] = number, wire_type, mutate_message(inner, random, deeper)
    else:
        _change(parts, random)
    return join(parts)


def _change(parts: list[Part], random: Random) -> None:
    at = random.randrange(len(parts))
    number, wire_type, content = parts[at]
    match random.randrange(8):
        case 0:
            del parts[at]
        case 1:
            parts[at:at] = [parts[at]] * random.choice((1, 2, 100))
        case 2:
            parts.append(parts.pop(at))
        case 3:
            parts[at] = random.choice((number + 1, number - 1, random.randint(1, 30), 2**29 - 1)), wire_type, content
        case 4:
            parts[at] = number, random.choice(WIRE_TYPES), content
        case 5:
            parts.insert(at, (random.randint(1, 30), LENGTH_DELIMITED, random.choice(TEXTS).encode("utf-8", "replace")))
        case _ if wire_type == VARINT:
            parts[at] = number, wire_type, varint(random.choice((*EDGES, 2**64 - 1, random.randrange(20))))
        case _:
            parts[at] = number, wire_type, _mutate_content(content, random)


def _mutate_content(content: bytes, random: Random) -> bytes:
    match random.randrange(4):
        case 0:
            return random.choice(TEXTS).encode("utf-8", "surrogatepass")
        case 1 if content[:1] in (b"[", b"{"):
            return mutate_json(content, random)
        case 2:
            return b""
        case _:
            return mutate(content, BYTES, random)


def split(content: bytes) -> list[Part]:
    """The fields of a message; none if the content is not a message."""
    parts: list[Part] = []
    end = 0
    try:
        for field in fields(BytesIO(content), 0, len(content)):
            tag = _varint(content, end)
            value = varint(field.value) if tag & 7 == VARINT else content[field.start : field.end]
            parts.append((tag >> 3, tag & 7, value))
            end = field.end
    except ValueError:
        return []
    return parts


def join(parts: Sequence[Part]) -> bytes:
    return b"".join(map(_encoded, parts))


def _encoded(part: Part) -> bytes:
    number, wire_type, content = part
    length = varint(len(content)) if wire_type == LENGTH_DELIMITED else b""
    return varint(max(0, number) << 3 | wire_type) + length + content


def varint(number: int) -> bytes:
    """A number in 7 bits each byte, lowest first, with the eighth bit set in all but the last."""
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def _varint(content: bytes, at: int) -> int:
    number = place = 0
    while content[at] >= 0x80:
        number |= (content[at] & 0x7F) << place
        place, at = place + 7, at + 1
    return number | content[at] << place
