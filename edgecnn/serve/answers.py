"""Answers as HTTP/1.1 has them, for connections that write them without a task: their heads are prepared."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from edgecnn.serve.refusal import Refusal, busy, error_body

Header = tuple[bytes, bytes]
NOSNIFF: Header = (b"x-content-type-options", b"nosniff")


class Answer(NamedTuple):
    """The body of an answer, and its headers but for its length and those that all answers have."""

    content: bytes
    headers: tuple[Header, ...]


def refused(refusal: Refusal) -> tuple[int, Answer]:
    """The status and the rest of the answer that a refusal is."""
    own = [(name.encode(), value.encode()) for name, value in refusal.headers.items()]
    content = msgspec.json.encode(error_body(str(refusal)))
    return refusal.status, Answer(content, ((b"content-type", b"application/json"), *own))


BUSY, BUSY_ANSWER = refused(busy())  # prepared: it is given most often when there is least time


def message(status: int, defaults: Sequence[Header], answer: Answer, request_id: bytes) -> bytes:
    """An answer with the server's `defaults` in front, its headers and its body."""
    start = _start(status, tuple(defaults), answer.headers)
    return b"%b%b\r\ncontent-length: %d\r\n\r\n%b" % (start, request_id, len(answer.content), answer.content)


@lru_cache(maxsize=64)
def _start(status: int, defaults: tuple[Header, ...], headers: tuple[Header, ...]) -> bytes:
    """The head as far as the request's id."""
    lines = [b"%b: %b\r\n" % header for header in (*defaults, *headers, NOSNIFF)]
    return b"".join([STATUS_LINE[status], *lines, b"x-request-id: "])
