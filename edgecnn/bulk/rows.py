"""The rows of a picture in a table: one for each digit that is read, or one that says why there is none."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from edgecnn.errors import ImageError
from edgecnn.readings import GUESSES, Reading, Wanted, read_contents, read_files
from edgecnn.runtime.classifier import Classifier

ERROR = "error"  # the verdict of a picture that cannot be read


@dataclass(frozen=True)
class Row:
    """A digit of a picture, or a picture without any.

    `verdict` is that of a reading, or ERROR, with the reason in `error`. `label` and `second` are the two best guesses
    with their probabilities, and `box` is the digit's left, top, right and bottom in pixels. Texts are empty where
    there is nothing to say.
    """

    file: str
    box: str = ""
    verdict: str = ""
    label: str = ""
    probability: str = ""
    second: str = ""
    second_probability: str = ""
    error: str = ""


def rows_of(classifier: Classifier, files: Iterable[str], wanted: Wanted) -> Iterator[list[Row]]:
    """The rows of each picture, in the order of the files. Raises InputError if the model does not take pictures."""
    for path, found in read_files(classifier, files, replace(wanted, top=GUESSES)):
        yield _rows(str(path), found)


def rows_of_contents(
    classifier: Classifier, contents: Iterable[tuple[Path, bytes | ImageError]], wanted: Wanted
) -> Iterator[list[Row]]:
    """The same for the contents of files that are elsewhere, or for the reason why one of them has none."""
    for path, found in read_contents(classifier, contents, replace(wanted, top=GUESSES)):
        yield _rows(str(path), found)


def _rows(file: str, found: Sequence[Reading] | ImageError) -> list[Row]:
    if isinstance(found, ImageError):
        return [Row(file, verdict=ERROR, error=str(found))]
    return [_row(file, reading) for reading in found]


def _row(file: str, reading: Reading) -> Row:
    guesses = [(guess.label, f"{guess.probability:.4f}") for guess in reading.predictions[:GUESSES]]
    best, second = (*guesses, ("", ""), ("", ""))[:GUESSES]
    return Row(file, ",".join(map(str, reading.box or ())), reading.verdict, *best, *second)


def as_plain(rows: Iterable[Row]) -> list[dict[str, str]]:
    """The same as JSON takes it, without empty texts."""
    return [{name: text for name, text in asdict(row).items() if text} for row in rows]
