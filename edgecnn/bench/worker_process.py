"""The coordinator's side of a worker process: it starts it, sends commands with a time limit, and ends it."""

import json
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import psutil

from edgecnn.bench.contenders import Contender
from edgecnn.errors import BenchError


class WorkerProcess:
    """A worker process: it takes a command, returns an answer, and sleeps in between.

    It runs in its own session, so Ctrl-C reaches only the coordinator, which then ends it.
    """

    def __init__(self, contender: Contender, images: Path) -> None:
        task = {"contender": {**asdict(contender), "file": str(contender.file.resolve())}, "images": str(images)}
        self.log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `close`)
        self.started_ns = time.perf_counter_ns()
        self.child = subprocess.Popen(
            [sys.executable, "-P", "-m", "edgecnn.bench.worker", json.dumps(task)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )

    def ask(self, command: str, limit: float, **arguments: Any) -> dict[str, Any]:
        """Send one command and return its answer.

        Raises BenchError if the worker reports an error, has ended, or does not answer within `limit` seconds; in the
        last case it is killed.
        """
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        late = threading.Event()

        def give_up() -> None:
            late.set()
            self.child.kill()

        # Killing the child also ends the wait for its answer, so the coordinator need not poll the clock.
        timer = threading.Timer(limit, give_up)
        timer.start()
        try:
            with suppress(BrokenPipeError):  # it has ended: the empty answer below says so
                self.child.stdin.write(json.dumps({"do": command, **arguments}) + "\n")
                self.child.stdin.flush()
            line = self.child.stdout.readline()
            if not line.endswith("\n"):
                self.child.wait()
        finally:
            timer.cancel()
        if late.is_set():
            raise BenchError(f"its process did not answer in time ({command}): raise --timeout if it is only slow")
        if not line.endswith("\n"):  # it may have ended in the middle of its answer
            raise BenchError(f"its process ended ({command}): {self._last_words()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise BenchError(answer["error"])
        return answer

    def _last_words(self) -> str:
        """How the process ended: the signal, the last line on stderr, or the exit code."""
        code = self.child.wait()
        if code < 0:
            return f"signal {-code}"
        self.log.seek(0)
        lines = self.log.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"exit code {code}"

    def close(self) -> None:
        """Kill the process and release its pipes and log."""
        self.child.kill()
        self.child.communicate()
        self.log.close()


def empty_python() -> int:
    """Resident bytes of a Python process that has imported nothing."""
    command = [sys.executable, "-P", "-c", "print(flush=True); input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as child:
        assert child.stdout is not None
        child.stdout.readline()
        resident: int = psutil.Process(child.pid).memory_info().rss
        child.kill()
    return resident
