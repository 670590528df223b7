"""Reads digits in pictures: each one's label, how sure it is, and where it stands. For any model, treated or not."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from edgecnn.errors import ImageError
from edgecnn.imaging.digits import Box, Digit, Found, find_digits
from edgecnn.imaging.reading import open_picture, open_sheet, to_input
from edgecnn.predict import AT_ONCE, expand, in_one_run, require_file
from edgecnn.runtime.classifier import Classifier, Prediction
from edgecnn.runtime.metadata import DIGIT
from edgecnn.runtime.treatment import treatment_of

Verdict = Literal["label", "uncertain", "no digit"]
CONFIDENCE = 0.5  # for a model whose file names none: below it, the label is as likely wrong as right
GUESSES = 2  # shown of an uncertain label at least


@dataclass(frozen=True)
class Reading:
    """What a picture, or one digit of it, shows. `predictions` are the likeliest labels, the likeliest first.

    They are empty with the verdict "no digit". `box` is the digit's left, top, right and bottom in the picture's
    pixels, or None if no digit was looked for.
    """

    verdict: Verdict
    predictions: tuple[Prediction, ...] = ()
    box: Box | None = None


PictureReadings = tuple[Path, list[Reading] | ImageError]
LookedAt = tuple[Path, Sequence[Digit] | ImageError]


@dataclass(frozen=True)
class Wanted:
    """How to read: `raw` resizes pictures and inverts them, `segment` reads several digits of a picture.

    `top` labels are given of each digit. Below the probability `confidence`, a label is uncertain. Without it, the
    figure in the model's file counts; a file without one counts as CONFIDENCE. A digit that the file calls an outlier
    is uncertain too. With a `confidence` of 0, nothing is.
    """

    top: int = 1
    raw: bool = False
    segment: bool = False
    confidence: float | None = None


def reads_digits(classifier: Classifier) -> bool:
    """Whether the model wants digits in MNIST's form. Raises InputError if it does not take pictures."""
    size = classifier.input.image_size
    return treatment_of(classifier.metadata, classifier.labels, size) == DIGIT


def read_files(
    classifier: Classifier, paths: Iterable[str | Path], wanted: Wanted | None = None, at_once: int = AT_ONCE
) -> Iterator[PictureReadings]:
    """Each picture's path with its readings, or the ImageError that says why it cannot be read.

    Without `segment`, each picture has one reading. With it, it has one for each digit, in the order of reading, or one
    with the verdict "no digit". At most `at_once` pictures are classified in one run. Raises InputError if the model
    does not take images.
    """
    wanted = wanted or Wanted()
    treated = reads_digits(classifier) and not wanted.raw
    looked_at = ((path, _digits(classifier, path, wanted, treated=treated)) for path in expand(paths))
    yield from _in_runs(classifier, looked_at, wanted, at_once, treated=treated)


def read_contents(
    classifier: Classifier, contents: Iterable[tuple[Path, bytes | ImageError]], wanted: Wanted
) -> Iterator[PictureReadings]:
    """The same for the contents of files that are elsewhere, or for the reason why one of them has none."""
    treated = reads_digits(classifier) and not wanted.raw
    looked_at = (
        (path, content if isinstance(content, ImageError) else _digits_of(classifier, path, content, wanted, treated))
        for path, content in contents
    )
    yield from _in_runs(classifier, looked_at, wanted, AT_ONCE, treated=treated)


def _in_runs(
    classifier: Classifier, looked_at: Iterable[LookedAt], wanted: Wanted, at_once: int, *, treated: bool
) -> Iterator[PictureReadings]:
    waiting: list[LookedAt] = []
    for found in looked_at:
        waiting.append(found)
        if len(waiting) >= (classifier.batch or in_one_run(classifier.input.image_size, at_once)):
            yield from read_digits(classifier, waiting, wanted, treated=treated)
            waiting.clear()
    yield from read_digits(classifier, waiting, wanted, treated=treated)


def _digits_of(
    classifier: Classifier, path: Path, content: bytes, wanted: Wanted, treated: bool
) -> Sequence[Digit] | ImageError:
    try:
        return digits_in(classifier, BytesIO(content), str(path), wanted, treated=treated)
    except ImageError as error:
        return error


def look_at(path: Path, *, several: bool) -> tuple[Found, float]:
    """The digits of a picture in MNIST's form, and the factor to its own pixels. Raises ImageError."""
    require_file(path)
    gray, factor = open_sheet(path)
    return find_digits(gray, several=several), factor


def _digits(classifier: Classifier, path: Path, wanted: Wanted, *, treated: bool) -> Sequence[Digit] | ImageError:
    try:
        require_file(path)
        return digits_in(classifier, path, str(path), wanted, treated=treated)
    except ImageError as error:
        return error


def digits_in(
    classifier: Classifier, source: Path | BinaryIO, name: str, wanted: Wanted, *, treated: bool
) -> Sequence[Digit]:
    """The digits of one picture, as the model takes them. Messages call it `name`. Raises ImageError, InputError."""
    if treated:
        gray, factor = open_sheet(source, name)
        found = find_digits(gray, several=wanted.segment)
        return [Digit(digit.image, _scaled(digit.box, factor)) for digit in found.digits]
    height, width, color = classifier.input.image_size
    image = to_input(open_picture(source, name), height, width, color=color, inverts=wanted.raw)
    return [Digit(image, (0, 0, 0, 0))]


def _scaled(box: Box, factor: float) -> Box:
    left, top, right, bottom = (round(side * factor) for side in box)
    return left, top, right, bottom


def read_digits(
    classifier: Classifier, waiting: list[LookedAt], wanted: Wanted, *, treated: bool
) -> Iterator[PictureReadings]:
    """The readings of pictures whose digits are found, in one run."""
    images = [digit.image for _, found in waiting if not isinstance(found, ImageError) for digit in found]
    judged = iter(_judged(classifier, np.stack(images), wanted, treated=treated) if images else ())
    for path, found in waiting:
        if isinstance(found, ImageError):
            yield path, found
        else:
            readings = [_reading(next(judged), digit.box if treated else None, wanted) for digit in found]
            yield path, readings or [Reading("no digit")]


def _judged(
    classifier: Classifier, images: NDArray[np.uint8], wanted: Wanted, *, treated: bool
) -> Iterable[tuple[list[Prediction], bool]]:
    """The likeliest labels of each image, and whether they are uncertain."""
    probabilities = classifier.predict(images)
    guesses = classifier.best(probabilities, max(wanted.top, GUESSES))
    least = wanted.confidence
    if least is None:
        least = (classifier.metadata.confidence or CONFIDENCE) if treated else 0
    uncertain = probabilities.max(axis=1).astype(np.float64) < least
    if treated and least:
        uncertain |= classifier.outliers(images, probabilities)
    return zip(guesses, uncertain.tolist(), strict=True)


def _reading(judged: tuple[list[Prediction], bool], box: Box | None, wanted: Wanted) -> Reading:
    guesses, is_uncertain = judged
    if is_uncertain:
        return Reading("uncertain", tuple(guesses), box)
    return Reading("label", tuple(guesses[: wanted.top]), box)
