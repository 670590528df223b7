"""The coordinator's end of a worker process: starting it, having a command done within a time, ending it."""

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
    """A worker: a command goes in, an answer comes out, and nothing runs in between on either side.

    It has a session of its own, so that Ctrl-C reaches the coordinator alone, which then ends it.
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
        """Have one command done within `limit` seconds. Raises BenchError if the worker reports an error, has died or
        does not answer in time; then it is ended.
        """
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        late = threading.Event()

        def give_up() -> None:
            late.set()
            self.child.kill()

        # A timer that ends the child also ends the wait for its answer, without looking at the clock meanwhile.
        timer = threading.Timer(limit, give_up)
        timer.start()
        try:
            with suppress(BrokenPipeError):  # it has ended: so says the empty answer
                self.child.stdin.write(json.dumps({"do": command, **arguments}) + "\n")
                self.child.stdin.flush()
            line = self.child.stdout.readline()
            if not line.endswith("\n"):
                self.child.wait()
        finally:
            timer.cancel()
        if late.is_set():
            raise BenchError(f"it did not answer within the time limit ({command}): raise --timeout if it is only slow")
        if not line.endswith("\n"):  # maybe in the middle of its answer
            raise BenchError(f"its process ended ({command}): {self._last_words()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise BenchError(answer["error"])
        return answer

    def _last_words(self) -> str:
        """How the process ended: by which signal, or with which last line on stderr."""
        code = self.child.wait()
        if code < 0:
            return f"signal {-code}"
        self.log.seek(0)
        lines = self.log.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"exit code {code}"

    def close(self) -> None:
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
