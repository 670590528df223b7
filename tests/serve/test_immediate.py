"""Requests that are answered in the event loop's turn: the same answers as in pieces, in order, and not too many."""

import json
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from serve.serving import Reply, Running, read_reply, running

from edgecnn.data import Dataset
from edgecnn.runtime.classifier import Classifier
from edgecnn.serve.config import Config

INFER = "/v2/models/tiny/infer"


def request_for(image: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]", **headers: str) -> bytes:
    tensor = {"name": "image", "shape": [1, 28, 28], "datatype": "UINT8", "parameters": {"binary_data_size": 784}}
    head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    named = {"Host": "a", "Inference-Header-Content-Length": str(len(head)), "Content-Length": str(len(head) + 784)}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in {**named, **headers}.items())
    return f"POST {INFER} HTTP/1.1\r\n{lines}\r\n".encode() + head + image.tobytes()


def numbers(reply: Reply) -> list[float]:
    return [float(number) for number in np.frombuffer(reply.body[-40:], "<f4")]


@pytest.fixture(scope="module")
def expected(tiny: object, mnist: Dataset) -> list[list[float]]:
    known = Classifier(str(tiny))
    return [known.predict(image[None])[0].tolist() for image in mnist.test.images[:5]]


@pytest.fixture(scope="module")
def narrow(config: Config) -> Iterator[Running]:
    """A service that takes four requests at a time."""
    with running(replace(config, queue=4)) as found:
        yield found


@pytest.mark.parametrize("piece", [1, 100, 150, 200, 500, 10_000])
def test_a_request_in_pieces_gets_the_same_answer(
    service: Running, mnist: Dataset, expected: list[list[float]], piece: int
) -> None:
    sent = request_for(mnist.test.images[0], X_Request_ID="mine")
    with service.raw() as opened:
        for start in range(0, len(sent), piece):
            opened.sendall(sent[start : start + piece])
        reply = read_reply(opened)
    assert (reply.status, numbers(reply)) == (200, expected[0])
    assert reply.headers["x-request-id"] == "mine"
    assert reply.headers["content-type"] == "application/octet-stream"
    assert reply.headers["x-content-type-options"] == "nosniff"


def test_requests_that_come_together_are_answered_in_order(
    service: Running, mnist: Dataset, expected: list[list[float]]
) -> None:
    slow = b"GET /v2/models/tiny HTTP/1.1\r\nHost: a\r\n\r\n"
    requests = [request_for(image) for image in mnist.test.images[:5]]
    with service.raw() as opened:
        opened.sendall(b"".join([*requests[:2], slow, *requests[2:]]))
        file = opened.makefile("rb")
        found = [read_from(file) for _ in range(6)]
    assert json.loads(found[2])["name"] == "tiny"
    rows = [np.frombuffer(body[-40:], "<f4").tolist() for body in [*found[:2], *found[3:]]]
    assert rows == expected


def read_from(file: "object") -> bytes:
    """The body of the next answer."""
    length = 0
    while (line := file.readline()) not in (b"\r\n", b""):  # type: ignore[attr-defined]
        name, _, value = line.partition(b":")
        length = int(value) if name.lower() == b"content-length" else length
    return file.read(length)  # type: ignore[attr-defined, no-any-return]


def test_more_than_are_taken_at_a_time_are_told_to_try_again(narrow: Running, mnist: Dataset) -> None:
    with narrow.raw() as opened:
        opened.sendall(request_for(mnist.test.images[0]) * 10)
        answers = b""
        while answers.count(b"HTTP/1.1") < 10:
            answers += opened.recv(1 << 16)
    assert 4 <= answers.count(b"HTTP/1.1 200 OK") < 10
    assert answers.count(b"HTTP/1.1 503") == answers.count(b"retry-after: 1") > 0
    assert narrow.send(request_for(mnist.test.images[0])).status == 200


def test_a_token_is_asked_for_here_too(guarded: Running, mnist: Dataset, expected: list[list[float]]) -> None:
    refused = guarded.send(request_for(mnist.test.images[0], Authorization="Bearer other"))
    assert (refused.status, refused.headers["www-authenticate"], bool(refused.error)) == (401, "Bearer", True)
    assert numbers(guarded.send(request_for(mnist.test.images[0], Authorization="Bearer a-secret"))) == expected[0]


@pytest.mark.parametrize("header", ["Connection: close", "Expect: 100-continue", "Upgrade: h2c"])
def test_what_uvicorn_has_to_see_goes_its_way(service: Running, mnist: Dataset, header: str) -> None:
    name, value = header.split(": ")
    with service.raw() as opened:
        opened.sendall(request_for(mnist.test.images[0], **{name: value}))
        first = opened.recv(1 << 16)
    assert first.startswith((b"HTTP/1.1 200", b"HTTP/1.1 100"))


def test_a_request_is_counted_once(service: Running, mnist: Dataset) -> None:
    def count() -> float:
        lines = service.ask("GET", "/metrics").body.decode().splitlines()
        name = 'edgecnn_requests_total{route="/v2/models/{name}/infer",status="200"} '
        return float(next((line.removeprefix(name) for line in lines if line.startswith(name)), 0))

    before = count()
    service.send(request_for(mnist.test.images[0]))
    assert count() == before + 1


def test_empty_lines_do_not_keep_a_connection(service: Running, mnist: Dataset) -> None:
    """After an answer as well: a line break begins no request."""
    with service.raw() as opened:
        opened.sendall(request_for(mnist.test.images[0]) + b"\r\n")
        assert read_reply(opened).status == 200
        opened.sendall(b"\r\n")
        assert opened.recv(100) == b""
