"""Asks workers to try inputs, starts another one after each crash, and keeps the inputs that were not taken well."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from fuzz.readers import READERS, mutant, written
from fuzz.worker import CLEAN, READ, refusal

from edgecnn.errors import EdgecnnError
from edgecnn.processes.child import Child, ChildEndedError, ChildLateError

ROOT = Path(__file__).parents[2]
SECONDS = 600.0  # for each answer: on a busy machine, the processor time that the worker allows takes long
PLACES = (ROOT, *(ROOT / "tests" / name for name in ("", "bench", "data", "host")))
HUNG = "did not end"


@dataclass(frozen=True)
class Outcome:
    """What came of one input: "read", "refused" in one line, or what was wrong."""

    reader: str
    number: int
    result: str

    @property
    def is_clean(self) -> bool:
        return self.result in CLEAN


class Worker:
    """A process that tries inputs. As a context manager, it closes itself."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="fuzz-")
        self._child: Child | None = None

    def attempt(self, reader: str, number: int) -> Outcome:
        """Try one input. What is found only after other inputs, such as memory that they took, is tried again alone."""
        fresh = self._child is None
        outcome = Outcome(reader, number, self._result(reader, number))
        if outcome.is_clean or fresh:
            return outcome
        self._end()
        return Outcome(reader, number, self._result(reader, number))

    def _result(self, reader: str, number: int) -> str:
        try:
            return str(self._started().ask("attempt", SECONDS, reader=reader, number=number))
        except ChildEndedError as error:
            self._end()
            return isolated_result(reader, number) or f"the process ended: {error}"
        except ChildLateError:
            self._end()
            return isolated_result(reader, number) or HUNG

    def _started(self) -> Child:
        if self._child is None:
            place = tempfile.mkdtemp(dir=self._folder.name)
            empty = tempfile.mkdtemp(dir=self._folder.name)
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, PLACES)), "TF_CPP_MIN_LOG_LEVEL": "3"}
            self._child = Child("fuzz.worker", place, folder=Path(empty), environment=environment)
        return self._child

    def _end(self) -> None:
        if self._child is not None:
            self._child.close()
        self._child = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end()
        self._folder.cleanup()


def isolated_result(reader: str, number: int) -> str | None:
    """What the commands say of an input that ends the process that reads it. None if that is their own process."""
    read = READERS[reader].isolated
    if read is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        try:
            read(written(reader, Path(folder), mutant(reader, number)))
        except EdgecnnError as error:
            return refusal(error)
    return READ
