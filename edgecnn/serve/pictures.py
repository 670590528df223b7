"""What `/v1/classify` reads, which are pictures, forms of them and JSON arrays of pixels; and how it answers."""

from dataclasses import dataclass
from io import BytesIO
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from msgspec import UNSET, Struct, UnsetType
from numpy.typing import NDArray
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from edgecnn.errors import ImageError, InputError
from edgecnn.imaging.digits import Box
from edgecnn.readings import Reading, Verdict, Wanted, digits_in, read_digits, reads_digits
from edgecnn.runtime.classifier import Classifier, Prediction
from edgecnn.serve.refusal import Refusal
from edgecnn.serve.tensors import depth_of, numbers, require_few_lists

if TYPE_CHECKING:
    from edgecnn.serve.models import Served

MOST_PICTURES = 64
JSON, FORM = "application/json", "multipart/form-data"
UINT8 = np.dtype(np.uint8)


class DigitAnswer(Struct, omit_defaults=True):
    """What one digit is, as `edgecnn predict` says it. `pixels` are what the model saw, from 0 to 255, row by row."""

    verdict: Verdict
    predictions: tuple[Prediction, ...]
    box: Box | None = None
    pixels: list[list[Any]] | UnsetType = UNSET


class Answer(DigitAnswer, omit_defaults=True):
    """What one picture shows; `digits` are several, in the order of reading."""

    digits: list[DigitAnswer] | UnsetType = UNSET


class Answers(Struct):
    model: str
    version: str
    pictures: list[Answer]


class Read(NamedTuple):
    """The readings of one picture, and the pixels, uint8, of each digit that was read; none without a digit."""

    readings: list[Reading]
    pixels: list[NDArray[np.uint8]]


@dataclass(frozen=True)
class Given:
    """A request's body and its Content-Type."""

    body: bytes
    content_type: str

    @property
    def kind(self) -> str:
        return self.content_type.partition(";")[0].strip().lower()


def readings_of(given: Given, classifier: Classifier, wanted: Wanted) -> list[Read]:
    """What is read in each picture of a request. Raises Refusal, ImageError, InputError.

    Pixels are taken as they are. Pictures are treated as `edgecnn predict` treats them, by the same code.
    """
    if given.kind == JSON:
        images = pixels(given.body, classifier)
        found = classifier.classify(images, wanted.top)
        return [Read([Reading("label", tuple(few))], [image]) for few, image in zip(found, images, strict=True)]
    files = parts(given) if given.kind == FORM else [given.body]
    treated = reads_digits(classifier)
    read: list[Read] = []
    for number, file in enumerate(files, 1):
        name = f"picture {number}"
        digits = digits_in(classifier, BytesIO(file), name, wanted, treated=treated)
        for _, readings in read_digits(classifier, [(Path(name), digits)], wanted, treated=treated):
            assert not isinstance(readings, ImageError)
            read.append(Read(readings, [digit.image for digit in digits]))
    return read


def require_kind(kind: str) -> None:
    """Raise Refusal for a type that is not read at all. A picture's own first bytes say what it is."""
    if kind not in ("", JSON, FORM, "application/octet-stream") and not kind.startswith("image/"):
        raise Refusal(415, f"send a picture as it is (image/png), pixels as {JSON}, or pictures as {FORM}")


def pixels(body: bytes, classifier: Classifier) -> NDArray[np.uint8]:
    """One picture or many, as nested arrays of numbers from 0 to 255, or flat. Raises Refusal, InputError."""
    height, width, color = classifier.input.image_size
    require_few_lists(body, 3 if color else width)
    found: NDArray[np.uint8] = numbers(body, depth_of(body), UINT8)
    one = (height, width, 3) if color else (height, width)
    if found.size == np.prod(one) and found.ndim in (1, len(one)):
        found = found.reshape(1, *one)
    if found.shape[1:] != one or not len(found):
        raise InputError(f"the model takes pictures of {list(one)}, and the array is {list(found.shape)}")
    return found


def parts(given: Given) -> list[bytes]:
    """The files of a form. Raises Refusal."""
    boundary = parse_options_header(given.content_type)[1].get(b"boundary")
    if not boundary:
        raise Refusal(400, "the form's Content-Type has no boundary")
    form = _Form()
    try:
        parser = MultipartParser(boundary, form.callbacks())  # which itself bounds the headers of a part
        parser.write(given.body)
        parser.finalize()
    except (FormParserError, ValueError):
        raise Refusal(400, "the form is not well-formed, or has too many headers") from None
    if not form.is_complete:
        raise Refusal(400, "the form ends too soon")
    if not form.files:
        raise Refusal(400, "the form has no picture")
    return [bytes(file) for file in form.files]


class _Form:
    """What the parser finds: each part's bytes."""

    def __init__(self) -> None:
        self.files: list[bytearray] = []
        self.is_complete = False

    def callbacks(self) -> Any:
        return {"on_part_begin": self._begin, "on_part_data": self._data, "on_end": self._end}

    def _begin(self) -> None:
        if len(self.files) == MOST_PICTURES:
            raise Refusal(413, f"the form has more than {MOST_PICTURES} pictures")
        self.files.append(bytearray())

    def _data(self, data: bytes, start: int, end: int) -> None:
        self.files[-1] += memoryview(data)[start:end]

    def _end(self) -> None:
        self.is_complete = True


def answers(model: "Served", found: list[Read], *, segment: bool, pixels: bool) -> Answers:
    return Answers(model.name, model.version, [_answer(read, segment=segment, pixels=pixels) for read in found])


def _answer(read: Read, *, segment: bool, pixels: bool) -> Answer:
    images: list[Any] = [image.tolist() for image in read.pixels] if pixels and read.pixels else [UNSET]
    shown = [
        DigitAnswer(one.verdict, one.predictions, one.box, image)
        for one, image in zip(read.readings, cycle(images), strict=False)
    ]
    first = shown[0]
    digits = [one for one in shown if one.verdict != "no digit"] if segment else UNSET
    return Answer(first.verdict, first.predictions, first.box, UNSET if segment else first.pixels, digits)
