"""How much a packed data file may become. It is checked before the memory is taken."""

from pathlib import Path

from edgecnn.errors import DataError

# Real images pack to a fifth, and few to a twentieth; a bomb packs a thousand to one. Small files may hold labels or
# images that are all the same, so a little is always allowed.
ALWAYS_ALLOWED, MOST_RATIO = 2**26, 30


def most_unpacked(size: int) -> int:
    """How many bytes a packed file of `size` bytes may become."""
    return max(ALWAYS_ALLOWED, MOST_RATIO * size)


def require_room(path: Path, unpacked: int, size: int) -> None:
    """Raise DataError if a file of `size` bytes says that it becomes `unpacked` bytes, and that is too much."""
    if unpacked > most_unpacked(size):
        raise DataError(
            f"{path} has {size:,} bytes and would become {unpacked:,}, as no real images do: save it uncompressed"
        )
