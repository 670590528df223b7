"""A service on loopback in a thread of the tests, and ways to ask it: http.client, and a raw socket for what is odd."""

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
import uvloop

from edgecnn.serve import server
from edgecnn.serve.config import Config
from edgecnn.serve.models import Models

PATIENCE = 20  # seconds


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The message of an error, which has the one form that all have."""
        assert self.headers["content-type"] == "application/json"
        assert list(self.json) == ["error"]
        message: str = self.json["error"]
        assert "/" not in message.replace("application/", "").replace("image/", "").replace("multipart/", "").replace(
            "HTTP/1.1", ""
        ).replace("/v1/classify", ""), message
        assert "Traceback" not in message
        assert " object at 0x" not in message
        return message


@dataclass(frozen=True)
class Running:
    """A service that runs."""

    server: server.Server
    port: int

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            answer = connection.getresponse()
            return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def post(self, path: str, body: Any, kind: str = "application/json", **headers: str) -> Reply:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.ask("POST", path, data, content_type=kind, **headers)

    @contextmanager
    def raw(self) -> Iterator[socket.socket]:
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as opened:
            yield opened

    def send(self, data: bytes) -> Reply:
        """Send bytes as they are, and read one answer."""
        with self.raw() as opened:
            opened.sendall(data)
            return read_reply(opened)


def read_reply(opened: socket.socket) -> Reply:
    answer = http.client.HTTPResponse(opened)
    answer.begin()
    return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())


@contextmanager
def running(config: Config) -> Iterator[Running]:
    listening = server.listen("127.0.0.1", 0)
    models = Models(config.models)
    serving = server.Server(config, models)
    port = listening.getsockname()[1]
    thread = threading.Thread(target=lambda: uvloop.run(serving.serve([listening])), daemon=True)
    thread.start()
    yield Running(serving, port)
    serving.should_exit = serving.force_exit = True
    thread.join(PATIENCE)


@pytest.fixture(scope="session")
def config(tiny: Any) -> Config:
    """Of a service that is quick to refuse; its log would fill the tests' output."""
    return Config((f"tiny={tiny}",), max_body=2**20, timeout=0.5, log=False)


@pytest.fixture(scope="module")
def service(config: Config) -> Iterator[Running]:
    with running(config) as found:
        yield found


@pytest.fixture(scope="module")
def guarded(config: Config) -> Iterator[Running]:
    """A service that wants a token."""
    with running(replace(config, token="a-secret")) as found:
        yield found
