"""What bad input gets: an answer below 500 in the one form of errors, soon, or a closed connection."""

import struct
import time
import zlib
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from serve.serving import Running, read_reply

CLASSIFY, INFER = "/v1/classify", "/v2/models/tiny/infer"
DIGIT = np.zeros((28, 28), np.uint8)
DIGIT[6:22, 13:16] = 255


def encoded(kind: str, picture: Image.Image | None = None, **options: Any) -> bytes:
    file = BytesIO()
    (picture or Image.fromarray(DIGIT)).save(file, kind, **options)
    return file.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb() -> bytes:
    """A PNG that says it has 65,000 × 65,000 pixels."""
    head = struct.pack(">IIBBBBB", 65_000, 65_000, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(10_000))) + chunk(b"IEND", b"")
    )


@pytest.fixture(autouse=True)
def serves_afterwards(service: Running) -> Any:
    yield
    assert service.post(CLASSIFY, encoded("PNG"), "image/png").status == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not a picture",
        encoded("PNG")[:60],
        encoded("JPEG")[:-200],
        bomb(),
        b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
        b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n",
        b"GIF89a" + bytes(4),
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bytes(13)),
    ],
    ids=["empty", "text", "half a PNG", "half a JPEG", "bomb", "SVG", "PDF", "GIF", "no pixels"],
)
def test_what_is_not_a_picture_is_refused(service: Running, body: bytes) -> None:
    reply = service.post(CLASSIFY, body, "image/png")
    assert (reply.status, bool(reply.error)) == (400, True)


@pytest.mark.parametrize(
    "body",
    [
        encoded("GIF", save_all=True, append_images=[Image.new("L", (28, 28), 90)]),
        encoded("PNG", Image.fromarray(DIGIT.astype(np.uint16) * 257)),
        encoded("JPEG", Image.fromarray(DIGIT).convert("CMYK")),
        encoded("TIFF", Image.fromarray(DIGIT).convert("CMYK")),
        encoded("PNG", Image.fromarray(DIGIT).convert("RGBA")),
        encoded("WEBP"),
        encoded("BMP"),
    ],
    ids=["animation", "16 bits", "CMYK JPEG", "CMYK TIFF", "alpha", "WebP", "BMP"],
)
def test_all_kinds_of_pictures_are_read(service: Running, body: bytes) -> None:
    reply = service.post(CLASSIFY, body, "image/whatever")
    assert (reply.status, len(reply.json["pictures"])) == (200, 1)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[[NaN]]", 400),
        (b"[[1e999]]", 400),
        (b"[" * 100_000 + b"]" * 100_000, 400),
        (b'{"pixels": [[1]]}', 400),
        (b"[]", 400),
        (b"[[]]", 400),
        (b"null", 400),
        (b"", 400),
        (b"\xff\xfe", 400),
        (b'[["1"]]', 400),
        (b"[[256]]", 400),
        (b"[[-1]]", 400),
        (b"[[0.5]]", 400),
        (b"[" + b"[[0]]," * 100_000 + b"[[0]]]", 400),
        (b"[" + b",".join([b"0"] * 785) + b"]", 400),
        (b"[1" * 30, 400),
    ],
)
@pytest.mark.parametrize("path", [CLASSIFY, INFER])
def test_json_of_another_form_is_refused(service: Running, path: str, body: bytes, status: int) -> None:
    reply = service.post(path, body)
    assert (reply.status, bool(reply.error)) == (status, True)


def test_a_wrong_type_model_method_address_or_number_is_told(service: Running) -> None:
    assert service.post(CLASSIFY, b"x", "text/html").status == 415
    assert service.post(INFER, b"x", "image/png").status == 415
    assert service.post(INFER, b"x", content_encoding="gzip").status == 415
    for path in ("/v1/classify?model=other", "/v2/models/other/infer", "/v2/models/tiny/versions/1/infer"):
        assert "tiny" in service.post(path, b"x", "application/json").error
    for path in ("/v2/models/..%2f..%2fetc%2fpasswd", "/%00", "/v2/models/" + "a" * 5000, "/v2/models/%F0%9F%92%A9"):
        assert service.ask("GET", path).status == 404
    assert service.ask("GET", CLASSIFY).status == 405
    assert service.ask("GET", CLASSIFY).error == "this address takes another method"
    for top in ("0", "-1", "11", "x", "9" * 5000, "%D9%A3"):
        assert service.post(f"{CLASSIFY}?top={top}", encoded("PNG"), "image/png").status == 400


def test_a_body_that_is_too_large_is_refused_before_it_is_read(service: Running) -> None:
    head = f"POST {CLASSIFY} HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\n"
    reply = service.send(f"{head}Content-Length: {2**30}\r\n\r\n".encode())
    assert (reply.status, reply.headers["connection"]) == (413, "close")
    reply = service.send(f"{head}Content-Length: {2**30}\r\nExpect: 100-continue\r\n\r\n".encode())
    assert reply.status == 413
    with service.raw() as opened:
        opened.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        piece = b"10000\r\n" + bytes(2**16) + b"\r\n"
        try:
            for _ in range(40):
                opened.sendall(piece)
            assert read_reply(opened).status == 413
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has closed, and what it said is lost


@pytest.mark.parametrize(
    "sent",
    [
        "POST /v1/classify HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc",
        "POST /v1/classify HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        "GET /v2 HTTP/1.1\r\nHost: a\r\nX-Slow: ",
        "GET /v2 HT",
    ],
)
def test_a_slow_request_is_ended(service: Running, sent: str) -> None:
    started = time.monotonic()
    reply = service.send(sent.encode())
    assert (reply.status, reply.headers["connection"]) == (408, "close")
    assert "0.5 seconds" in reply.error
    assert time.monotonic() - started < 5


def test_slow_requests_do_not_keep_others_out(service: Running) -> None:
    slow = [service.raw() for _ in range(80)]  # more than may be worked on at once
    opened = [connection.__enter__() for connection in slow]
    try:
        for one in opened:
            one.sendall(b"POST /v1/classify HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
        assert service.post(CLASSIFY, encoded("PNG"), "image/png").status == 200
    finally:
        for connection in slow:
            connection.__exit__(None, None, None)


def test_an_idle_connection_is_closed(service: Running) -> None:
    with service.raw() as opened:
        assert opened.recv(100) == b""


def test_a_client_that_leaves_in_the_middle_is_no_fault(service: Running) -> None:
    for _ in range(3):
        with service.raw() as opened:
            opened.sendall(b"POST /v1/classify HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\nabc")
    assert service.ask("GET", "/v2/health/ready").status == 200
    assert 'status="500"' not in service.ask("GET", "/metrics").body.decode()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ("Content-Length: 5\r\nContent-Length: 6", 400),
        ("Content-Length: 5\r\nTransfer-Encoding: chunked", 400),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", 400),
        ("Content-Length: -5", 400),
        ("Content-Length: +5", 400),
        ("Content-Length: 0x5", 400),
        ("Content-Length : 5", 400),
        (" folded: 1", 400),
        ("A: b\nB: c\rContent-Length: 5", 400),
        ("\r\n".join(f"X-{number}: a" for number in range(150)), 431),
        (f"X-Long: {'a' * 100_000}", 431),
        ("Range: bytes=" + ",".join(f"{n}-{n}" for n in range(3000)), 405),
        ("Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAA", 405),
    ],
)
def test_odd_headers_are_refused_or_ignored(service: Running, headers: str, status: int) -> None:
    reply = service.send(f"PUT /v1/classify HTTP/1.1\r\nHost: a\r\n{headers}\r\n\r\nabcde".encode())
    assert (reply.status, bool(reply.error)) == (status, True)


@pytest.mark.parametrize(
    "line", ["GET / HTTP/9.9", "\x16\x03\x01\x02", "GET", "PRI * HTTP/2.0", "GET /" + "a" * 99_999]
)
def test_what_is_not_http_is_refused(service: Running, line: str) -> None:
    assert service.send(f"{line}\r\nHost: a\r\n\r\n".encode("latin-1")).status in (400, 431)


BOUNDARY = "x-boundary"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"preamble " * 50_000,
        b"\r\n" * 200_000,
        b"--x-boundary\r\n"
        + b"".join(b"X-%d: a\r\n" % number for number in range(5000))
        + b"\r\nabc\r\n--x-boundary--",
        b"--x-boundary\r\nX: " + b"a" * 500_000 + b"\r\n\r\nabc\r\n--x-boundary--",
        b"--x-boundary\r\n\r\nabc",
        b"--x-boundary--\r\n",
        b"--x-boundary\r\n\r\n\r\n" * 2000 + b"--x-boundary--\r\n",
        b"--x-boundary\r\nContent-Disposition: form-data; name=a\r\n\r\n<svg/>\r\n--x-boundary--\r\n",
    ],
    ids=["empty", "preamble", "lines", "headers", "header", "no end", "no parts", "parts", "no picture"],
)
def test_odd_forms_are_refused_soon(service: Running, body: bytes) -> None:
    started = time.monotonic()
    reply = service.post(CLASSIFY, body, f"multipart/form-data; boundary={BOUNDARY}")
    assert reply.status in (400, 413)
    assert reply.error
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("parameter", ["", '; boundary="', "; boundary=" + "b" * 999])
def test_a_form_without_a_usable_boundary_is_refused(service: Running, parameter: str) -> None:
    assert service.post(CLASSIFY, b"--b\r\n\r\n", f"multipart/form-data{parameter}").status == 400


PICTURES = [encoded(kind) for kind in ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF")]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(PICTURES)))
    for _ in range(draw(st.integers(0, 4))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(0, len(data)))]) if draw(st.booleans()) else bytes(data)


@given(
    st.one_of(damaged(), st.binary(max_size=200)),
    st.sampled_from(["image/png", "application/json", f"multipart/form-data; boundary={BOUNDARY}", ""]),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_body_makes_the_service_fail(service: Running, body: bytes, kind: str) -> None:
    reply = service.post(CLASSIFY, body, kind)
    assert reply.status == 200 or (reply.status == 400 and reply.error)
