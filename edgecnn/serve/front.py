"""Front: what every request passes on its way to the routes: id, token, limits, log, and the form of errors."""

import hmac
import os
import resource
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any

from starlette.exceptions import HTTPException

from edgecnn.serve import log, page
from edgecnn.serve.answers import BUSY, BUSY_ANSWER, NOSNIFF, Header, message
from edgecnn.serve.bodies import Bodies, ClientLeft
from edgecnn.serve.config import SPARE_FILES, Config
from edgecnn.serve.connection import LATE
from edgecnn.serve.immediate import Immediate
from edgecnn.serve.known import ID, ID_NAME
from edgecnn.serve.metrics import Metrics
from edgecnn.serve.notes import Note, Notes
from edgecnn.serve.refusal import FAILED, INTERNAL, Refusal, busy, error_response, stopping

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Headers = Mapping[bytes, bytes]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LIVE = "/v2/health/live"
# For what watches the service, and has no token, and for the page, which asks for the token itself.
OPEN = {LIVE, "/v2/health/ready", *page.addresses()}
UNKNOWN = "other"  # the route of what has none
LEFT = 499  # as nginx calls a client that leaves
UNROUTED = {404: "there is nothing at this address", 405: "this address takes another method"}


class Front:
    """The ASGI application that uvicorn calls. Connections ask it what they share."""

    def __init__(
        self, app: App, immediate: Immediate, config: Config, bodies: Bodies, notes: Notes, metrics: Metrics
    ) -> None:
        self._app, self.immediate, self._bodies = app, immediate, bodies
        self._notes, self._metrics = notes, metrics
        self._token = f"Bearer {config.token}".encode() if config.token else None
        self._queue, self.timeout = config.queue, config.timeout
        self._prefix, self._number = os.urandom(4).hex(), 0
        self.most_connections = max(1, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE_FILES)
        self.stopping = False

    def has_room(self, tasks: int) -> bool:
        """Whether one more request can be worked on. Those that wait for their client take no place."""
        return tasks - self._bodies.waiting < self._queue

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._answered(scope, receive, send, self._admitted)

    async def turn_away(self, scope: Scope, receive: Receive, send: Send) -> None:
        """In place of the app, where there is no room."""
        await self._answered(scope, receive, send, self._refused)

    def turned_away(self, method: str, path: str, headers: Headers, defaults: Sequence[Header]) -> bytes:
        """The answer of `turn_away`, which is counted and logged, for a connection that writes it at once."""
        started = time.perf_counter()
        request_id = self.id_of(headers.get(ID_NAME))
        answer = message(BUSY, defaults, BUSY_ANSWER, request_id)
        self._note(method, path, UNKNOWN, BUSY, time.perf_counter() - started, request_id)
        return answer

    async def _answered(self, scope: Scope, receive: Receive, send: Send, app: App) -> None:
        started = time.perf_counter()
        headers = dict(scope["headers"])
        request_id = self.id_of(headers.get(ID_NAME))
        scope["by_name"], scope["app"] = headers, self  # with an app, the router raises what it cannot route
        status = LEFT

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (ID_NAME, request_id), NOSNIFF]
            await send(message)

        self._metrics.in_flight.inc()
        try:
            await self._guarded(scope, receive, send_with_id, app)
        finally:
            self._metrics.in_flight.dec()
            route = scope["route"].path if "route" in scope else UNKNOWN
            status = 408 if LATE in scope["state"] else status
            seconds = time.perf_counter() - started
            self._note(scope["method"], scope["path"], route, status, seconds, request_id)

    async def _guarded(self, scope: Scope, receive: Receive, send: Send, app: App) -> None:
        try:
            await app(scope, receive, send)
        except ClientLeft:
            return
        except Refusal as refusal:
            await error_response(refusal)(scope, receive, send)
        except HTTPException as error:  # from the router
            message = UNROUTED.get(error.status_code, "the request cannot be answered")
            await error_response(Refusal(error.status_code, message, error.headers))(scope, receive, send)
        except Exception as error:  # a bug
            log.write_bug(f"{scope['method']} failed", error)
            await error_response(Refusal(INTERNAL, FAILED))(scope, receive, send)

    async def _admitted(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.admit(scope["path"], scope["by_name"])
        await self._app(scope, receive, send)

    def admit(self, path: str, headers: Headers) -> None:
        """Raise Refusal for a request that is not let in, whatever its body is."""
        if self.stopping and path != LIVE:
            raise stopping()
        self._require_token(path, headers.get(b"authorization", b""))
        declared = headers.get(b"content-length")
        if declared:
            self._bodies.check(int(declared))

    async def _refused(self, *_: Any) -> None:
        raise busy()

    def _require_token(self, path: str, given: bytes) -> None:
        if self._token is None or path in OPEN or hmac.compare_digest(given, self._token):
            return
        raise Refusal(
            401, "this service wants a token: send 'Authorization: Bearer TOKEN'", {"www-authenticate": "Bearer"}
        )

    def id_of(self, given: bytes | None) -> bytes:
        """A request's id, the one that its client has given if that is fit for a log."""
        if given and ID.fullmatch(given):
            return given
        self._number += 1
        return f"{self._prefix}-{self._number:x}".encode()

    def _note(self, method: str, path: str, route: str, status: int, seconds: float, request_id: bytes) -> None:
        self._notes.write([Note(method, path, route, status, seconds, request_id, time.time())])
