"""More requests than the service can answer: refused soon and rightly, and the queue does not stay full."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from serve.serving import Running, read_reply, running

from edgecnn.serve import log
from edgecnn.serve.config import Config
from edgecnn.serve.metrics import Metrics
from edgecnn.serve.notes import Note, Notes
from edgecnn.serve.turn import WINDOW, Turn


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Written(Notes):
    """Notes that are kept instead."""

    def __init__(self) -> None:
        self.written: list[list[Note]] = []

    def write(self, notes: list[Note]) -> None:  # type: ignore[override]
        self.written.append(list(notes))


def note(number: int) -> Note:
    return Note("POST", "/", "other", 200, 0.001, b"%d" % number, 0.0)


def answered(turn: Turn, clock: Clock, turns: list[tuple[float, int]]) -> list[int]:
    """How many requests have room in each turn, which begins that many seconds after the last one."""

    async def run() -> list[int]:
        found = []
        for idle, number in turns:
            clock.now += idle
            found.append(sum(turn.has_room() for _ in range(number)))
            await asyncio.sleep(0)
        return found

    return asyncio.run(run())


def test_notes_are_written_together_at_the_end_of_a_turn() -> None:
    notes = Written()

    async def run() -> None:
        turn = Turn(4, notes)
        for number in range(3):
            assert turn.has_room()
            turn.note(note(number))
        assert not notes.written
        await asyncio.sleep(0)

    asyncio.run(run())
    assert notes.written == [[note(0), note(1), note(2)]]


def test_a_burst_is_taken_as_far_as_the_queue_goes() -> None:
    clock = Clock()
    assert answered(Turn(16, Written(), clock), clock, [(0, 40), (0, 10), (0, 16), (0, 40)]) == [16, 10, 16, 16]


def test_a_queue_that_stays_full_gets_shorter_until_there_is_time_to_spare() -> None:
    clock = Clock()
    turn = Turn(16, Written(), clock)
    assert answered(turn, clock, [(0, 17), (0, 17), (0, 17), (0, 5)]) == [16, 16, 2, 2]
    assert answered(turn, clock, [(WINDOW / 2, 16)]) == [2]  # the window is not over
    assert answered(turn, clock, [(WINDOW / 2, 16), (0, 16)]) == [16, 16]


def test_a_queue_stays_short_while_the_loop_is_busy() -> None:
    clock = Clock()
    turn = Turn(8, Written(), clock)

    async def busy() -> list[int]:
        found = []
        for _ in range(50):
            found.append(sum(turn.has_room() for _ in range(9)))
            clock.now += WINDOW / 10  # in the turn
            await asyncio.sleep(0)
        return found

    assert asyncio.run(busy()) == [8, 8, *[1] * 48]


def test_lines_that_are_logged_together_are_lines(capsys: pytest.CaptureFixture[str]) -> None:
    Notes(Metrics(), logs=True).write([note(number) for number in range(40)])
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["id"] for line in lines] == [str(number) for number in range(40)]
    assert {(line["path"], line["status"], line["ms"]) for line in lines} == {("/", 200, 1.0)}
    longest = note(0)._replace(path="/v2/models/" + 100 * "m" + "/infer", request_id=64 * b"i", seconds=99.999)
    Notes(Metrics(), logs=True).write([longest])
    assert len(capsys.readouterr().err) * log.TOGETHER <= 4096


@pytest.fixture(scope="module")
def full(config: Config) -> Iterator[Running]:
    """A service that has room for nobody."""
    with running(replace(config, queue=0)) as found:
        yield found


HEAD = b"POST /v1/classify%%3F HTTP/1.1\r\nHost: a\r\nX-Request-ID: mine\r\nContent-Length: %d\r\n\r\n"


def test_what_is_refused_keeps_its_connection_and_the_rest_of_it_is_forgotten(full: Running) -> None:
    body = b"GET / HTTP/1.1\r\n\r\n" * 20_000
    with full.raw() as opened:
        for _ in range(2):
            opened.sendall(HEAD % len(body) + body[:100])
            first = read_reply(opened)
            opened.sendall(body[100:])
            opened.sendall(b"GET /v2 HTTP/1.1\r\nHost: a\r\n\r\n")
            second = read_reply(opened)
            assert (first.status, first.headers["x-request-id"]) == (503, "mine")
            assert second.status == 503
            assert first.error == second.error
            assert (first.headers["retry-after"], first.headers["x-content-type-options"]) == ("1", "nosniff")
            assert "date" in first.headers


@pytest.mark.parametrize(
    "request_line", ["HEAD / HTTP/1.1", "GET / HTTP/1.0", "GET / HTTP/1.1\r\nConnection: close", "GET x HTTP/1.1"]
)
def test_what_is_odd_is_refused_as_it_should_be(full: Running, request_line: str) -> None:
    with full.raw() as opened:
        opened.sendall(f"{request_line}\r\nHost: a\r\n\r\n".encode())
        opened.settimeout(0.3)
        answer = b""
        try:
            while piece := opened.recv(1 << 16):
                answer += piece
            closed = True
        except TimeoutError:
            closed = False
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400" if " x " in request_line else b"HTTP/1.1 503")
    assert bool(body) is not request_line.startswith("HEAD")
    assert closed is not request_line.startswith("HEAD")


def test_what_is_refused_is_counted(full: Running) -> None:
    name = 'edgecnn_requests_total{route="other",status="503"} '

    def count() -> float:
        lines = full.server._metrics.text().decode().splitlines()
        return float(next((line.removeprefix(name) for line in lines if line.startswith(name)), 0))

    before = count()
    assert full.ask("GET", "/").status == 503
    assert count() == before + 1
