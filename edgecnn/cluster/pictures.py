"""Reads the bytes of picture files, and puts a few files together for a worker."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from edgecnn.bulk.pool import AT_ONCE
from edgecnn.cluster.device import Picture
from edgecnn.errors import ImageError
from edgecnn.files import read_bytes
from edgecnn.imaging.decoding import undecoded
from edgecnn.imaging.limits import MOST_BYTES
from edgecnn.predict import require_file

PIECE_BYTES = 2**23  # of the files of a piece: two or three photographs, or sixteen small pictures

Piece = tuple[Picture, ...]


def pieces(files: Iterable[str]) -> Iterator[Piece]:
    """The files in pieces of at most AT_ONCE and, but for a larger single file, PIECE_BYTES.

    As many as one machine's processes take at once: how many pictures are classified in one run may change the last
    bits of a probability.
    """
    piece: list[Picture] = []
    for picture in map(picture_of, files):
        if piece and sum(item.size for item in (*piece, picture)) > PIECE_BYTES:
            yield tuple(piece)
            piece.clear()
        piece.append(picture)
        if len(piece) == AT_ONCE:
            yield tuple(piece)
            piece.clear()
    if piece:
        yield tuple(piece)


def picture_of(file: str) -> Picture:
    """The content of a file, or what this machine would say of it."""
    path = Path(file)
    try:
        require_file(path)
        return Picture(file, read_bytes(path, MOST_BYTES))
    except ImageError as error:
        return Picture(file, None, str(error))
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        return Picture(file, None, _reason(path, error))


def _reason(path: Path, error: Exception) -> str:
    """As it is said of a file that is opened here."""
    try:
        with undecoded(path, str(path)):
            return f"{path} cannot be read as a picture ({error}): give a complete PNG or JPEG file"
    except ImageError as refusal:
        return str(refusal)
