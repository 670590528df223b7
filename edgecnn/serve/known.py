"""Known: a request by the bytes of its head. One with the same bytes is the same request, and need not be parsed.

Only what httptools has parsed becomes known, so that nothing is taken for HTTP that is not. The id of a request may
differ, for proxies give each its own.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from edgecnn.serve.inference import json_length
from edgecnn.serve.models import Served

ID_NAME = b"x-request-id"
ID = re.compile(rb"[\w.-]{1,64}", re.ASCII)  # what is fit for a log, and ends no header
HEAD_END = b"\r\n\r\n"
MOST, LONGEST = 64, 2048  # heads that are kept, and the bytes of each


@dataclass(frozen=True)
class Request:
    """A POST but for its body, and the model that answers it. `size` is of the body, in bytes."""

    path: str
    headers: Mapping[bytes, bytes]
    size: int
    model: Served

    @cached_property
    def json_length(self) -> str | None:
        """Raises Refusal."""
        return json_length(self.headers)


class Known(NamedTuple):
    """A head: `before`, an id from there to `after_id`, and `after`; or `before` alone."""

    before: bytes
    after_id: int
    after: bytes
    total: int  # bytes of the head and the body
    request: Request

    def is_in(self, data: bytes) -> bool:
        """Whether `data` is this request, whatever its body and its id are."""
        if len(data) != self.total or not data.startswith(self.before):
            return False
        if not self.after:
            return True
        return data.startswith(self.after, self.after_id) and bool(ID.fullmatch(data, len(self.before), self.after_id))

    def id_in(self, data: bytes) -> bytes | None:
        return data[len(self.before) : self.after_id] if self.after else self.request.headers.get(ID_NAME)

    def body_in(self, data: bytes) -> bytes:
        return data[self.total - self.request.size :]


class KnownRequests:
    """The requests that connections have had lately, which they share."""

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, bytes], Known] = {}

    def learn(self, data: bytes, request: Request) -> Known | None:
        """By what to know that request again, if `data`, in which it came, is this one request."""
        end = len(data) - request.size
        if end > LONGEST or data.find(HEAD_END) + len(HEAD_END) != end:
            return None
        before, after = _around_id(data[:end], request.headers.get(ID_NAME, b""))
        found = self._known.get((before, after))
        if found is None or found.request.model is not request.model:
            found = Known(before, end - len(after), after, len(data), request)
            self._keep(found, anew=(before, after) in self._known)
        return found

    def _keep(self, known: Known, anew: bool) -> None:
        """`anew` tells that a model was replaced: those that are known keep the old one in memory."""
        if anew or len(self._known) >= MOST:
            self._known.clear()
        self._known[known.before, known.after] = known


def _around_id(head: bytes, given: bytes) -> tuple[bytes, bytes]:
    """What is before and after the id, or all of the head and nothing if there is not one that is used."""
    start = b"\r\n" + ID_NAME + b":"
    name, found, value = head.lower().partition(start)
    if not found or start in value or not ID.fullmatch(given):
        return head, b""
    begin = len(name) + len(start)
    begin += len(head[begin:]) - len(head[begin:].lstrip(b" \t"))
    after = head[begin + len(given) :]
    whole = head[begin:].startswith(given) and after.lstrip(b" \t").startswith(b"\r\n")
    return (head[:begin], after) if whole else (head, b"")
