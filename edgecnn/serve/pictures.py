"""What `/v1/classify` reads, which are pictures, forms of them and JSON arrays of pixels; and how it answers."""

from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from edgecnn.errors import InputError
from edgecnn.imaging.reading import open_picture, to_input
from edgecnn.runtime.classifier import Classifier, Prediction
from edgecnn.serve.refusal import Refusal
from edgecnn.serve.tensors import depth_of, numbers, require_few_lists

MOST_PICTURES = 64
JSON, FORM = "application/json", "multipart/form-data"
UINT8 = np.dtype(np.uint8)


class Answer(Struct):
    """The labels of one picture, the likeliest first."""

    predictions: list[Prediction]


class Answers(Struct):
    model: str
    version: str
    pictures: list[Answer]


@dataclass(frozen=True)
class Given:
    """A request's body and its Content-Type."""

    body: bytes
    content_type: str

    @property
    def kind(self) -> str:
        return self.content_type.partition(";")[0].strip().lower()


def images_of(given: Given, classifier: Classifier) -> NDArray[np.uint8]:
    """The images of a request as the model takes them, uint8 [n, …]. Raises Refusal, ImageError, InputError."""
    if given.kind == JSON:
        return pixels(given.body, classifier)
    files = parts(given) if given.kind == FORM else [given.body]
    return np.stack([_image(file, f"picture {number}", classifier) for number, file in enumerate(files, 1)])


def require_kind(kind: str) -> None:
    """Raise Refusal for a type that is not read at all. A picture's own first bytes say what it is."""
    if kind not in ("", JSON, FORM, "application/octet-stream") and not kind.startswith("image/"):
        raise Refusal(415, f"send a picture as it is (image/png), pixels as {JSON}, or pictures as {FORM}")


def _image(file: bytes, name: str, classifier: Classifier) -> NDArray[np.uint8]:
    height, width, color = classifier.input.image_size
    return to_input(open_picture(BytesIO(file), name), height, width, color=color)


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


def answers(model: str, version: str, found: list[list[Prediction]]) -> Answers:
    return Answers(model, version, [Answer(predictions) for predictions in found])
