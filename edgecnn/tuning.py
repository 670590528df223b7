"""Times a model's float32 and int8 files side by side on this machine, and keeps which one is the fastest."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import exp, log
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from edgecnn.bench.stats import ratio
from edgecnn.errors import ModelError
from edgecnn.folder import find, find_onnx
from edgecnn.host.machine import this_host
from edgecnn.progress import OnProgress, Progress, ignore
from edgecnn.quantizing.timing import Call, rounds
from edgecnn.runtime.classifier import Classifier
from edgecnn.runtime.input_spec import InputSpec
from edgecnn.runtime.variants import Choice, variants
from edgecnn.runtime.variants import choose as chosen_now
from edgecnn.runtime.verdicts import Measured, Verdict, keep

# A session's place in memory changes its times by 1 to 3 %, so each file is opened anew this many times.
OPENINGS = 20
ROUNDS = 10  # of each opening: with three files and turns of 20 ms, all of them take 12 seconds
FREE_SIZE = 64  # pixels: height and width of the image for a model that takes any size


@dataclass(frozen=True)
class Tuned:
    """The file that runs here from now on, and what was measured; `verdict` is None where only one file could run.

    `kept` is where the verdict is stored.
    """

    choice: Choice
    verdict: Verdict | None = None
    kept: Path | None = None


def tune(model: str | Path, *, openings: int = OPENINGS, progress: OnProgress = ignore) -> Tuned:
    """Time the float32 and the int8 file of a model folder on one image after another, and keep the verdict.

    The fastest file is chosen. Each of the `openings` is a round, so that the intervals include what the place in
    memory changes. `progress` receives the number of finished ones. Raises UsageError, ModelError for a file that
    cannot be opened, and OutputError if the verdict cannot be stored.
    """
    found = find(model)
    files = variants(found) if found.is_dir() else []
    if found.is_file():
        raise ModelError(f"{find_onnx(model)} is one file, which always runs as it is: give its model folder")
    if len(files) < 2:
        return Tuned(chosen_now(model))
    verdict = _judged(files, _measured(files, openings, progress))
    kept = keep(files, verdict)
    return Tuned(chosen_now(model), verdict, kept)


def _measured(files: Sequence[Path], openings: int, progress: OnProgress) -> list[tuple[float, ...]]:
    """For each opening, the time of each file in microseconds: the geometric mean of its rounds' medians."""
    table = []
    for number in range(openings):
        progress(Progress("timing the files side by side", number, openings))
        # In turn, each file is opened first: what is opened later finds another memory.
        order = files if number % 2 == 0 else files[::-1]
        times = dict(zip(order, time_once(order), strict=True))
        table.append(tuple(times[path] for path in files))
    progress(Progress("timing the files side by side", openings, openings))
    return table


def time_once(files: Sequence[Path], count: int = ROUNDS) -> tuple[float, ...]:
    """Open each file, in this order, and time them side by side: the microseconds that each takes for an image."""
    return _means(list(rounds([_query(path) for path in files], count)))


def _means(medians: Sequence[Sequence[float]]) -> tuple[float, ...]:
    return tuple(exp(_log_mean(column)) for column in zip(*medians, strict=True))


def _log_mean(times: Sequence[float]) -> float:
    return fmean(map(log, times))


def _query(path: Path) -> Call:
    """One image's run, with the settings that the file has for this host."""
    classifier = Classifier(path)
    image = np.repeat(_image(classifier.input), classifier.batch or 1, axis=0)
    return lambda: classifier.run(image)


def _image(spec: InputSpec) -> NDArray[Any]:
    """A prepared batch of one image of noise: a network's time does not depend on what an image shows."""
    shape = (1, *(size or FREE_SIZE for size in spec.shape))
    return spec.prepare(np.random.default_rng(0).integers(0, 256, shape, np.uint8))


def _judged(files: Sequence[Path], table: Sequence[tuple[float, ...]]) -> Verdict:
    columns = dict(zip(files, zip(*table, strict=True), strict=True))
    fastest = min(files, key=lambda path: _log_mean(columns[path]))
    return Verdict(
        chosen=fastest.name,
        files={path.name: _compared(columns[path], columns[fastest]) for path in files},
        host=str(this_host()),
        onnxruntime=ort.__version__,
        measured=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _compared(rounds_us: tuple[float, ...], fastest_us: tuple[float, ...]) -> Measured:
    speedup = ratio(rounds_us, fastest_us)
    low, high = speedup.low or speedup.value, speedup.high or speedup.value
    return Measured(rounds_us, speedup.value, low, high)
