"""Several processes that serve from one socket: starts them, passes signals on, and replaces those that die."""

import os
import signal
import socket
import subprocess
import sys
import time
from queue import Empty, SimpleQueue

import msgspec
from prometheus_client.multiprocess import mark_process_dead

from edgecnn.processes import stopping
from edgecnn.scratch import scratch
from edgecnn.serve import log, server
from edgecnn.serve.config import Config
from edgecnn.serve.metrics import SHARED
from edgecnn.serve.models import Models

LOOK_SECONDS = 0.5  # between looks at who has died


def run(config: Config, listening: socket.socket) -> int:
    """Serve by `config.workers` processes until a signal comes. Returns its number."""
    signals: SimpleQueue[int] = SimpleQueue()
    with scratch() as folder, stopping.handled_by(signals.put):
        os.environ[SHARED] = str(folder)
        workers = [_start(config, listening) for _ in range(config.workers)]
        while (number := _next(signals)) in (None, signal.SIGHUP):
            if number is None:
                workers = [_alive(worker, config, listening) for worker in workers]
            else:
                _pass_on(workers, signal.SIGHUP)
        _pass_on(workers, number or 0)
        _wait(workers, config.timeout + stopping.GRACE)
    return number or 0


def _next(signals: "SimpleQueue[int]") -> int | None:
    try:
        return signals.get(timeout=LOOK_SECONDS)
    except Empty:
        return None


def _start(config: Config, listening: socket.socket) -> subprocess.Popen[bytes]:
    """It runs in its own session, so Ctrl-C reaches it by this process, and it dies with this process."""
    told = msgspec.json.encode(config).decode()
    entry = [sys.executable, "-P", "-m", "edgecnn.processes.entry", str(os.getpid())]
    return subprocess.Popen(
        [*entry, "edgecnn.serve.workers", told, str(listening.fileno())],
        pass_fds=[listening.fileno()],
        start_new_session=True,
    )


def _alive(worker: subprocess.Popen[bytes], config: Config, listening: socket.socket) -> subprocess.Popen[bytes]:
    """The worker, or another one in its place."""
    if worker.poll() is None:
        return worker
    log.write(event="worker ended", code=worker.returncode)
    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
    return _start(config, listening)


def _pass_on(workers: list[subprocess.Popen[bytes]], number: int) -> None:
    for worker in workers:
        if worker.poll() is None:
            worker.send_signal(number)


def _wait(workers: list[subprocess.Popen[bytes]], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while any(worker.poll() is None for worker in workers) and time.monotonic() < deadline:
        time.sleep(0.02)


def main() -> None:
    """One worker. Its arguments are the Config, as JSON, and the number of the listening socket."""
    config = msgspec.json.decode(sys.argv[1], type=Config)
    listening = socket.socket(fileno=int(sys.argv[2]))
    server.run(config, Models(config.models), listening)
    os._exit(0)  # threads may still run a model for a client that has been given up
