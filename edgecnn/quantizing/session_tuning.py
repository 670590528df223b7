"""Times session settings on this host, and finds the fastest for a model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from edgecnn.bench.stats import Estimate, ratio, speed_verdict
from edgecnn.host import machine
from edgecnn.progress import OnProgress, Progress, ignore
from edgecnn.quantizing.timing import TURN_SECONDS, Call, rounds, turn
from edgecnn.runtime.classifier import Classifier
from edgecnn.runtime.settings import Settings

ROUNDS = 25
FINALISTS = 8  # sessions timed side by side, including the defaults: all settings that two cores allow


@dataclass(frozen=True)
class SettingsResult:
    """The median latency of each round in microseconds, and the speed-up against the settings that were timed first."""

    settings: Settings
    medians_us: tuple[float, ...]
    speedup: Estimate


@dataclass(frozen=True)
class Tuning:
    """The settings to use, and the measurements that led to them.

    `latency` holds the results for one query, with the default settings first. `confirmation` repeats them for the
    defaults and the fastest settings, if those differ.
    """

    settings: Settings
    latency: tuple[SettingsResult, ...]
    confirmation: tuple[SettingsResult, ...]


def tune(path: Path, image: NDArray[Any], progress: OnProgress = ignore, count: int = ROUNDS) -> Tuning:
    """Time the settings of `candidates` side by side on `image`, a prepared batch of one, in `count` rounds.

    Other settings replace the defaults only if the whole interval of their speed-up lies above 1, and does so again
    when the two are opened anew and timed alone. `progress` receives the number of finished rounds. Raises ModelError
    if the model cannot be opened.
    """

    def rounds_of(part: int) -> Callable[[int], None]:
        return lambda done: progress(Progress("tuning the session", part * count + done, 2 * count))

    latency = _latency(path, image, _finalists(path, image), count, rounds_of(0))
    fastest = chosen(latency)
    # With several settings, chance alone puts one interval above 1 more often than 1 in 40 times. A session can also be
    # fast because of its place in memory, and not because of its settings.
    rivals = [Settings(), fastest] if fastest != Settings() else []
    confirmation = _latency(path, image, rivals, count, rounds_of(1))
    return Tuning(chosen(confirmation or latency), latency, confirmation)


def candidates(cores: int) -> list[Settings]:
    """All settings that can change the latency of a query on `cores` cores, with the defaults first.

    A single thread never waits for another, so spinning is tried with several threads only.
    """
    return [
        Settings(threads, spinning, arena)
        for threads in range(1, cores + 1)
        for spinning in ((False, True) if threads > 1 else (False,))
        for arena in (True, False)
    ]


def usable_cores() -> int:
    """How many threads can run at once. A container's CPU limit is rounded down, because it pauses threads above it."""
    limit = machine.cpu_limit()
    cores = len(machine.usable_cpus())
    return max(1, min(cores, int(limit))) if limit else cores


def chosen(results: Sequence[SettingsResult]) -> Settings:
    """The fastest settings of those that are shown to be faster than the first; the first if there are none."""
    faster = [result for result in results if speed_verdict(result.speedup) == "faster"]
    return max(faster, key=lambda result: result.speedup.value, default=results[0]).settings


def _latency(
    path: Path, image: NDArray[Any], field: Sequence[Settings], count: int, progress: Callable[[int], None]
) -> tuple[SettingsResult, ...]:
    """Time one query with each of the settings.

    All sessions are open at once. That is fair, because threads spin only while their own session runs.
    """
    return _results(field, [_query(path, image, settings) for settings in field], count, progress)


def _query(path: Path, image: NDArray[Any], settings: Settings) -> Call:
    classifier = Classifier(path, settings=settings)
    return lambda: classifier.run(image)


def _finalists(path: Path, image: NDArray[Any]) -> list[Settings]:
    """The settings to time: all of them or, if many cores allow too many, the defaults and the fastest in one turn."""
    default, *others = candidates(usable_cores())
    if len(others) >= FINALISTS:
        others = sorted(others, key=lambda settings: turn(_query(path, image, settings)))[: FINALISTS - 1]
    return [default, *others]


def _results(
    field: Sequence[Settings], calls: Sequence[Call], count: int, progress: Callable[[int], None]
) -> tuple[SettingsResult, ...]:
    """Time `calls` side by side, one for each of the settings in `field`."""
    if not field:
        return ()
    table = []
    for medians in rounds(calls, count, TURN_SECONDS):
        table.append(medians)
        progress(len(table))
    columns = list(zip(*table, strict=True))
    return tuple(
        SettingsResult(settings, column, ratio(columns[0], column))
        for settings, column in zip(field, columns, strict=True)
    )
