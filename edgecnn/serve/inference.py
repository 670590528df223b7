"""Inference: answers requests of the Open Inference Protocol, in the event loop's turn or when their model has time."""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from edgecnn.serve import protocol
from edgecnn.serve.answers import Answer, Header
from edgecnn.serve.metrics import Metrics
from edgecnn.serve.models import Models, Served
from edgecnn.serve.protocol import HEADER_LENGTH, Asked
from edgecnn.serve.refusal import Refusal
from edgecnn.serve.workshop import Workshop

JSON, BINARY = b"application/json", b"application/octet-stream"
KINDS = (b"", JSON, BINARY)
BEFORE, AFTER = b"/v2/models/", b"/infer"  # and in between the name of a model
ROUTE = "/v2/models/{name}/infer"


class Inference:
    """What an infer request asks, and its answer."""

    def __init__(self, models: Models, workshop: Workshop, metrics: Metrics) -> None:
        self._models, self._workshop, self._metrics = models, workshop, metrics

    def quick(self, address: bytes, size: int) -> Served | None:
        """The model at that address if it can answer a body of `size` bytes without keeping others waiting."""
        if not (address.startswith(BEFORE) and address.endswith(AFTER)):
            return None
        model = self._models.get(address[len(BEFORE) : -len(AFTER)].decode("latin-1"))
        images = size // model.pixels + 1 if model else 0  # at most
        return model if model and self._workshop.is_quick(model, images) else None

    def is_current(self, model: Served) -> bool:
        """Whether it has not been replaced."""
        return self._models.get(model.name) is model

    def at_once(self, model: Served, length: str | None, body: bytes) -> Answer:
        """The answer of a model that is quick. `length` is what `json_length` returned.

        Raises Refusal, and as `protocol.parse` and Classifier.predict do.
        """
        asked = self._asked(model, length, body)
        return self._answer(model, asked, self._workshop.predict_here(model, asked.images))

    async def later(self, model: Served, length: str | None, body: bytes) -> Answer:
        """As `at_once`, for any model."""
        asked = self._asked(model, length, body)
        return self._answer(model, asked, await self._workshop.predict(model, asked.images))

    def _asked(self, model: Served, length: str | None, body: bytes) -> Asked:
        known = model.classifier
        return protocol.parse(body, length, known.input_name, known.output_name, known.input.check)

    def _answer(self, model: Served, asked: Asked, found: NDArray[np.float32]) -> Answer:
        known = model.classifier
        for label in found.argmax(axis=1).tolist():
            self._metrics.labeled(model.name, known.labels[label])
        content, head = protocol.response(asked, found, model.name, model.version, known.output_name)
        return Answer(content, _headers(head))


@lru_cache(maxsize=64)
def _headers(head: int | None) -> tuple[Header, ...]:
    if head is None:
        return ((b"content-type", JSON),)
    return (b"content-type", BINARY), (HEADER_LENGTH.encode(), b"%d" % head)


def json_length(headers: Mapping[bytes, bytes]) -> str | None:
    """The length of the JSON, if bytes may follow it. Raises Refusal."""
    if headers.get(b"content-encoding", b"identity") != b"identity":
        raise Refusal(415, "send the body as it is, without a Content-Encoding")
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if kind not in KINDS:
        raise Refusal(415, f"send application/json, or {BINARY.decode()} with {HEADER_LENGTH}")
    length = headers.get(HEADER_LENGTH.encode())
    return None if length is None else length.decode("latin-1")
