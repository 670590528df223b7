"""The parent's side of a process that runs one of our modules: starts it, asks it within a time limit, and ends it."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from edgecnn import errors

# What a child's own limits send it.
SIGNALS: Mapping[int, str] = {signal.SIGPROF: "it took too much processor time"}


class ChildLateError(Exception):
    """A child process did not answer within its time limit, and was killed."""


class ChildEndedError(Exception):
    """A child process ended instead of answering. The message says how."""


class Child:
    """A process that runs the `main` of a module, which answers requests by `edgecnn.processes.entry.serve`.

    It runs in its own session, so Ctrl-C reaches only this process, which then ends it; and it dies with the thread
    that started it, whatever that thread dies of. It starts in `folder`, with `environment` in place of this process's
    own. As a context manager, it closes itself.
    """

    def __init__(
        self, module: str, *arguments: str, folder: Path | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        self.log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `close`)
        self.started_ns = time.perf_counter_ns()
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "edgecnn.processes.entry", str(os.getpid()), module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            encoding="utf-8",
            cwd=folder,
            env=environment,
            start_new_session=True,
        )

    def ask(self, command: str, limit: float, **arguments: Any) -> Any:
        """Send one command with its arguments, all of them JSON values. Returns the answer, another JSON value.

        Raises the EdgecnnError that the command raised, ChildEndedError if the process has ended, and ChildLateError
        if it does not answer within `limit` seconds; then it is killed.
        """
        assert self.process.stdout is not None
        late = threading.Event()

        def give_up() -> None:
            late.set()
            self.process.kill()

        # Killing the child also ends the wait for its answer, so this process need not poll the clock.
        timer = threading.Timer(limit, give_up)
        timer.daemon = True
        timer.start()
        try:
            self._send({"do": command, **arguments})
            line = self.process.stdout.readline()
            if not line.endswith("\n"):
                self.process.wait()
        finally:
            timer.cancel()
        if late.is_set():
            raise ChildLateError
        if not line.endswith("\n"):  # it may have ended in the middle of its answer
            raise ChildEndedError(self.last_words())
        return _answer(json.loads(line))

    def last_words(self) -> str:
        """How the process ended: the limit that it exceeded, the signal, the last line on stderr, or the exit code."""
        code = self.process.wait()
        if code < 0:
            return SIGNALS.get(-code, f"signal {-code}")
        self.log.seek(0)
        lines = self.log.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"exit code {code}"

    def close(self) -> None:
        """Kill the process and release its pipes and log."""
        self.process.kill()
        self.process.communicate()
        self.log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _send(self, request: Mapping[str, Any]) -> None:
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended: the empty answer says so
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()


def _answer(reply: dict[str, Any]) -> Any:
    if "error" not in reply:
        return reply["answer"]
    kind: type[errors.EdgecnnError] = getattr(errors, reply["kind"])
    raise kind.__new__(kind, reply["error"])  # not by its constructor, which may take something else than the message
