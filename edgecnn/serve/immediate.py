"""Immediate: answers a request that has come whole within one turn of the event loop: no task, no messages of ASGI.

Those take longer than a small network. What is slow, large or comes in pieces is not answered here.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from edgecnn.serve import log
from edgecnn.serve.bodies import Bodies
from edgecnn.serve.inference import ROUTE, Answer, Inference
from edgecnn.serve.models import Served
from edgecnn.serve.refusal import FAILED, FAULTS, INTERNAL, Refusal, busy, error_body, fault

if TYPE_CHECKING:
    from edgecnn.serve.front import Front

Headers = Mapping[bytes, bytes]
Given = list[tuple[bytes, bytes]]


class Request(NamedTuple):
    """A POST with all that belongs to it."""

    path: str
    headers: Headers
    body: bytes


class Immediate:
    """Answers small requests for quick models, at most `queue` in a turn: others that came meanwhile are refused."""

    def __init__(self, inference: Inference, bodies: Bodies, queue: int) -> None:
        self._inference, self._bodies, self._queue = inference, bodies, queue
        self._in_turn = 0  # requests that were answered or refused in this turn of the loop

    def model(self, address: bytes, headers: Headers) -> Served | None:
        """The model that would answer at once, if there is one."""
        size = headers.get(b"content-length", b"")
        if not size.isdigit() or int(size) > self._bodies.most or b"expect" in headers or b"upgrade" in headers:
            return None
        return self._inference.quick(address, int(size))

    def answer(self, front: "Front", model: Served, request: Request) -> tuple[int, Given, bytes]:
        """The status, headers and body of the answer, which is counted and logged."""
        started = time.perf_counter()
        request_id = front.id_of(request.headers)
        status, answer = self._guarded(front, model, request)
        front.note("POST", request.path, ROUTE, status, time.perf_counter() - started, request_id)
        return status, [*answer.headers, *front.always(request_id)], answer.content

    def _guarded(self, front: "Front", model: Served, request: Request) -> tuple[int, Answer]:
        try:
            self._take_turn()
            front.admit(request.path, request.headers)
            return 200, self._inference.at_once(model, request.headers, request.body)
        except Refusal as refusal:
            return refused(refusal)
        except FAULTS as error:
            return refused(fault(error))
        except Exception as error:  # a bug
            log.write_bug("POST failed", error)
            return refused(Refusal(INTERNAL, FAILED))

    def _take_turn(self) -> None:
        """Raise Refusal where the loop has answered so many in one turn that those who came meanwhile wait too long."""
        if not self._in_turn:
            asyncio.get_running_loop().call_soon(self._end_turn)
        self._in_turn += 1
        if self._in_turn > self._queue:
            raise busy()

    def _end_turn(self) -> None:
        self._in_turn = 0


def refused(refusal: Refusal) -> tuple[int, Answer]:
    own = [(name.encode(), value.encode()) for name, value in refusal.headers.items()]
    content = msgspec.json.encode(error_body(str(refusal)))
    return refusal.status, Answer(content, [(b"content-type", b"application/json"), *own])


def message(status: int, headers: Given, content: bytes) -> bytes:
    """An answer as HTTP/1.1 has it."""
    lines = [b"%b: %b\r\n" % header for header in headers]
    return b"".join([STATUS_LINE[status], *lines, b"content-length: %d\r\n\r\n" % len(content), content])
