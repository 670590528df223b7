"""Runs contenders side by side, each in its own processes, in interleaved rounds, one process active at a time."""

import base64
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecnn.bench.contender_run import ContenderRun
from edgecnn.bench.contenders import Contender, Entry, start_list
from edgecnn.bench.figures import drifts
from edgecnn.bench.results import Bench, Data, Picture, Plan
from edgecnn.bench.worker_process import empty_python
from edgecnn.data import Dataset, load
from edgecnn.data.provenance import Origin, Read, find_dataset, origin_of
from edgecnn.errors import BenchError, EdgecnnError, ModelError
from edgecnn.folder import ModelFolder
from edgecnn.host.machine import this_clock, this_host
from edgecnn.host.watch import Watch, judge
from edgecnn.imaging.reading import to_png
from edgecnn.progress import OnProgress, Progress, ignore
from edgecnn.runtime import arithmetic
from edgecnn.runtime.classifier import Classifier
from edgecnn.runtime.input_spec import InputSpec
from edgecnn.runtime.metadata import read_metadata

NOISE_IMAGES, NOISE_SIZE = 64, 64  # where a model has no data, it is timed with noise
CALIBRATION_IMAGES, CALIBRATION_SEED = 512, 0  # as `edgecnn export --quantize` draws them
MOST_PICTURES = 60  # of images that contenders label differently
ImagesOf = Callable[[], tuple[InputSpec, Dataset | None, NDArray[np.uint8]]]

LAST_WORDS = 300  # characters of what a failed conversion says


def measure(
    models: Sequence[str | Path],
    plan: Plan = Plan(),  # noqa: B008 (frozen)
    *,
    data: str | Path | None = None,
    runtimes: Iterable[str] = (),
    progress: OnProgress = ignore,
) -> Bench:
    """Measure every contender of `models` by `plan`, with the test images of `data` or of what they were made with.

    A contender that fails has a `failure`, and the others are measured. Ctrl-C ends the run, which is then `partial`.
    Raises ModelError, DataError, BenchError, MissingDependencyError for what is found before anything is measured.
    """
    entries = start_list(models, threads=plan.threads, batch=plan.batch, runtimes=runtimes)
    return measure_entries(entries, plan, data=data, progress=progress)


def measure_entries(
    entries: Sequence[Entry], plan: Plan, *, data: str | Path | None = None, progress: OnProgress = ignore
) -> Bench:
    """The same for a start list. Raises DataError, BenchError."""
    read = cache(load)  # models of one data set share it
    if data is not None:
        read(data)  # rather now than as every contender's failure
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edgecnn-")))
        contender_runs = [
            contender_run
            for number, entry in enumerate(entries)
            for contender_run in _contender_runs(entry, partial(_images, entry, data, read), plan, scratch, number)
        ]
        for contender_run in contender_runs:
            stack.callback(contender_run.close)
        largest = max(
            (len(contender_run.dataset.test) for contender_run in contender_runs if contender_run.dataset),
            default=plan.batch,
        )
        if plan.batch > largest:
            raise BenchError(f"--batch {plan.batch:,} is more than the {largest:,} test images there are: lower it")
        run = _Run(contender_runs, progress)
        stopped = run.to_the_end()
    missing = tuple(dict.fromkeys(note for entry in entries for note in entry.missing))
    return _bench(run, plan, missing, stopped)


class _Run:
    """Loading, the interleaved rounds, and scoring."""

    def __init__(self, contender_runs: list[ContenderRun], progress: OnProgress) -> None:
        self.contender_runs, self.rounds, self._progress = contender_runs, contender_runs[0].rounds, progress
        self.started = datetime.now(UTC).isoformat(timespec="seconds")
        self.watch = Watch()
        self._done, self._steps = 0, (self.rounds + 2) * len(contender_runs)
        self.empty_python = empty_python()
        self.elapsed_s = self.coordinator_cpu_s = 0.0

    def to_the_end(self) -> bool:
        """Returns whether it was stopped before. Raises BenchError if that was before anything was measured."""
        started, cpu = time.perf_counter(), time.process_time()
        try:
            self._all()
        except KeyboardInterrupt:
            if not any(contender_run.measurement.rounds for contender_run in self.contender_runs):
                raise BenchError("stopped before anything was measured") from None
            return True
        finally:
            self.watch.read()
            self.elapsed_s, self.coordinator_cpu_s = time.perf_counter() - started, time.process_time() - cpu
        return False

    def _all(self) -> None:
        for contender_run in self.contender_runs:
            self._next(f"loading {contender_run.contender.name}")
            contender_run.start()
        for number in range(self.rounds):
            self.watch.read()
            # A B C, then C B A: so that a machine's drift hits all alike.
            for contender_run in self.contender_runs if number % 2 == 0 else reversed(self.contender_runs):
                self._next(f"round {number + 1} of {self.rounds}: {contender_run.contender.name}")
                contender_run.round(number)
        self.watch.read()
        for contender_run in self.contender_runs:
            self._next(f"scoring {contender_run.contender.name}")
            contender_run.finish()
            contender_run.close()

    def _next(self, doing: str) -> None:
        self._progress(Progress(doing, self._done, self._steps))
        self._done += 1


def _bench(run: _Run, plan: Plan, missing: tuple[str, ...], stopped: bool) -> Bench:
    host, measurements = this_host(), tuple(contender_run.measurement for contender_run in run.contender_runs)
    datasets = {
        contender_run.contender.model: contender_run.dataset
        for contender_run in run.contender_runs
        if contender_run.dataset
    }
    return Bench(
        started=run.started,
        plan=plan,
        host=host,
        clock=this_clock(),
        data={model: dataset.sha256 for model, dataset in datasets.items()},
        datasets={dataset.sha256: _data(dataset, run.contender_runs) for dataset in datasets.values()},
        measurements=measurements,
        readings=tuple(run.watch.readings),
        stability_issues=judge(host, run.watch.readings, drifts(measurements)),
        missing=missing,
        empty_python=run.empty_python,
        elapsed_s=run.elapsed_s,
        coordinator_cpu_s=run.coordinator_cpu_s,
        partial=stopped,
        notes=_notes(contender_run.contender for contender_run in run.contender_runs),
    )


def _notes(contenders: Iterable[Contender]) -> tuple[str, ...]:
    """Which files do not suit this processor: their latency would be another one elsewhere."""
    files = dict.fromkeys(item.file for item in contenders if item.runtime == "onnxruntime")
    return tuple(note for file in files for note in arithmetic.notes(file, read_metadata(file)))


def _data(dataset: Dataset, contender_runs: list[ContenderRun]) -> Data:
    """What the report needs of a test split: its truth, and the images that not all contenders label alike."""
    test = dataset.test
    given = [
        contender_run.measurement.answers
        for contender_run in contender_runs
        if contender_run.dataset and contender_run.dataset.sha256 == dataset.sha256
    ]
    answers = np.array([labels for labels in given if labels is not None])
    changed = np.flatnonzero((answers != answers[0]).any(axis=0))[:MOST_PICTURES] if len(answers) else ()
    pictures = tuple(Picture(int(at), base64.b64encode(to_png(test.images[at])).decode()) for at in changed)
    return Data(dataset.name, dataset.labels, tuple(test.labels.tolist()), pictures)


def _contender_runs(entry: Entry, images_of: ImagesOf, plan: Plan, scratch: Path, number: int) -> list[ContenderRun]:
    """The entry's contenders with their images; what does not suit them fails them."""
    images, folder = scratch / f"{number}.npy", scratch / str(number)
    try:
        spec, dataset, pixels = images_of()
    except EdgecnnError as error:
        contender_runs = [ContenderRun(contender, images, None, plan) for contender in entry.contenders]
        for contender_run in contender_runs:
            contender_run.fail(str(error))
        return contender_runs
    np.save(images, pixels)
    entry = replace(entry, contenders=tuple(replace(item, scale=spec.scale) for item in entry.contenders))
    converted, reason = _converted(entry, dataset, folder, plan)
    contender_runs = [ContenderRun(contender, images, dataset, plan) for contender in converted]
    for contender_run in contender_runs:
        if contender_run.contender.runtime == "litert" and not contender_run.contender.file.exists():
            contender_run.fail(reason)
    return contender_runs


def _converted(entry: Entry, dataset: Dataset | None, folder: Path, plan: Plan) -> tuple[list[Contender], str]:
    """LiteRT's contenders with the files made for them in `folder`, the others as they are; and why there are none."""
    contenders = [
        replace(item, file=folder / f"{item.variant}.tflite") if item.runtime == "litert" else item
        for item in entry.contenders
    ]
    original = next((item for item in entry.contenders if item.runtime == "litert"), None)
    if original is None:
        return contenders, ""
    folder.mkdir()
    task: dict[str, Any] = {"original": str(original.file.resolve()), "scale": original.scale, "folder": str(folder)}
    task["calibration"] = None
    if dataset:
        task["calibration"] = str(folder / "calibration.npy")
        np.save(task["calibration"], dataset.train.sample(CALIBRATION_IMAGES, CALIBRATION_SEED).images)
    return contenders, _convert(task, plan.timeout)


def _convert(task: dict[str, Any], timeout: float) -> str:
    """Returns why there is no file, should there be none."""
    command = [sys.executable, "-P", "-m", "edgecnn.bench.runtimes.litert_conversion", json.dumps(task)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        return "converting it for LiteRT took longer than the time limit: raise --timeout"
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return f"it cannot be converted for LiteRT: {last[:LAST_WORDS]}"
    return "full int8 needs images to calibrate with: give --data"


def _images(entry: Entry, data: str | Path | None, read: Read) -> tuple[InputSpec, Dataset | None, NDArray[np.uint8]]:
    """What the entry takes, and the test images that it is measured with; noise where there are none."""
    spec, classes, recorded = _interface(entry)
    dataset = find_dataset(origin_of(entry.card, recorded), data, spec, classes, read)
    if dataset:
        return spec, dataset, dataset.test.images
    shape = (NOISE_IMAGES, *(size or NOISE_SIZE for size in spec.shape))
    return spec, None, np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def _interface(entry: Entry) -> tuple[InputSpec, int, Origin | None]:
    if entry.card:
        spec = InputSpec(entry.card.input_shape, entry.card.input_dtype, entry.card.input_scale)
        return spec, len(entry.card.labels), None
    path = Path(entry.model)
    files = ModelFolder(path).onnx_files() if path.is_dir() else [path]  # entered or not
    files = [file for file in files if file.suffix == ".onnx"]
    if not files:
        raise BenchError(f"{entry.model} has neither a card nor an ONNX file: run 'edgecnn export' on it first")
    classifier = _first_that_opens(files)
    return classifier.input, len(classifier.labels), classifier.metadata.dataset


def _first_that_opens(files: Sequence[Path]) -> Classifier:
    """So that a broken file fails its own contenders only. Raises ModelError if none opens."""
    *others, last = files
    for file in others:
        with suppress(ModelError):
            return Classifier(file)
    return Classifier(last)
