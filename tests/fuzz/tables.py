"""Damages files of numbers: the header of an IDX file, the cells of a CSV file, and what is gzipped."""

import gzip
import zlib
from random import Random

from fuzz.mutation import BYTES, EDGES, mutate
from fuzz.trees import TEXTS

CELLS = (
    *TEXTS,
    "256",
    "255.0",
    "1e999",
    "nan",
    "inf",
    "-0",
    " 7 ",
    "7e0",
    '"7',
    '""',
    "0x10",
    "１",
    "9" * 400,
    "\ufeff7",
    "1_0",
)


def mutate_idx(content: bytes, random: Random) -> bytes:
    """An IDX file with a dimension, its type or its rank changed."""
    at = random.choice((2, 3, 4, 8, 12))
    new = random.choice(EDGES) % 2**32
    changed = new.to_bytes(4, "big") if at > 3 else bytes([new % 256])
    return content[:at] + changed + content[at + len(changed) :]


def mutate_csv(content: bytes, random: Random) -> bytes:
    """A table with a cell, a row or its separators changed."""
    rows = [line.split(b",") for line in content.split(b"\n")]
    row = random.choice(rows)
    at = random.randrange(len(row))
    match random.randrange(7):
        case 0:
            del row[at]
        case 1:
            row.insert(at, random.choice(CELLS).encode("utf-8", "surrogatepass"))
        case 2:
            rows.remove(row)
        case 3:
            rows.insert(random.randrange(len(rows)), [random.choice(CELLS).encode("utf-8", "surrogatepass")])
        case 4:
            return b"\n".join(map(random.choice((b";", b"\t", b" ", b"")).join, rows))
        case _:
            row[at] = random.choice(CELLS).encode("utf-8", "surrogatepass")
    return random.choice((b"\n", b"\n", b"\n", b"\r\n", b"\r")).join(map(b",".join, rows))


def mutate_gzip(content: bytes, random: Random) -> bytes:
    """What is gzipped, with its content changed."""
    try:
        inner = gzip.decompress(content)
    except (OSError, EOFError, zlib.error):
        return mutate(content, BYTES, random)
    return gzip.compress(mutate(inner, (*BYTES, mutate_idx, mutate_idx), random), mtime=0)
