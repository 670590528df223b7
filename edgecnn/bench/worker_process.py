"""The coordinator's side of a worker process, which measures one contender."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

from edgecnn.bench.contenders import Contender
from edgecnn.errors import BenchError, EdgecnnError
from edgecnn.processes.child import Child, ChildEndedError, ChildLateError


class WorkerProcess(Child):
    """A worker process: it takes a command, returns an answer, and sleeps in between."""

    def __init__(self, contender: Contender, images: Path) -> None:
        task = {"contender": {**asdict(contender), "file": str(contender.file.resolve())}, "images": str(images)}
        super().__init__("edgecnn.bench.worker", json.dumps(task))

    def ask(self, command: str, limit: float, **arguments: Any) -> Any:
        """Send one command and return its answer.

        Raises BenchError if the worker reports an error, has ended, or does not answer within `limit` seconds; in the
        last case it is killed.
        """
        try:
            return super().ask(command, limit, **arguments)
        except ChildLateError:
            reason = f"its process did not answer in time ({command}): raise --timeout if it is only slow"
        except ChildEndedError as error:
            reason = f"its process ended ({command}): {error}"
        except EdgecnnError as error:
            reason = str(error)
        raise BenchError(reason)


def empty_python() -> int:
    """Resident bytes of a Python process that has imported nothing."""
    command = [sys.executable, "-P", "-c", "print(flush=True); input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as child:
        assert child.stdout is not None
        child.stdout.readline()
        resident: int = psutil.Process(child.pid).memory_info().rss
        child.kill()
    return resident
