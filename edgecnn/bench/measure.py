"""Runs contenders side by side, each in its own process, in interleaved rounds, one process active at a time."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from edgecnn.bench.contenders import Contender, Entry, enter
from edgecnn.bench.host import Host, this_host
from edgecnn.data import Dataset
from edgecnn.errors import BenchError
from edgecnn.folder import size
from edgecnn.interface import InputSpec
from edgecnn.origin import find_dataset, origin_of
from edgecnn.runtime import Classifier
from edgecnn.score import Accuracy, accuracy

ROUNDS = 10
MOST_SAMPLES = 1000  # a contender and round: ample for p99, and the report stays small
NOISE_IMAGES, NOISE_SIZE = 64, 64  # where a model has no data, it is timed with noise


@dataclass(frozen=True)
class Measurement:
    """Raw samples of one contender. Times in nanoseconds; `rounds` are per query; `answers` one label an image."""

    contender: Contender
    import_ns: int
    init_ns: int
    first_ns: int
    rounds: tuple[tuple[int, ...], ...]
    peak_rss: int
    file_bytes: int
    answers: tuple[int, ...] | None
    accuracy: Accuracy | None


@dataclass(frozen=True)
class Bench:
    """Everything measured in one run, and its conditions. `missing` says what could not be measured, and why."""

    host: Host
    threads: int
    batch: int
    duration: float
    data: tuple[str, ...]
    measurements: tuple[Measurement, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Stage:
    """Progress: `done` of `steps`, and what comes next."""

    done: int
    steps: int
    doing: str


@dataclass(frozen=True)
class _Lane:
    """A running worker and what it is fed."""

    contender: Contender
    worker: "_Process"
    dataset: Dataset | None
    loaded: dict[str, int]
    rounds: list[tuple[int, ...]]


def measure(
    models: Sequence[str | Path],
    *,
    data: str | Path | None = None,
    threads: int = 1,
    batch: int = 1,
    duration: float = 3.0,
    progress: Callable[[Stage], None] = lambda _: None,
) -> Bench:
    """Measure every contender of `models` for about `duration` seconds each, in ROUNDS interleaved rounds.

    Latency is that of one query after another (MLPerf's SingleStream) of `batch` images. Raises ModelError, DataError,
    BenchError.
    """
    entries = [enter(model, threads, batch) for model in models]
    count = sum(len(entry.contenders) for entry in entries)
    steps = _Steps(progress, count + ROUNDS + count)
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edgecnn-")))
        lanes = [
            lane
            for number, entry in enumerate(entries)
            for lane in _load(stack, entry, data, scratch / f"{number}.npy", steps)
        ]
        for number in range(ROUNDS):
            steps.next(f"round {number + 1} of {ROUNDS}")
            # Each round starts with another contender, so that none is always the one after the slowest.
            first = number % len(lanes)
            for lane in lanes[first:] + lanes[:first]:
                samples = lane.worker.ask("round", seconds=duration / ROUNDS, most=MOST_SAMPLES)["ns"]
                lane.rounds.append(tuple(samples))
        measurements = tuple(_finish(lane, steps) for lane in lanes)
    sources = tuple(dict.fromkeys(lane.dataset.source for lane in lanes if lane.dataset))
    missing = tuple(dict.fromkeys(note for entry in entries for note in entry.missing))
    return Bench(this_host(), threads, batch, duration, sources, measurements, missing)


class _Steps:
    """Counts what is done towards a total and tells the progress callback what comes next."""

    def __init__(self, progress: Callable[[Stage], None], total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def next(self, doing: str) -> None:
        self._progress(Stage(self._done, self._total, doing))
        self._done += 1


def _load(stack: ExitStack, entry: Entry, data: str | Path | None, images: Path, steps: _Steps) -> list[_Lane]:
    """Start and load an entry's workers, one after another; `images` is where their images are put."""
    dataset, pixels = _images(entry, data)
    np.save(images, pixels)
    lanes = []
    for contender in entry.contenders:
        steps.next(f"loading {contender.name}")
        worker = stack.enter_context(_process(contender, images))
        lanes.append(_Lane(contender, worker, dataset, worker.ask("load"), []))
    return lanes


def _finish(lane: _Lane, steps: _Steps) -> Measurement:
    steps.next(f"scoring {lane.contender.name}")
    peak = lane.worker.ask("memory")["bytes"]
    answers = lane.worker.ask("answers")["labels"] if lane.dataset else None
    score = None
    if lane.dataset:
        score = accuracy("test", np.array(answers, np.int64), lane.dataset.test.labels)
    return Measurement(
        contender=lane.contender,
        rounds=tuple(lane.rounds),
        peak_rss=peak,
        file_bytes=size(lane.contender.file),
        answers=tuple(answers) if answers is not None else None,
        accuracy=score,
        **lane.loaded,
    )


def _images(entry: Entry, data: str | Path | None) -> tuple[Dataset | None, NDArray[np.uint8]]:
    """The test images that an entry is measured with; noise where there are none."""
    spec, classes, metadata = _interface(entry)
    dataset = find_dataset(origin_of(entry.card, metadata), data, spec, classes)
    if dataset:
        return dataset, dataset.test.images
    shape = (NOISE_IMAGES, *(size or NOISE_SIZE for size in spec.shape))
    return None, np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def _interface(entry: Entry) -> tuple[InputSpec, int, Any]:
    if entry.card:
        spec = InputSpec(entry.card.input_shape, entry.card.input_dtype, entry.card.input_scale)
        return spec, len(entry.card.labels), {}
    file = next((item.file for item in entry.contenders if not item.is_tensorflow), None)
    if file is None:
        raise BenchError(f"{entry.model} has neither a card nor an ONNX file: run 'edgecnn export' on it first")
    classifier = Classifier(file)
    return classifier.input, len(classifier.labels), classifier.metadata


@contextmanager
def _process(contender: Contender, images: Path) -> Iterator["_Process"]:
    process = _Process(contender, images)
    try:
        yield process
    finally:
        process.close()


class _Process:
    """A worker process: a command goes in, an answer comes out, and nothing runs in between."""

    def __init__(self, contender: Contender, images: Path) -> None:
        self.name = contender.name
        task = {"contender": {**asdict(contender), "file": str(contender.file.resolve())}, "images": str(images)}
        self.log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `close`)
        self.child = subprocess.Popen(
            [sys.executable, "-P", "-m", "edgecnn.bench.worker", json.dumps(task)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            encoding="utf-8",
        )

    def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Have one command done. Raises BenchError if the worker reports an error or has died."""
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        try:
            self.child.stdin.write(json.dumps({"do": command, **arguments}) + "\n")
            self.child.stdin.flush()
            line = self.child.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise BenchError(f"{self.name} ended while it was to {command}: {self._last_words()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise BenchError(f"{self.name}: {answer['error']}")
        return answer

    def _last_words(self) -> str:
        self.child.wait()
        self.log.seek(0)
        lines = self.log.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"exit code {self.child.returncode}"

    def close(self) -> None:
        self.child.kill()
        self.child.communicate()
        self.log.close()
