"""Runs all contenders in interleaved rounds, each in its own processes; only one process is active at a time."""

import base64
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache, partial, reduce
from pathlib import Path

import numpy as np

from edgecnn.bench import converted_files
from edgecnn.bench.contender_run import ContenderRun
from edgecnn.bench.contenders import Contender, Entry, start_list
from edgecnn.bench.images import Images, images_of
from edgecnn.bench.pace import drifts
from edgecnn.bench.recorded import read_recorded
from edgecnn.bench.results import Bench, Data, Measurement, Picture, Plan, Recorded
from edgecnn.bench.worker_process import empty_python
from edgecnn.bundles.unpacking import unpacked
from edgecnn.data import Dataset, load
from edgecnn.data.provenance import Read
from edgecnn.errors import BenchError, EdgecnnError, ModelError
from edgecnn.folder import ModelFolder
from edgecnn.host.machine import this_clock, this_host
from edgecnn.host.watch import Watch, judge
from edgecnn.imaging.reading import to_png
from edgecnn.processes import stopping
from edgecnn.progress import OnProgress, Progress, ignore
from edgecnn.runtime import arithmetic
from edgecnn.runtime.metadata import read_metadata
from edgecnn.scratch import scratch

TELLING_SECONDS = 10.0  # in which a run that a signal ends is summarized and shown
MOST_PICTURES = 60  # at most this many images that contenders label differently are kept


def measure(
    models: Sequence[str | Path],
    plan: Plan = Plan(),  # noqa: B008 (frozen)
    *,
    data: str | Path | None = None,
    runtimes: Iterable[str] = (),
    progress: OnProgress = ignore,
) -> Bench:
    """Measure every contender of `models` by `plan`.

    `models` are folders, files, bundles or names of shipped models. `data` is the path of a data set whose test images
    are used. Without it, a bundle's own images are used, or those of the data set that the model was trained with.
    `runtimes` are those to use; by default all installed ones.
    If a contender fails, its `failure` says why, and the others are still measured. Ctrl-C ends the run early and sets
    its `partial`.
    Before anything is measured, raises ModelError, DataError, BenchError, UsageError or MissingDependencyError.
    """
    with unpacked(models) as bundles:
        entries = start_list(models, threads=plan.threads, batch=plan.batch, runtimes=runtimes, bundles=bundles)
        return measure_entries(entries, plan, data=data, progress=progress)


def measure_entries(
    entries: Sequence[Entry],
    plan: Plan,
    *,
    data: str | Path | None = None,
    read: Read = load,
    progress: OnProgress = ignore,
) -> Bench:
    """Measure the contenders of `entries`, as `measure` does. `read` loads a data set. Raises DataError, BenchError."""
    read = cache(read)  # models of one data set share it
    if data is not None:
        read(data)  # fail now instead of once for every contender
    with ExitStack() as stack:
        unfinished = stack.enter_context(scratch())
        contender_runs = [
            contender_run
            for number, entry in enumerate(entries)
            for contender_run in _contender_runs(entry, partial(images_of, entry, data, read), plan, unfinished, number)
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
    return _bench(run, plan, missing, entries, stopped)


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


def _bench(run: _Run, plan: Plan, missing: tuple[str, ...], entries: Sequence[Entry], stopped: bool) -> Bench:
    host, measurements = this_host(), _as_called([item.measurement for item in run.contender_runs], entries)
    recorded, unread = _recorded(entries)
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
        datasets={dataset.sha256: _data(dataset, run.contender_runs, recorded) for dataset in datasets.values()},
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
            *unread,
            *_notes([contender_run.contender for contender_run in run.contender_runs], entries),
        ),
        recorded=recorded,
    )


def _recorded(entries: Sequence[Entry]) -> tuple[tuple[Recorded, ...], tuple[str, ...]]:
    """What came with the models of their originals, where those are not measured here; and why some cannot be read."""
    found, reasons = [], []
    for entry in entries:
        if entry.card is None or any(item.is_original for item in entry.contenders) or not entry.place.is_dir():
            continue
        try:
            recorded = read_recorded(ModelFolder(entry.place), entry.model, entry.card)
        except ModelError as error:
            reasons.append(entry.told(str(error)))
        else:
            found += [recorded] if recorded else []
    return tuple(found), tuple(reasons)


def _as_called(measurements: Sequence[Measurement], entries: Sequence[Entry]) -> tuple[Measurement, ...]:
    """The measurements, with a bundle's files called as the user called the bundle, not as they were unpacked."""
    told = {item.name: entry.told for entry in entries for item in entry.contenders}
    return tuple(
        replace(
            item,
            contender=replace(item.contender, file=Path(told[item.contender.name](str(item.contender.file)))),
            failure=item.failure and told[item.contender.name](item.failure),
            unscored=item.unscored and told[item.contender.name](item.unscored),
        )
        for item in measurements
    )


def _notes(contenders: Sequence[Contender], entries: Sequence[Entry]) -> tuple[str, ...]:
    """Notes on files that do not suit this processor, so that elsewhere their latency differs, or the card."""
    files = dict.fromkeys(item.file for item in contenders if item.runtime in ("onnxruntime", "tensorflow"))
    unsuited = [
        note for file in files if file.suffix == ".onnx" for note in arithmetic.notes(file, read_metadata(file))
    ]
    notes = (*unsuited, *(note for file in files if (note := ModelFolder(file.parent).card_note(file))))
    return tuple(reduce(lambda note, entry: entry.told(note), entries, note) for note in notes)


def _data(dataset: Dataset, contender_runs: list[ContenderRun], recorded: Sequence[Recorded]) -> Data:
    """What a report needs of a test split: the true labels, and images that not all contenders label the same."""
    test = dataset.test
    given = [
        contender_run.measurement.answers
        for contender_run in contender_runs
        if contender_run.dataset and contender_run.dataset.sha256 == dataset.sha256
    ]
    given += [found.fastest.answers for found in recorded if found.images_sha256 == dataset.sha256]
    answers = np.array([labels for labels in given if labels is not None and len(labels) == len(test)])
    changed = np.flatnonzero((answers != answers[0]).any(axis=0))[:MOST_PICTURES] if len(answers) else ()
    pictures = tuple(Picture(int(at), base64.b64encode(to_png(test.images[at])).decode()) for at in changed)
    return Data(dataset.name, dataset.labels, tuple(test.labels.tolist()), pictures)


def _contender_runs(
    entry: Entry, images_here: Callable[[], Images], plan: Plan, unfinished: Path, number: int
) -> list[ContenderRun]:
    """The entry's contenders with their images; if these are missing or do not fit, the contenders have failed."""
    images, folder = unfinished / f"{number}.npy", unfinished / str(number)
    try:
        found = images_here()
    except EdgecnnError as error:
        contender_runs = [ContenderRun(contender, images, None, plan) for contender in entry.contenders]
        for contender_run in contender_runs:
            contender_run.fail(entry.told(str(error)))
        return contender_runs
    np.save(images, found.pixels)
    entry = replace(
        entry, contenders=tuple(replace(item, preprocessing=found.spec.preprocessing) for item in entry.contenders)
    )
    converted, reasons = converted_files.converted(entry, found.dataset, folder, plan.timeout)
    contender_runs = [ContenderRun(contender, images, found.dataset, plan) for contender in converted]
    for contender_run in contender_runs:
        contender_run.note = found.note
        if contender_run.contender.runtime in reasons and not contender_run.contender.file.exists():
            contender_run.fail(reasons[contender_run.contender.runtime])
    return contender_runs
