"""`edgecnn serve` as a process: how soon it answers, its signals, its workers, and what it tells before it serves."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from serve.serving import PATIENCE, Reply, read_reply
from shared_fixtures import Run

from edgecnn.folder import find_onnx

pytestmark = pytest.mark.slow
ADDRESS = re.compile(r"serving .* at http://127\.0\.0\.1:(\d+) ")


class Process:
    """A service in a process of its own, its port, and the lines of its log."""

    def __init__(self, *arguments: str | Path, files: int = 4096) -> None:
        command = [sys.executable, "-m", "edgecnn", "serve", *map(str, arguments), "--port", "0"]
        limited = ["sh", "-c", f'ulimit -n {files} && exec "$@"', "sh", *command]
        self.process = subprocess.Popen(limited, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        self.said: list[str] = []
        for line in self.process.stderr:
            self.said.append(line)
            if found := ADDRESS.match(line):
                self.port = int(found[1])
                return
        raise AssertionError("".join(self.said))

    def ask(self, path: str = "/v2/health/ready") -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request("GET", path)
        answer = connection.getresponse()
        reply = Reply(answer.status, dict(answer.getheaders()), answer.read())
        connection.close()
        return reply

    def next_event(self, name: str) -> str:
        assert self.process.stderr is not None
        return next(line for line in self.process.stderr if f'"event":"{name}"' in line)

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        self.process.send_signal(number)
        _, rest = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, rest


@contextmanager
def started(*arguments: str | Path, files: int = 4096) -> Iterator[Process]:
    running = Process(*arguments, files=files)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait()


@pytest.fixture
def model(tmp_path: Path, tiny: Path) -> Path:
    return Path(shutil.copy(tiny, tmp_path / "mine.onnx"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_is_in_flight_is_answered_and_what_is_new_refused(tiny: Path, number: int) -> None:
    body = b"[" + b",".join([b"0"] * 784) + b"]"
    head = f"POST /v1/classify HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    with started(tiny) as service, socket.create_connection(("127.0.0.1", service.port), PATIENCE) as early:
        early.sendall(head.encode() + b"\r\n\r\n" + body[:100])
        assert service.ask().status == 200
        service.process.send_signal(number)
        service.next_event("stopping")
        refused = service.ask()
        assert (refused.status, refused.headers["retry-after"]) == (503, "5")
        assert service.ask("/v2/health/live").status == 200
        early.sendall(body[100:])
        assert read_reply(early).status == 200
        _, rest = service.process.communicate(timeout=PATIENCE)
        assert service.process.returncode == 128 + number
        assert rest.splitlines()[-1] == "stopped; what was in flight is answered"


def test_sighup_takes_a_new_model_and_refuses_a_bad_one(model: Path) -> None:
    with started(model) as service:
        old = json.loads(service.ask("/v2/models/mine").body)["versions"]
        whole = model.read_bytes()
        for bad in (b"garbage", whole[: len(whole) // 2]):
            model.write_bytes(bad)
            service.process.send_signal(signal.SIGHUP)
            assert "mine.onnx" in service.next_event("reload refused")
            assert json.loads(service.ask("/v2/models/mine").body)["versions"] == old
        shutil.copy(find_onnx("nano"), model)
        service.process.send_signal(signal.SIGHUP)
        service.next_event("reloaded")
        new = json.loads(service.ask("/v2/models/mine").body)["versions"]
        assert new != old
        assert service.end()[0] == 143


def test_workers_serve_from_one_address_and_are_replaced(tiny: Path) -> None:
    with started(tiny, "--workers", "2", "--quiet") as service:
        for _ in range(8):
            assert service.ask().status == 200
        text = service.ask("/metrics").body.decode()
        assert 'edgecnn_requests_total{route="/v2/health/ready",status="200"} 8.0' in text
        children = Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children").read_text().split()
        assert len(children) == 2
        subprocess.run(["kill", "-KILL", children[0]], check=True)
        service.next_event("worker ended")
        assert service.ask().status == 200
        code, rest = service.end()
        assert (code, "Traceback" in rest) == (143, False)


def test_idle_connections_keep_nobody_out(tiny: Path) -> None:
    with started(tiny, "--quiet", "--timeout", "1", files=300) as service, ExitStack() as stack:
        for _ in range(600):  # twice as many as the files that the service may open
            stack.enter_context(socket.create_connection(("127.0.0.1", service.port), PATIENCE))
        deadline = time.monotonic() + PATIENCE
        while not answers(service) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert answers(service)
        code, rest = service.end()
        assert (code, "Traceback" in rest) == (143, False)


def answers(service: Process) -> bool:
    try:
        return service.ask().status == 200
    except OSError:
        return False


def test_an_open_address_without_a_token_is_warned_of(tiny: Path, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("a-secret\n")
    for arguments, warned in (([], True), (["--token-file", token], False)):
        options = ["--host", "0.0.0.0", "--port", "0", *map(str, arguments)]
        command = [sys.executable, "-m", "edgecnn", "serve", str(tiny), *options]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as service:
            assert service.stderr is not None
            first = service.stderr.readline()
            assert first.startswith("warning: 0.0.0.0 can be reached" if warned else "serving tiny at http://0.0.0.0:")
            service.terminate()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nothing"], 2, "there is no model 'nothing'"),
        (["edge", "edge"], 2, "two models would be called 'edge'"),
        (["a/b=edge"], 2, "cannot be a part of an address"),
        (["edge", "--host", "256.0.0.1"], 1, "cannot listen on 256.0.0.1:8000"),
        (["edge", "--token", "two words"], 2, "the token is empty, or has spaces"),
        (["edge", "--token-file", "/nothing/here"], 2, "the token cannot be read"),
        (["edge", "--port", "0", "--certificate", "README.md", "--key", "README.md"], 2, "are not a certificate"),
    ],
)
def test_what_cannot_be_served_is_told_in_one_line(edgecnn: Run, arguments: list[str], code: int, message: str) -> None:
    done = edgecnn("serve", *arguments)
    assert (done.returncode, message in done.stderr.splitlines()[-1]) == (code, True), done.stderr


def test_the_unit_for_systemd_names_this_machines_paths(edgecnn: Run, tmp_path: Path) -> None:
    unit = edgecnn("serve", "nano", "--workers", "2", "--token", "secret", "--print-systemd", cwd=tmp_path).stdout
    line = next(line for line in unit.splitlines() if line.startswith("ExecStart="))
    assert line.startswith(f"ExecStart={sys.executable} -m edgecnn serve nano=/")
    assert line.endswith("/nano --workers 2 --token-file %d/token")
    assert "secret" not in unit
    assert {"NoNewPrivileges=yes", "ProtectSystem=strict", "MemoryMax=1536M"} <= set(unit.splitlines())


def test_it_answers_within_a_second_of_processor_time(tiny: Path) -> None:
    """Of processor time, and of two seconds, because the tests share the machine with others."""
    with started(tiny) as service:
        assert service.ask().status == 200
        fields = Path(f"/proc/{service.process.pid}/stat").read_text().rpartition(")")[2].split()
        ticks = int(fields[11]) + int(fields[12])
        assert ticks / os.sysconf("SC_CLK_TCK") < 2
