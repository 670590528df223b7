"""How much a packed data file may become. It is checked before the memory is taken."""

from pathlib import Path

from edgecnn.errors import DataError

# Real images pack to a fifth, and few to a twentieth; a bomb packs a thousand to one. Small files may hold labels or
# images that are all the same, so a little is always allowed.
ALWAYS_ALLOWED, MOST_RATIO = 2**26, 30
LONGEST_LABEL, MOST_LABELS = 4096, 2**25  # characters of one label; bytes of all of them
CHARACTER = 4  # bytes in an array of texts


def most_unpacked(size: int) -> int:
    """How many bytes a packed file of `size` bytes may become."""
    return max(ALWAYS_ALLOWED, MOST_RATIO * size)


def require_room(path: Path, unpacked: int, size: int) -> None:
    """Raise DataError if a file of `size` bytes says that it becomes `unpacked` bytes, and that is too much."""
    if unpacked > most_unpacked(size):
        raise DataError(
            f"{path} has {size:,} bytes and would become {unpacked:,}, as no real images do: save it uncompressed"
        )


def require_short_labels(path: Path, longest: int, count: int) -> None:
    """Raise DataError for texts that take too much memory: in an array, each has as many characters as the longest."""
    if longest > LONGEST_LABEL or CHARACTER * longest * count > MOST_LABELS:
        raise DataError(f"{path} has {count:,} labels of up to {longest:,} characters: give shorter ones")
