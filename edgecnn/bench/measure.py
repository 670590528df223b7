"""Runs all contenders in interleaved rounds, each in its own processes; only one process is active at a time."""

import base64
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgecnn.bench import litert_files
from edgecnn.bench.contender_run import ContenderRun
from edgecnn.bench.contenders import Contender, Entry, start_list
from edgecnn.bench.pace import drifts
from edgecnn.bench.results import Bench, Data, Picture, Plan
from edgecnn.bench.worker_process import empty_python
from edgecnn.data import Dataset, load
from edgecnn.data.provenance import Read, find_dataset, origin_of
from edgecnn.errors import BenchError, DataNotHere, EdgecnnError, ModelError
from edgecnn.folder import ModelFolder
from edgecnn.host.machine import this_clock, this_host
from edgecnn.host.watch import Watch, judge
from edgecnn.imaging.reading import to_png
from edgecnn.origin import Origin
from edgecnn.preprocessing import Preprocessing
from edgecnn.processes import stopping
from edgecnn.progress import OnProgress, Progress, ignore
from edgecnn.runtime import arithmetic
from edgecnn.runtime.classifier import Classifier
from edgecnn.runtime.input_spec import InputSpec
from edgecnn.runtime.metadata import read_metadata
from edgecnn.scratch import scratch

TELLING_SECONDS = 10.0  # in which a run that a signal ends is summarized and shown
NOISE_IMAGES, NOISE_SIZE = 64, 64  # a model without data is timed with noise
MOST_PICTURES = 60  # at most this many images that contenders label differently are kept


@dataclass(frozen=True, eq=False)
class _Images:
    """What a model takes, its data set, and the uint8 images to measure with.

    Without a data set they are noise; `note` says why, if the model names data that is not here.
    """

    spec: InputSpec
    dataset: Dataset | None
    pixels: NDArray[np.uint8]
    note: str | None = None


def measure(
    models: Sequence[str | Path],
    plan: Plan = Plan(),  # noqa: B008 (frozen)
    *,
    data: str | Path | None = None,
    runtimes: Iterable[str] = (),
    progress: OnProgress = ignore,
) -> Bench:
    """Measure every contender of `models` by `plan`.

    `models` are folders, files or names of shipped models. The test images are those of `data` (a data set's path) or,
    without it, of the data that the model was trained with. `runtimes` are those to use; by default all installed ones.
    If a contender fails, its `failure` says why, and the others are still measured. Ctrl-C ends the run early and sets
    its `partial`.
    Before anything is measured, raises ModelError, DataError, BenchError, UsageError or MissingDependencyError.
    """
    entries = start_list(models, threads=plan.threads, batch=plan.batch, runtimes=runtimes)
    return measure_entries(entries, plan, data=data, progress=progress)


def measure_entries(
    entries: Sequence[Entry], plan: Plan, *, data: str | Path | None = None, progress: OnProgress = ignore
) -> Bench:
    """Measure the contenders of `entries`, as `measure` does. Raises DataError, BenchError."""
    read = cache(load)  # models of one data set share it
    if data is not None:
        read(data)  # fail now instead of once for every contender
    with ExitStack() as stack:
        unfinished = stack.enter_context(scratch())
        contender_runs = [
            contender_run
            for number, entry in enumerate(entries)
            for contender_run in _contender_runs(entry, partial(_images, entry, data, read), plan, unfinished, number)
        ]
        for contender_run in contender_runs:
            stack.callback(contender_run.close)
        largest = max(
            (len(contender_run.dataset.test) for contender_run in contender_runs if contender_run.dataset),
            default=plan.batch,
        )
        if plan.batch > largest:
            raise BenchError(f"--batch {plan.batch:,} is more than the {largest:,} test images: give a smaller batch")
        run = _Run(contender_runs, progress)
        stopped = run.to_the_end()
    if stopped:
        stopping.allow(TELLING_SECONDS)
    missing = tuple(dict.fromkeys(note for entry in entries for note in entry.missing))
    return _bench(run, plan, missing, stopped)


class _Run:
    """One run: loading, the interleaved rounds, and scoring."""

    def __init__(self, contender_runs: list[ContenderRun], progress: OnProgress) -> None:
        self.contender_runs, self.rounds, self._progress = contender_runs, contender_runs[0].rounds, progress
        self.started = datetime.now(UTC).isoformat(timespec="seconds")
        self.watch = Watch()
        self._done, self._steps = 0, (self.rounds + 2) * len(contender_runs)
        self.empty_python = empty_python()
        self.elapsed_s = self.coordinator_cpu_s = 0.0

    def to_the_end(self) -> bool:
        """Run everything. Returns whether it was stopped early. Raises BenchError if nothing was measured by then."""
        started, cpu = time.perf_counter(), time.process_time()
        try:
            self._all()
        except KeyboardInterrupt:
            if not any(contender_run.measurement.rounds for contender_run in self.contender_runs):
                raise BenchError("the run was stopped before anything was measured: start it again") from None
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
            # A B C, then C B A, so that a drift of the machine affects all contenders equally.
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
        notes=(
            *dict.fromkeys(contender_run.note for contender_run in run.contender_runs if contender_run.note),
            *_notes(contender_run.contender for contender_run in run.contender_runs),
        ),
    )


def _notes(contenders: Iterable[Contender]) -> tuple[str, ...]:
    """Notes on files that do not suit this processor, so that elsewhere their latency differs, or the card."""
    files = dict.fromkeys(item.file for item in contenders if item.runtime in ("onnxruntime", "tensorflow"))
    unsuited = [
        note for file in files if file.suffix == ".onnx" for note in arithmetic.notes(file, read_metadata(file))
    ]
    return (*unsuited, *(note for file in files if (note := ModelFolder(file.parent).card_note(file))))


def _data(dataset: Dataset, contender_runs: list[ContenderRun]) -> Data:
    """What a report needs of a test split: the true labels, and images that not all contenders label the same."""
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


def _contender_runs(
    entry: Entry, images_of: Callable[[], _Images], plan: Plan, unfinished: Path, number: int
) -> list[ContenderRun]:
    """The entry's contenders with their images; if these are missing or do not fit, the contenders have failed."""
    images, folder = unfinished / f"{number}.npy", unfinished / str(number)
    try:
        found = images_of()
    except EdgecnnError as error:
        contender_runs = [ContenderRun(contender, images, None, plan) for contender in entry.contenders]
        for contender_run in contender_runs:
            contender_run.fail(str(error))
        return contender_runs
    np.save(images, found.pixels)
    entry = replace(
        entry, contenders=tuple(replace(item, preprocessing=found.spec.preprocessing) for item in entry.contenders)
    )
    converted, reason = litert_files.converted(entry, found.dataset, folder, plan.timeout)
    contender_runs = [ContenderRun(contender, images, found.dataset, plan) for contender in converted]
    for contender_run in contender_runs:
        contender_run.note = found.note
        if contender_run.contender.runtime == "litert" and not contender_run.contender.file.exists():
            contender_run.fail(reason)
    return contender_runs


def _images(entry: Entry, data: str | Path | None, read: Read) -> _Images:
    spec, labels, recorded = _interface(entry)
    note = None
    try:
        dataset = find_dataset(origin_of(entry.card, recorded), data, spec, len(labels), read, labels)
    except DataNotHere as error:
        dataset, note = None, f"{entry.model} was timed with noise and not scored: {error}"
    if dataset:
        return _Images(spec, dataset, dataset.test.images)
    shape = (NOISE_IMAGES, *(size or NOISE_SIZE for size in spec.shape))
    return _Images(spec, None, np.random.default_rng(0).integers(0, 256, shape, np.uint8), note)


def _interface(entry: Entry) -> tuple[InputSpec, tuple[str, ...], Origin | None]:
    if entry.card:
        spec = InputSpec(entry.card.input_shape, entry.card.input_dtype, entry.card.preprocessing or Preprocessing())
        return spec, entry.card.labels, None
    path = Path(entry.model)
    files = ModelFolder(path).onnx_files() if path.is_dir() else [path]  # all of them, even if they are not measured
    files = [file for file in files if file.suffix == ".onnx"]
    if not files:
        raise BenchError(f"{entry.model} has neither a card nor an ONNX file: run 'edgecnn export {entry.model}' first")
    classifier = _first_that_opens(files)
    return classifier.input, classifier.labels, classifier.metadata.dataset


def _first_that_opens(files: Sequence[Path]) -> Classifier:
    """Skip broken files, which then fail only their own contenders. Raises ModelError if no file opens."""
    *others, last = files
    for file in others:
        with suppress(ModelError):
            return Classifier(file)
    return Classifier(last)
