"""Damages pictures piece by piece (chunks, segments, tags), with their check sums right again."""

import struct
import zlib
from random import Random

from fuzz.mutation import BYTES, EDGES, Mutator, flip, mutate, overwrite, set_number

PNG_START = 8  # bytes
Chunk = tuple[bytes, bytes]  # type and content
PNG_TYPES = (b"IHDR", b"PLTE", b"IDAT", b"tRNS", b"iCCP", b"zTXt", b"tEXt", b"eXIf", b"acTL", b"fcTL", b"gAMA", b"IEND")
RIFF_TYPES = (b"VP8 ", b"VP8L", b"VP8X", b"ANIM", b"ANMF", b"ALPH", b"EXIF", b"ICCP", b"XMP ")


def mutate_png(content: bytes, random: Random) -> bytes:
    """A PNG file with a chunk changed; pixels are changed before they are compressed."""
    chunks = _png_chunks(content)
    if not chunks:
        return mutate(content, BYTES, random)
    at = random.randrange(len(chunks))
    kind, inner = chunks[at]
    match random.randrange(7):
        case 0:
            del chunks[at]
        case 1:
            chunks.insert(at, (random.choice(PNG_TYPES), mutate(inner, BYTES, random)))
        case 2:
            chunks[at] = random.choice(PNG_TYPES), inner
        case 3 if kind == b"IDAT":
            chunks[at] = kind, _recompressed(inner, random)
        case _:
            chunks[at] = kind, mutate(inner, (flip, overwrite, set_number, *BYTES), random)
    return content[:PNG_START] + b"".join(map(_png_chunk, chunks))


def _png_chunks(content: bytes) -> list[Chunk]:
    chunks: list[Chunk] = []
    at = PNG_START
    while at + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, at)
        chunks.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + length]))
        at += 12 + length
    return chunks


def _png_chunk(chunk: Chunk) -> bytes:
    kind, content = chunk
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _recompressed(content: bytes, random: Random) -> bytes:
    try:
        return zlib.compress(mutate(zlib.decompress(content), BYTES, random))
    except zlib.error:
        return content[::-1]


def mutate_riff(content: bytes, random: Random) -> bytes:
    """A WebP file with a chunk changed."""
    chunks, at = list[Chunk](), 12
    while at + 8 <= len(content):
        (length,) = struct.unpack_from("<I", content, at + 4)
        chunks.append((content[at : at + 4], content[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    if not chunks:
        return mutate(content, BYTES, random)
    at = random.randrange(len(chunks))
    kind, inner = chunks[at]
    match random.randrange(5):
        case 0:
            chunks.insert(at, (random.choice(RIFF_TYPES), mutate(inner, BYTES, random)))
        case 1:
            chunks[at] = random.choice(RIFF_TYPES), inner
        case _:
            chunks[at] = kind, mutate(inner, BYTES, random)
    body = b"".join(kind + struct.pack("<I", len(part)) + part + bytes(len(part) % 2) for kind, part in chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def mutate_jpeg(content: bytes, random: Random) -> bytes:
    """A JPEG file with a segment before the first scan changed, doubled or removed."""
    segments, at = list[Chunk](), 2
    while at + 4 <= len(content) and content[at] == 0xFF and content[at + 1] != 0xDA:
        (length,) = struct.unpack_from(">H", content, at + 2)
        segments.append((content[at : at + 2], content[at + 4 : at + 2 + length]))
        at += 2 + length
    if not segments or random.random() < 0.2:
        return mutate(content, BYTES, random)
    place = random.randrange(len(segments))
    marker, inner = segments[place]
    match random.randrange(5):
        case 0:
            del segments[place]
        case 1:
            segments[place:place] = [segments[place]] * random.choice((1, 2, 500))
        case 2:
            segments[place] = bytes([0xFF, random.randrange(0xC0, 0xFF)]), inner
        case _:
            segments[place] = marker, mutate(inner, BYTES, random)[:65_533]
    body = b"".join(marker + struct.pack(">H", 2 + len(part)) + part for marker, part in segments)
    return content[:2] + body + content[at:]


def mutate_tiff(content: bytes, random: Random) -> bytes:
    """A TIFF file with one of the entries of its first directory changed: its tag, type, count or value."""
    if len(content) < 14:
        return mutate(content, BYTES, random)
    order = "<" if content[:2] == b"II" else ">"
    (start,) = struct.unpack_from(f"{order}I", content, 4)
    if start + 2 > len(content):
        return mutate(content, BYTES, random)
    (count,) = struct.unpack_from(f"{order}H", content, start)
    at = start + 2 + 12 * random.randrange(max(1, count))
    offset, form = random.choice(((0, "H"), (2, "H"), (4, "I"), (8, "I"), (8, "H")))
    if at + 12 > len(content):
        return mutate(content, BYTES, random)
    likely = (*EDGES, *range(30), 254, 256, 257, 258, 259, 262, 273, 277, 278, 279, 282, 317, 320, 338, 34665, 34675)
    number = random.choice(likely) % 256 ** struct.calcsize(f"={form}")
    new = struct.pack(f"{order}{form}", number)
    return content[: at + offset] + new + content[at + offset + len(new) :]


FORMATS: dict[str, Mutator] = {
    **{".png": mutate_png, ".webp": mutate_riff, ".jpg": mutate_jpeg, ".tif": mutate_tiff},
}
