"""Damages bytes at random: the mutators that suit any format, and how several are applied one after another."""

from collections.abc import Callable, Sequence
from random import Random

Mutator = Callable[[bytes, Random], bytes]

EDGES = (0, 1, 2, 7, 8, 9, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**63)
MOST_BYTES = 2**20  # of a mutant: a fuzzer looks for damage, and large files are tried by tests of their own
LONGEST_PIECE = 64


def mutate(content: bytes, mutators: Sequence[Mutator], random: Random) -> bytes:
    """Apply one to four of the mutators, mostly one: then what is wrong is not hidden by what was wrong before."""
    while True:
        content = random.choice(mutators)(content, random)[:MOST_BYTES]
        if random.random() < 0.6:
            return content


def flip(content: bytes, random: Random) -> bytes:
    """Flip a bit."""
    return _with(content, at := _place(content, random), bytes([_byte(content, at) ^ 1 << random.randrange(8)]))


def overwrite(content: bytes, random: Random) -> bytes:
    """Put random bytes in the place of others."""
    return _with(content, _place(content, random), random.randbytes(random.randint(1, 8)))


def set_number(content: bytes, random: Random) -> bytes:
    """Put a number at the edge of its type in the place of 1, 2, 4 or 8 bytes, in either order."""
    size, order = random.choice((1, 2, 4, 8)), random.choice(("little", "big"))
    number = random.choice(EDGES) % 256**size
    return _with(content, _place(content, random), number.to_bytes(size, order))


def cut(content: bytes, random: Random) -> bytes:
    """Take a piece out."""
    start, end = piece(content, random)
    return content[:start] + content[end:]


def truncate(content: bytes, random: Random) -> bytes:
    return content[: _place(content, random)]


def repeat(content: bytes, random: Random) -> bytes:
    """Put a piece there several times."""
    start, end = piece(content, random)
    return content[:end] + content[start:end] * random.choice((1, 2, 10, 1000)) + content[end:]


def insert(content: bytes, random: Random) -> bytes:
    at = _place(content, random)
    return content[:at] + random.choice((bytes(8), b"\xff" * 8, random.randbytes(8))) + content[at:]


def move(content: bytes, random: Random) -> bytes:
    """Copy a piece to another place."""
    start, end = piece(content, random)
    return _with(content, _place(content, random), content[start:end])


BYTES: tuple[Mutator, ...] = (flip, overwrite, set_number, cut, truncate, repeat, insert, move)


def near_the_start(mutator: Mutator, size: int = 128) -> Mutator:
    """The mutator for the first bytes only, where the headers of most formats are."""

    def mutated(content: bytes, random: Random) -> bytes:
        return mutator(content[:size], random) + content[size:]

    return mutated


HEADER: tuple[Mutator, ...] = tuple(map(near_the_start, (flip, overwrite, set_number, cut, insert)))


def piece(content: bytes, random: Random) -> tuple[int, int]:
    """Where a random piece of at most LONGEST_PIECE bytes starts and ends."""
    start = _place(content, random)
    return start, min(len(content), start + random.randint(1, LONGEST_PIECE))


def _place(content: bytes, random: Random) -> int:
    return random.randrange(len(content)) if content else 0


def _byte(content: bytes, at: int) -> int:
    return content[at] if content else 0


def _with(content: bytes, at: int, new: bytes) -> bytes:
    return content[:at] + new + content[at + len(new) :]
