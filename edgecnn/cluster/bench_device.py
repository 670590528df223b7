"""What a worker does on its device for bench: it runs the ordinary command in a process of its own."""

import errno
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edgecnn.bench.reports.document import MOST_BYTES
from edgecnn.cluster.device import require_version
from edgecnn.cluster.job import Job
from edgecnn.errors import EdgecnnError
from edgecnn.files import read_bytes
from edgecnn.scratch import scratch

COMMAND = "edgecnn.__main__"
REPORT, SAID = "report.json", "said.txt"
POLL_SECONDS = 0.5
END_SECONDS = 5.0  # a command that is asked to stop takes two at most
MOST_SAID = 2**16  # bytes of stderr


@dataclass(frozen=True)
class Finding:
    """What the command has written: its report, if there is one, and its last words on stderr."""

    report: bytes | None
    said: str


def bench_here(job: Job) -> Finding:
    """Run the bench. Only one runs on a device at a time: they would disturb each other."""
    require_version(job.version)
    with _alone(), scratch() as folder:
        for name, content in job.files:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)
        _run(folder, ["bench", *job.arguments, "--json", REPORT, "--quiet"])
        report = folder / REPORT
        return Finding(read_bytes(report, MOST_BYTES) if report.is_file() else None, _last_words(folder / SAID))


@contextmanager
def _alone() -> Iterator[None]:
    """Wait until no other bench runs on this device, and let none begin meanwhile."""
    with socket.socket(socket.AF_UNIX) as held:
        while not _is_free(held):
            _require_wanted()
            time.sleep(POLL_SECONDS)
        yield


def _is_free(held: socket.socket) -> bool:
    """Take a name that Linux gives to one process of a network at a time, and takes back whatever ends the process.

    Other systems have no such names; there, the benches of two commands may run on a device at the same time.
    """
    if sys.platform != "linux":
        return True
    from distributed import get_worker
    from distributed.comm import get_address_host

    try:
        held.bind(f"\0edgecnn-bench-{get_address_host(get_worker().address)}")
    except OSError as error:
        return error.errno != errno.EADDRINUSE
    return True


def _run(folder: Path, arguments: list[str]) -> None:
    """It dies with this thread, and ends when the command that asked for it has gone."""
    parent = str(os.getpid())
    with (folder / SAID).open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "edgecnn.processes.entry", parent, COMMAND, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            cwd=folder,
            start_new_session=True,
        )
        try:
            _await(process)
        finally:
            _end(process)


def _await(process: "subprocess.Popen[bytes]") -> None:
    while process.poll() is None:
        _require_wanted()
        time.sleep(POLL_SECONDS)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _require_wanted() -> None:
    """Raise EdgecnnError if nobody waits for the answer any more: Dask does not end a thread."""
    from distributed import get_worker

    worker = get_worker()
    task = worker.state.tasks.get(worker.get_current_task())
    if task is None or task.state == "cancelled":
        raise EdgecnnError("the command that asked for this bench has gone")


def _last_words(path: Path) -> str:
    """The last error on stderr, or its last line."""
    lines = path.read_bytes()[-MOST_SAID:].decode(errors="replace").strip().splitlines()
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return (errors or lines or ["it wrote nothing"])[-1]
