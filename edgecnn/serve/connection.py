"""Connection: uvicorn's HTTP/1.1 protocol with bounds of headers, time, and requests that are worked on at once.

uvicorn itself waits for headers and bodies as long as a client likes, and takes headers of any size.
"""

import asyncio
from http import HTTPStatus
from typing import Any

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from edgecnn.serve.config import MOST_HEADER_BYTES, MOST_HEADERS
from edgecnn.serve.immediate import Request, message
from edgecnn.serve.models import Served
from edgecnn.serve.refusal import error_body

MALFORMED = "the request is not well-formed HTTP/1.1"
TOO_MANY = f"the request has more than {MOST_HEADERS} headers, or {MOST_HEADER_BYTES} bytes of them"
LINGER = 0.5  # seconds in which what a client still sends is taken and forgotten
LATE = "edgecnn.late"  # set in the scope of a request whose body did not come in time


class TooManyHeaders(ValueError):  # noqa: N818
    """Ends the parser's work."""


class Connection(HttpToolsProtocol):
    """One client's connection. The app is a Front, which holds what all connections share."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.front: Any = self.config.loaded_app
        self._in_head = False  # whether a part of a head has come
        self._head_bytes = 0  # received of it, without the piece in which it began
        self._named_bytes = 0  # of its headers
        self._ended = False  # whether nothing more is taken
        self._immediate: Served | None = None  # the model that answers the request at once if all of it comes together
        self._by_name: dict[bytes, bytes] = {}  # that request's headers
        self._pieces: list[bytes] = []  # of its body
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        if len(self.connections) >= self.front.most_connections:
            transport.abort()
            return
        super().connection_made(transport)
        self._start_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_deadline()
        if self.transport is not None:
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._immediate is not None and not self._ended:
            self._begin_slowly()
        if self._ended or self.transport.is_closing():
            return
        if self._in_head and self._head_bytes > MOST_HEADER_BYTES:
            self._refuse(431, TOO_MANY)
        elif not self._waits_for_client():
            self._end_deadline()
        elif self._deadline is None:
            self._start_deadline()

    def _waits_for_client(self) -> bool:
        """For the rest of a request, or for one without the timer that uvicorn starts after each answer."""
        if self._in_head or not self._is_busy():
            return self._in_head or self.timeout_keep_alive_task is None
        return bool(self.cycle.more_body)

    def on_message_begin(self) -> None:
        self._in_head, self._head_bytes, self._named_bytes = True, 0, 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._named_bytes += len(name) + len(value)
        if len(self.headers) > MOST_HEADERS or self._named_bytes > MOST_HEADER_BYTES:
            raise TooManyHeaders

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._end_deadline()
        self._immediate = self._immediate_model()
        if self._immediate is None:
            self._begin()

    def _immediate_model(self) -> Served | None:
        """The model that may answer the request before others are looked at: nothing goes before it, or waits."""
        if self.parser.get_method() != b"POST" or self._is_busy() or self.flow.write_paused or self.front.stopping:
            return None
        if self.parser.get_http_version() != "1.1" or not self.parser.should_keep_alive():
            return None
        self._by_name = dict(self.headers)
        return self.front.immediate.model(self.url, self._by_name)  # type: ignore[no-any-return]

    def _begin(self) -> None:
        """Start a task for the request, as uvicorn does."""
        self.app = self.front if self.front.has_room(len(self.tasks)) else self.front.turn_away
        super().on_headers_complete()

    def _begin_slowly(self) -> None:
        """Start a task for a request of which a part is still to come."""
        self._immediate = None
        self._begin()
        super().on_body(b"".join(self._pieces))
        self._pieces.clear()

    def on_body(self, body: bytes) -> None:
        if self._immediate is None:
            super().on_body(body)
        else:
            self._pieces.append(body)

    def on_message_complete(self) -> None:
        if self._immediate is None:
            super().on_message_complete()
        else:
            self._answer(self._immediate)

    def _answer(self, model: Served) -> None:
        request = Request(self.url.decode("ascii"), self._by_name, b"".join(self._pieces))
        self._pieces.clear()
        status, headers, content = self.front.immediate.answer(self.front, model, request)
        self.transport.write(message(status, [*self.server_state.default_headers, *headers], content))
        self._immediate = None
        self.on_response_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 (uvicorn's own words)
        """What uvicorn calls when its parser gives up."""
        if self.headers is not None and (len(self.headers) > MOST_HEADERS or self._named_bytes > MOST_HEADER_BYTES):
            self._refuse(431, TOO_MANY)
        else:
            self._refuse(400, MALFORMED)

    def _start_deadline(self) -> None:
        self._deadline = self.loop.call_later(self.front.timeout, self._give_up)

    def _end_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        if not (self._in_head or self._is_busy()):  # nothing was asked
            self.transport.close()
            return
        if not self._in_head:
            self.scope["state"][LATE] = True
        self._refuse(408, f"the request did not come within {self.front.timeout:g} seconds")

    def _refuse(self, status: int, message: str) -> None:
        """Answer, and take nothing more. Where an earlier request is not answered yet, only its answer goes out."""
        self._ended = True
        self._end_deadline()
        if self._is_busy() and self._in_head:
            self.cycle.keep_alive = False
            return
        if not (self._is_busy() and self.cycle.response_started):
            self.transport.write(_bare_answer(status, message))
        self._close_gently()

    def _is_busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _close_gently(self) -> None:
        """Close for writing now, and altogether soon: a client that is still sending would else lose the answer."""
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self.loop.call_later(LINGER, self.transport.abort)
        else:
            self.transport.close()


def _bare_answer(status: int, message: str) -> bytes:
    body = msgspec.json.encode(error_body(message))
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body
