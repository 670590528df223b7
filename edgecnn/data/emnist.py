"""Puts EMNIST right: its images lie transposed in its files, and its labels are numbers that stand for letters.

Source: G. Cohen, S. Afshar, J. Tapson, A. van Schaik, "EMNIST: extending MNIST to handwritten letters" (2017).
"""

import re
import string
from pathlib import Path

import numpy as np

from edgecnn.data.parts import Pair, Parts
from edgecnn.errors import DataError
from edgecnn.files import read_bytes

SETS = re.compile(r"emnist-(balanced|byclass|bymerge|digits|letters|mnist)-")
# Of lower-case letters, only those differ enough from capitals to be classes of their own.
MERGED = string.digits + string.ascii_uppercase + "abdefghnqrt"
CLASSES = {
    "balanced": MERGED,
    "bymerge": MERGED,
    "byclass": string.digits + string.ascii_uppercase + string.ascii_lowercase,
    "letters": " " + string.ascii_uppercase,  # its labels begin with 1
}
LONGEST_MAPPING = 10_000  # bytes


def set_of(file_name: str) -> str | None:
    """The set of EMNIST that a file's name begins with, such as `letters`; None if it is another file."""
    found = SETS.match(file_name)
    return found.group(1) if found else None


def put_right(parts: Parts, source: Path) -> Parts:
    """The same data with upright images and named classes. `source` is one of EMNIST's files. Raises DataError."""
    which = set_of(source.name)
    if which is None:
        return parts
    classes = _mapping(source.with_name(f"emnist-{which}-mapping.txt")) or dict(enumerate(CLASSES.get(which, "")))
    return parts.changed({split: _upright(pair, classes, source) for split, pair in parts.pairs.items()}, parts.names)


def _upright(pair: Pair, classes: dict[int, str], source: Path) -> Pair:
    images = pair.images if pair.images.ndim != 2 else pair.images.reshape(len(pair.images), 28, -1)
    images = np.ascontiguousarray(images.swapaxes(1, 2)) if images.ndim > 2 else images
    if not classes:
        return Pair(images, pair.labels)
    try:
        return Pair(images, np.array([classes[int(label)] for label in pair.labels.ravel()]))
    except (KeyError, ValueError) as error:
        raise DataError(f"{source} has the label {error}, which its set lacks: check its mapping file") from None


def _mapping(path: Path) -> dict[int, str]:
    """Label to character, from lines such as `1 65 97`; the first code is the capital's. Empty without such a file."""
    if not path.is_file():
        return {}
    try:
        rows = [line.split() for line in read_bytes(path, LONGEST_MAPPING).decode("ascii").splitlines()]
        return {int(row[0]): chr(int(row[1])) for row in rows if row}
    except (OSError, ValueError, IndexError, OverflowError) as error:
        raise DataError(f"{path} is not a mapping of EMNIST ({error}): copy it again, or remove it") from None
