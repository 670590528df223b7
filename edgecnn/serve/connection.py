"""Connection: uvicorn's HTTP/1.1 protocol with bounds of headers, time, and requests that are worked on at once.

uvicorn itself waits for headers and bodies as long as a client likes, and takes headers of any size.
"""

import asyncio
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import httptools
import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from edgecnn.serve.config import MOST_HEADER_BYTES, MOST_HEADERS
from edgecnn.serve.known import ID_NAME, Known, Request
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
        self._request: Request | None = None  # it is answered at once if all of it comes together
        self._answered: Request | None = None  # the last one that was
        self._known: Known | None = None  # the same, by what it is known if it comes again
        self._between = True  # whether what comes next begins a request
        self._drops = False  # whether the request is refused already, and the rest of it forgotten
        self._quiet_since = 0.0  # the loop's time of the last answer to what is known
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
        known = self._known
        if known is not None and known.is_in(data) and self._may_answer(known.request):
            self._answer_again(known, data)
        elif not self._ended:
            self._parse(data)

    def _may_answer(self, request: Request) -> bool:
        """Whether a request that is known can be answered without the parser, which is between two requests.

        uvicorn's timer runs if all that came is answered.
        """
        if not self._between or self.timeout_keep_alive_task is None or self.flow.write_paused or self._ended:
            return False
        return not self.front.stopping and bool(self.front.immediate.is_current(request))

    def _answer_again(self, known: Known, data: bytes) -> None:
        self._write_answer(known.request, known.id_in(data), known.body_in(data))
        self.server_state.total_requests += 1
        self._quiet_since = self.loop.time()

    def timeout_keep_alive_handler(self) -> None:
        """What uvicorn's timer calls. It is not set anew for what is known: it may be early."""
        left = self._quiet_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self.timeout_keep_alive_task = self.loop.call_later(left, self.timeout_keep_alive_handler)
        else:
            super().timeout_keep_alive_handler()

    def _parse(self, data: bytes) -> None:
        if self._in_head:
            self._head_bytes += len(data)
        self._answered, whole = None, self._between
        super().data_received(data)
        if self._answered is not None and whole:
            self._known = self.front.immediate.known(data, self._answered)
        if self._request is not None and not self._ended:
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
        self._between = False
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._named_bytes += len(name) + len(value)
        if len(self.headers) > MOST_HEADERS or self._named_bytes > MOST_HEADER_BYTES:
            raise TooManyHeaders

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._end_deadline()
        self._request = self._immediate_request()
        if self._request is None:
            self._begin()

    def _immediate_request(self) -> Request | None:
        """The request if it may be answered before others are looked at: nothing goes before it, or waits."""
        if self.parser.get_method() != b"POST" or self.front.stopping or not self._is_plain():
            return None
        return self.front.immediate.request(self.url, dict(self.headers))  # type: ignore[no-any-return]

    def _is_plain(self) -> bool:
        """Whether an answer to the request may be written now, and the connection stays as it is after it."""
        if self._is_busy() or self.flow.write_paused or self.parser.get_http_version() != "1.1":
            return False
        return bool(self.parser.should_keep_alive())

    def _begin(self) -> None:
        """Start a task for the request, as uvicorn does, if there is room."""
        has_room = self.front.has_room(len(self.tasks))
        if not has_room and self._is_plain() and self._is_cheap_to_refuse():
            self._turn_away()
            return
        self.app = self.front if has_room else self.front.turn_away
        super().on_headers_complete()

    def _is_cheap_to_refuse(self) -> bool:
        """Whether nothing of HTTP asks for more than the answer with its body."""
        return not (self.expect_100_continue or self.parser.should_upgrade() or self.parser.get_method() == b"HEAD")

    def _turn_away(self) -> None:
        """Refuse the request without a task, and forget the rest of it."""
        self._drops = True
        method, path = self.parser.get_method().decode("ascii"), httptools.parse_url(self.url).path.decode("ascii")
        defaults = self.server_state.default_headers
        self.transport.write(self.front.turned_away(method, unquote(path), dict(self.headers), defaults))
        self.on_response_complete()

    def _begin_slowly(self) -> None:
        """Start a task for a request of which a part is still to come."""
        self._request = None
        self._begin()
        self.on_body(b"".join(self._pieces))
        self._pieces.clear()

    def on_body(self, body: bytes) -> None:
        if self._request is not None:
            self._pieces.append(body)
        elif not self._drops:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._between = not self.parser.should_upgrade()
        if self._request is not None:
            self._answer(self._request)
        elif not self._drops:
            super().on_message_complete()
        self._drops = False

    def _answer(self, request: Request) -> None:
        self._write_answer(request, request.headers.get(ID_NAME), b"".join(self._pieces))
        self._pieces.clear()
        self._request, self._answered = None, request
        self.on_response_complete()

    def _write_answer(self, request: Request, given_id: bytes | None, body: bytes) -> None:
        defaults = self.server_state.default_headers
        self.transport.write(self.front.immediate.answer(self.front, request, given_id, body, defaults))

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
