"""Load on an HTTP service at loopback: from connections that each wait for their answer, or at a fixed rate.

One process with plain sockets and prepared bytes, so that what is measured is the service.
"""

import selectors
import socket
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

HEAD_END = b"\r\n\r\n"
PATIENCE = 5.0  # seconds after the end for answers that are late


@dataclass
class Load:
    """What came back: the seconds of each answer by its status, and how many never came."""

    seconds: dict[int, list[float]] = field(default_factory=dict)
    unanswered: int = 0
    duration: float = 0.0

    @property
    def accepted(self) -> list[float]:
        return self.seconds.get(200, [])

    @property
    def rate(self) -> float:
        """Accepted requests a second."""
        return len(self.accepted) / self.duration

    def add(self, status: int, seconds: float) -> None:
        self.seconds.setdefault(status, []).append(seconds)


def post(path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """A whole request."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {path} HTTP/1.1\r\nHost: a\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body


class _Connection:
    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""
        self.started = 0.0

    def send(self, request: bytes, started: float) -> None:
        self.started, self.received = started, b""
        self.socket.sendall(request)

    def read(self) -> int | None:
        """The status of the answer if all of it is here. Raises ConnectionError if the service has closed."""
        piece = self.socket.recv(1 << 16)
        if not piece:
            raise ConnectionError
        self.received += piece
        head, found, body = self.received.partition(HEAD_END)
        if not found or len(body) < _length(head):
            return None
        return int(head[9:12])


def _length(head: bytes) -> int:
    lower = head.lower()
    start = lower.index(b"content-length: ") + 16
    return int(lower[start:].partition(b"\r")[0])


def closed(port: int, request: bytes, connections: int, seconds: float) -> Load:
    """Each connection sends its next request when it has the answer to the last one."""
    load = Load()
    with selectors.DefaultSelector() as selector:
        opened = [_Connection(port) for _ in range(connections)]
        began = time.perf_counter()
        for connection in opened:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.send(request, time.perf_counter())
        while (now := time.perf_counter()) < began + seconds:
            for key, _ in selector.select(1):
                status = key.data.read()
                if status is not None:
                    now = time.perf_counter()
                    load.add(status, now - key.data.started)
                    key.data.send(request, now)
        load.duration = now - began
        for connection in opened:
            connection.socket.close()
    return load


def at_rate(port: int, request: bytes, rate: float, connections: int, seconds: float) -> Load:
    """Requests at even distances, whether the service keeps up or not. Seconds count from when one was due."""
    load = Load()
    free = deque(_Connection(port) for _ in range(connections))
    with selectors.DefaultSelector() as selector:
        for connection in free:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
        began, sent, total = time.perf_counter(), 0, int(rate * seconds)
        while (now := time.perf_counter()) < began + seconds + PATIENCE and (sent < total or len(free) < connections):
            while free and sent < total and began + sent / rate <= now:
                free.popleft().send(request, began + sent / rate)
                sent += 1
            for key, _ in selector.select(max(0.0, min(0.01, began + sent / rate - now)) if sent < total else 0.01):
                status = key.data.read()
                if status is not None:
                    load.add(status, time.perf_counter() - key.data.started)
                    free.append(key.data)
        load.duration, load.unanswered = seconds, total - sum(map(len, load.seconds.values()))
        for key in [*selector.get_map().values()]:
            key.data.socket.close()
    return load
