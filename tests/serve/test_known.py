"""Requests that are known by the bytes of their heads: only what is the same request is taken for it."""

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from serve.serving import Running, read_reply, running
from serve.test_immediate import numbers, request_for

from edgecnn.data import Dataset
from edgecnn.runtime.classifier import Classifier
from edgecnn.serve.config import Config
from edgecnn.serve.known import LONGEST, MOST, KnownRequests, Request

MODEL: Any = None
LINES = b"POST /v2/models/tiny/infer HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n"
PLAIN = LINES + b"\r\n"
WITH_ID = LINES + b"X-Request-Id:  abc-1 \r\nAccept: */*\r\n\r\n"


def asked(**headers: bytes) -> Request:
    return Request(
        "/v2/models/tiny/infer", {name.replace("_", "-").encode(): headers[name] for name in headers}, 4, MODEL
    )


def test_a_request_with_the_same_head_is_known() -> None:
    known = KnownRequests().learn(PLAIN + b"body", asked())
    assert known is not None
    assert known.is_in(PLAIN + b"\r\n\r\n")
    assert known.body_in(PLAIN + b"more") == b"more"
    assert known.id_in(PLAIN + b"more") is None
    for other in (PLAIN + b"bodyPOST", PLAIN + b"bod", PLAIN.replace(b"Host: a", b"Host: b") + b"body"):
        assert not known.is_in(other)


def test_the_id_may_be_another_one() -> None:
    known = KnownRequests().learn(WITH_ID + b"body", asked(x_request_id=b"abc-1"))
    assert known is not None
    other = WITH_ID.replace(b"abc-1", b"xyz.2") + b"more"
    assert known.is_in(other)
    assert (known.id_in(other), known.body_in(other)) == (b"xyz.2", b"more")


@pytest.mark.parametrize("other", [b"abc-2\r", b"a\r\nb:", b"abc 1", b"abc-\xe9", b"", b"a"])
def test_what_is_no_id_of_that_length_is_not_known(other: bytes) -> None:
    known = KnownRequests().learn(WITH_ID + b"body", asked(x_request_id=b"abc-1"))
    assert known is not None
    assert not known.is_in(WITH_ID.replace(b"abc-1", other) + b"body")


@pytest.mark.parametrize(
    ("head", "given"),
    [
        (LINES + b"X-Request-ID: a/b\r\n\r\n", b"a/b"),  # not fit for a log
        (LINES + b"X-Request-ID: a\r\nx-request-id: b\r\n\r\n", b"b"),
        (LINES + b"X-Request-ID: \r\n\r\n", b""),
    ],
)
def test_an_id_that_is_not_used_belongs_to_the_head(head: bytes, given: bytes) -> None:
    known = KnownRequests().learn(head + b"body", asked(x_request_id=given))
    assert known is not None
    assert (known.before, known.after) == (head, b"")


@pytest.mark.parametrize(
    "data",
    [
        PLAIN + b"body\r\n",
        PLAIN + b"body\r\n\r\n",
        PLAIN + b"body" + PLAIN + b"body",
        b"\r\n\r\n" + PLAIN + b"body",
        PLAIN.replace(b"Host", b"Long: " + LONGEST * b"x" + b"\r\nHost") + b"body",
    ],
)
def test_more_than_a_request_is_not_learned(data: bytes) -> None:
    assert KnownRequests().learn(data, asked()) is None


def test_a_model_that_is_replaced_is_forgotten() -> None:
    known = KnownRequests()
    old, new = known.learn(PLAIN + b"body", asked()), replace(asked(), model=object())  # type: ignore[arg-type]
    again = known.learn(PLAIN + b"body", new)
    assert again is not None
    assert again.request is new
    assert known.learn(PLAIN + b"body", replace(new, size=4)) is again
    assert again is not old


def test_few_heads_are_kept() -> None:
    known = KnownRequests()
    for number in range(MOST + 1):
        assert known.learn(PLAIN.replace(b"Host: a", b"Host: %d" % number) + b"body", asked()) is not None
    assert len(known._known) == 1


@pytest.fixture(scope="module")
def expected(tiny: object, mnist: Dataset) -> list[list[float]]:
    return [Classifier(str(tiny)).predict(image[None])[0].tolist() for image in mnist.test.images[:6]]


def test_one_after_another_on_a_connection(service: Running, mnist: Dataset, expected: list[list[float]]) -> None:
    """Plain, known, known with another id, in pieces, behind another one, and after an empty line."""
    requests = [request_for(image, X_Request_ID=f"id-{index}") for index, image in enumerate(mnist.test.images[:6])]
    found, ids = [], []
    with service.raw() as opened:
        for index, request in enumerate(requests):
            if index == 3:
                opened.sendall(request[:50])
                time.sleep(0.02)
                opened.sendall(request[50:])
            elif index == 4:
                opened.sendall(b"GET /v2 HTTP/1.1\r\nHost: a\r\n\r\n")
                assert read_reply(opened).json["name"] == "edgecnn"
                opened.sendall(request)
            else:
                opened.sendall(b"\r\n" * (index == 5))
                time.sleep(0.02 * (index == 5))
                opened.sendall(request)
            reply = read_reply(opened)
            found.append(numbers(reply))
            ids.append(reply.headers["x-request-id"])
    assert found == expected
    assert ids == [f"id-{index}" for index in range(6)]


def test_a_body_that_looks_like_a_request_is_a_body(config: Config, mnist: Dataset) -> None:
    """After an answer that came before the whole request: what then comes is the rest of its body."""
    known = request_for(mnist.test.images[0])
    head = f"GET /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: {len(known)}\r\n\r\n".encode()
    with running(config) as service, service.raw() as opened:
        for _ in range(2):
            opened.sendall(known)
            assert read_reply(opened).status == 200
        opened.sendall(head)
        assert read_reply(opened).status == 404
        opened.sendall(known)  # the body
        opened.sendall(b"GET /v2 HTTP/1.1\r\nHost: a\r\n\r\n")
        assert read_reply(opened).json["name"] == "edgecnn"


def test_the_token_is_asked_for_each_time(guarded: Running, mnist: Dataset) -> None:
    right, wrong = (
        request_for(mnist.test.images[0], Authorization=f"Bearer {word}") for word in ("a-secret", "a-secreT")
    )
    with guarded.raw() as opened:
        for request, status in [(wrong, 401), (wrong, 401), (right, 200), (right, 200), (wrong, 401)]:
            opened.sendall(request)
            assert read_reply(opened).status == status


def test_a_fault_in_a_known_request_is_told(service: Running) -> None:
    good = request_for(np.zeros((28, 28), np.uint8))
    bad = good.replace(b'"UINT8"', b'"UINT9"')
    with service.raw() as opened:
        for request, status in [(good, 200), (bad, 400), (good, 200), (bad, 400)]:
            opened.sendall(request)
            assert read_reply(opened).status == status


def test_a_new_model_answers_the_next_request(config: Config, mnist: Dataset) -> None:
    with running(config) as service, service.raw() as opened:
        models = service.server._models
        for version in ("first", "second"):
            models.replace({"tiny": replace(models.find("tiny"), version=version)})
            for _ in range(2):
                opened.sendall(request_for(mnist.test.images[0]))
                assert f'"model_version":"{version}"'.encode() in read_reply(opened).body


def test_a_connection_is_closed_when_it_has_asked_nothing_for_long(config: Config, mnist: Dataset) -> None:
    """The seconds count from the last answer."""
    with running(config) as service:
        service.server.config.timeout_keep_alive = 0.4  # type: ignore[assignment]
        with service.raw() as opened:
            for _ in range(4):
                opened.sendall(request_for(mnist.test.images[0]))
                assert read_reply(opened).status == 200
                time.sleep(0.2)
            started = time.perf_counter()
            assert opened.recv(100) == b""
            assert time.perf_counter() - started > 0.1
