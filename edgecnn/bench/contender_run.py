"""Measures one contender during a run: its processes, its time limits and its results so far."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.bench.contenders import CONVERTED, Contender
from edgecnn.bench.results import OFFLINE_BATCHES, Load, Measurement, Memory, Plan, Round
from edgecnn.bench.runtimes.runner import ANSWERED
from edgecnn.bench.scenarios import rounds_of
from edgecnn.bench.worker_process import WorkerProcess
from edgecnn.data import Dataset
from edgecnn.errors import BenchError, EdgecnnError
from edgecnn.files import size
from edgecnn.metrics import Accuracy, accuracy

# The memory layout that a process happens to get changes its times by 1 to 3 %, more than the rounds of one process
# differ. So a contender that starts within this many seconds gets a new process each round, and its interval includes
# this variation.
STARTS_QUICKLY = 1.5
SCORING_SECONDS = 1.0  # a process says how far it has come about this often while it classifies the test images


class ContenderRun:
    """Runs one contender: `start`, then each `round`, then `finish`.

    An EdgecnnError is not raised but kept as `failure`, and later calls do nothing. In `finish` it is kept as
    `unscored`, because the timings are there. `images` is a .npy file of the test images; `dataset` is None if they are
    noise.
    """

    def __init__(self, contender: Contender, images: Path, dataset: Dataset | None, plan: Plan) -> None:
        self.contender, self.images, self.dataset, self.plan = contender, images, dataset, plan
        # A file that was converted for this run is deleted after it, so only its name is reported.
        converted = contender.runtime in CONVERTED
        self._entered = replace(contender, file=Path(contender.file.name)) if converted else contender
        self._scenario = rounds_of(plan, len(dataset.test) if dataset else max(OFFLINE_BATCHES))
        self.failure: str | None = None
        self.unscored: str | None = None
        self.note: str | None = None  # what a reader must know of its images
        self._loads: list[Load] = []
        self._memories: list[Memory] = []
        self._rounds: list[Round] = []
        self._floor: list[int] = []
        self._answers: list[int] | None = None
        self._process: WorkerProcess | None = None
        self._file = _state(contender.file)
        self._bytes = size(contender.file)  # read now, because a converted file is deleted after the run

    def start(self) -> None:
        """Start a process that loads the file and warms up."""
        self._try(self._start)

    def round(self, number: int) -> None:
        """Run round `number` (from 0), in a new process if the contender starts quickly."""
        self._try(lambda: self._round(number))

    def finish(self) -> None:
        """Time an empty model, and classify every test image."""
        if self.failure:
            return
        try:
            self._finish()
        except EdgecnnError as error:
            self.unscored = str(error)
            self.close()

    def fail(self, reason: str) -> None:
        """Record `reason` as the failure and end the process."""
        self.failure = reason
        self.close()

    def close(self) -> None:
        """End the process, if there is one."""
        if self._process:
            self._process.close()
            self._process = None

    @property
    def rounds(self) -> int:
        """The number of rounds to run."""
        return self._scenario.count

    @property
    def measurement(self) -> Measurement:
        """The results so far."""
        return Measurement(
            contender=self._entered,
            file_bytes=self._bytes,
            loads=tuple(self._loads),
            memories=tuple(self._memories),
            rounds=tuple(self._rounds),
            floor_ns=tuple(self._floor),
            answers=tuple(self._answers) if self._answers is not None else None,
            accuracy=self._accuracy(),
            failure=self.failure,
            unscored=self.unscored,
        )

    def _accuracy(self) -> Accuracy | None:
        if self._answers is None or self.dataset is None:
            return None
        return accuracy(self.dataset.test.name, np.array(self._answers, np.int64), self.dataset.test.labels)

    def _start(self) -> None:
        self._process = WorkerProcess(self.contender, self.images)
        imported = self._ask("import_runtime")["ns"]
        loaded = self._ask("load")
        cold = time.perf_counter_ns() - self._process.started_ns
        self._loads.append(Load(import_ns=imported, **loaded, cold_ns=cold))
        seconds, queries = self.plan.warm_up_seconds, self.plan.warm_up_queries
        self._ask("warm_up", seconds, batch=self.plan.batch, seconds=seconds, queries=queries)

    def _round(self, number: int) -> None:
        if _state(self.contender.file) != self._file:
            raise BenchError(f"{self.contender.file} was changed or removed while it was measured: measure again")
        if number and self._loads[0].cold_ns < STARTS_QUICKLY * 1e9:
            self.close()
            self._start()
        self._rounds += self._scenario.take(self._ask, number)
        self._memories.append(Memory(**self._ask("memory")))

    def _finish(self) -> None:
        self._floor += self._ask("floor", 1.0)["ns"]
        if self.dataset:
            self._answers = self._score(len(self.dataset.test))

    def _score(self, images: int) -> list[int]:
        """The class index of each test image, asked for in parts: a slow contender is not a silent one."""
        labels: list[int] = []
        an_image = min((part.elapsed_ns / part.queries / part.batch / 1e9 for part in self._rounds), default=0.0)
        while len(labels) < images:
            expected = SCORING_SECONDS + ANSWERED * an_image
            labels += self._ask("answers", expected, start=len(labels), seconds=SCORING_SECONDS)["labels"]
        return labels

    def _try(self, step: Callable[[], None]) -> None:
        if self.failure:
            return
        try:
            step()
        except EdgecnnError as error:
            self.fail(str(error))

    def _ask(self, command: str, expected: float = 0.0, **arguments: Any) -> dict[str, Any]:
        """Send a command that should take `expected` seconds. The time limit is for how much longer it takes."""
        assert self._process is not None
        answer: dict[str, Any] = self._process.ask(command, self.plan.timeout + expected, **arguments)
        return answer


def _state(path: Path) -> tuple[int, int] | None:
    """Modification time and size, which change when the path is written; None if nothing is there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
