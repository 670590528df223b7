"""Immediate: answers a request that has come whole within one turn of the event loop: no task, no messages of ASGI.

Those take longer than a small network. What is slow, large or comes in pieces is not answered here.
"""

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from edgecnn.serve import log
from edgecnn.serve.answers import BUSY, BUSY_ANSWER, Answer, Header, message, refused
from edgecnn.serve.bodies import Bodies
from edgecnn.serve.inference import ROUTE, Inference
from edgecnn.serve.known import Known, KnownRequests, Request
from edgecnn.serve.notes import Note
from edgecnn.serve.refusal import FAILED, FAULTS, INTERNAL, Refusal, fault
from edgecnn.serve.turn import Turn

if TYPE_CHECKING:
    from edgecnn.serve.front import Front


class Immediate:
    """Answers small requests for quick models, as many as a turn takes: others that came meanwhile are refused."""

    def __init__(self, inference: Inference, bodies: Bodies, turn: Turn) -> None:
        self._inference, self._bodies, self._turn = inference, bodies, turn
        self._known = KnownRequests()

    def request(self, address: bytes, headers: Mapping[bytes, bytes]) -> Request | None:
        """The request that would be answered at once, if it would be."""
        size = headers.get(b"content-length", b"")
        if not size.isdigit() or int(size) > self._bodies.most or b"expect" in headers or b"upgrade" in headers:
            return None
        model = self._inference.quick(address, int(size))
        return Request(address.decode("ascii"), headers, int(size), model) if model else None

    def known(self, data: bytes, request: Request) -> Known | None:
        """By what to know that request again, if `data`, in which it came, is this one request."""
        return self._known.learn(data, request)

    def is_current(self, request: Request) -> bool:
        """Whether its model is still the one that is served."""
        return self._inference.is_current(request.model)

    def answer(
        self, front: "Front", request: Request, given_id: bytes | None, body: bytes, defaults: Sequence[Header]
    ) -> bytes:
        """The whole answer, with the server's `defaults` among its headers. It is counted and logged."""
        started = time.perf_counter()
        request_id = front.id_of(given_id)
        status, answer = self._guarded(front, request, body) if self._turn.has_room() else (BUSY, BUSY_ANSWER)
        seconds = time.perf_counter() - started
        self._turn.note(Note("POST", request.path, ROUTE, status, seconds, request_id, time.time()))
        return message(status, defaults, answer, request_id)

    def _guarded(self, front: "Front", request: Request, body: bytes) -> tuple[int, Answer]:
        try:
            front.admit(request.path, request.headers)
            return 200, self._inference.at_once(request.model, request.json_length, body)
        except Refusal as refusal:
            return refused(refusal)
        except FAULTS as error:
            return refused(fault(error))
        except Exception as error:  # a bug
            log.write_bug("POST failed", error)
            return refused(Refusal(INTERNAL, FAILED))
