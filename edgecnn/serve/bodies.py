"""Reads the bodies of requests within bounds of memory, which are checked before it is taken.

The time that a body may take is the connection's concern (connection.py).
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from edgecnn.serve.config import BODIES_AT_ONCE
from edgecnn.serve.refusal import CLOSE, Refusal, busy

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class ClientLeft(Exception):  # noqa: N818 (not a fault)
    """The client closed the connection, or was too slow, before it had sent its whole request."""


class Bodies:
    """All bodies that are being read, each of at most `most` bytes. `waiting` requests wait for their client."""

    def __init__(self, most: int) -> None:
        self.most, self.most_together = most, BODIES_AT_ONCE * most
        self.waiting = 0
        self._held = 0  # bytes of bodies that are not complete

    def check(self, declared: int) -> None:
        """Raise Refusal for a Content-Length that is too large, before anything is read."""
        if declared > self.most:
            raise Refusal(413, f"the body has more than {self.most} bytes, the most that is taken", CLOSE)

    async def read(self, receive: Receive) -> bytes:
        """The whole body. Raises Refusal, ClientLeft."""
        piece, more = await self._next(receive)
        if not more:
            self.check(len(piece))
            return piece
        body = bytearray()
        try:
            self._hold(body, piece)
            while more:
                piece, more = await self._next(receive)
                self._hold(body, piece)
            return bytes(body)
        finally:
            self._held -= len(body)

    async def _next(self, receive: Receive) -> tuple[bytes, bool]:
        self.waiting += 1
        message = await receive()
        if message["type"] == "http.disconnect":
            asyncio.get_running_loop().call_soon(self._has_left)  # its task is counted until then
            raise ClientLeft
        self.waiting -= 1
        return message.get("body", b""), message.get("more_body", False)

    def _has_left(self) -> None:
        self.waiting -= 1

    def _hold(self, body: bytearray, piece: bytes) -> None:
        body += piece
        self._held += len(piece)
        self.check(len(body))
        if self._held > self.most_together:
            raise busy()
