"""Finds the session settings that run a model fastest on this host, by trial."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from edgecnn.bench.stats import Estimate, ratio, speed_verdict
from edgecnn.host import machine
from edgecnn.progress import OnProgress, Progress, ignore
from edgecnn.quantizing.timing import TURN_SECONDS, Call, rounds, turn
from edgecnn.runtime.classifier import Classifier, kept_graph
from edgecnn.runtime.settings import Settings

ROUNDS = 25
FINALISTS = 8  # sessions timed side by side, the defaults included: all there are on two cores


@dataclass(frozen=True)
class SettingsResult:
    """The median time of each round, in microseconds, and that of the first trial beside it over this one's."""

    settings: Settings
    medians_us: tuple[float, ...]
    speedup: Estimate


@dataclass(frozen=True)
class Tuning:
    """The settings to use, and why.

    `latency` are trials of one query, the defaults first; `confirmation` again of the defaults and the fastest, where
    that is another; `opening` of opening the model, first as it is and then, where its optimized graph can be kept,
    from that.
    """

    settings: Settings
    latency: tuple[SettingsResult, ...]
    confirmation: tuple[SettingsResult, ...]
    opening: tuple[SettingsResult, ...]


def tune(path: Path, image: NDArray[Any], progress: OnProgress = ignore, count: int = ROUNDS) -> Tuning:
    """Time the settings of `candidates` side by side on `image`, a prepared batch of one, in `count` rounds.

    The defaults stay unless the whole interval of another's speed-up lies above 1, and does so again when the two are
    opened anew and timed alone. `progress` is told how many rounds are over. Raises ModelError.
    """

    def stage(number: int) -> Callable[[int], None]:
        return lambda done: progress(Progress("tuning the session", number * count + done, 3 * count))

    latency = _latency(path, image, _finalists(path, image), count, stage(0))
    fastest = chosen(latency)
    # The luckiest of several has an interval above 1 more often than one in forty times, and one session may lie
    # better in memory than the next with the same settings.
    rivals = [Settings(), fastest] if fastest != Settings() else []
    confirmation = _latency(path, image, rivals, count, stage(1))
    opening = _opening(path, chosen(confirmation or latency), count, stage(2))
    return Tuning(chosen(opening), latency, confirmation, opening)


def candidates(cores: int) -> list[Settings]:
    """All settings that can change what a query takes on so many cores, the defaults first.

    One thread has none to wait for: it does not spin.
    """
    return [
        Settings(threads, spinning, arena)
        for threads in range(1, cores + 1)
        for spinning in ((False, True) if threads > 1 else (False,))
        for arena in (True, False)
    ]


def usable_cores() -> int:
    """How many threads can run at once; a container's limit in whole cores, for it stops threads that exceed it."""
    limit = machine.cpu_limit()
    cores = len(machine.usable_cpus())
    return max(1, min(cores, int(limit))) if limit else cores


def chosen(trials: Sequence[SettingsResult]) -> Settings:
    """The fastest of those shown to be faster than the first, or else the first."""
    faster = [trial for trial in trials if speed_verdict(trial.speedup) == "faster"]
    return max(faster, key=lambda trial: trial.speedup.value, default=trials[0]).settings


def _latency(
    path: Path, image: NDArray[Any], field: Sequence[Settings], count: int, progress: Callable[[int], None]
) -> tuple[SettingsResult, ...]:
    """All are open at once: threads that spin do so during their own session's runs only, and disturb no other's."""
    return _trials(field, [_query(path, image, settings) for settings in field], count, progress)


def _query(path: Path, image: NDArray[Any], settings: Settings) -> Call:
    classifier = Classifier(path, settings=settings)
    return lambda: classifier.run(image)


def _finalists(path: Path, image: NDArray[Any]) -> list[Settings]:
    """Where many cores make for many settings, those that were quickest in one turn each, and the defaults."""
    default, *others = candidates(usable_cores())
    if len(others) >= FINALISTS:
        others = sorted(others, key=lambda settings: turn(_query(path, image, settings)))[: FINALISTS - 1]
    return [default, *others]


def _opening(path: Path, settings: Settings, count: int, progress: Callable[[int], None]) -> tuple[SettingsResult, ...]:
    kept = kept_graph(path)
    field = [settings, replace(settings, cached=True)] if kept else [settings]
    with _as_before(kept):  # for the file's content, which the graph is kept by, changes with its metadata
        return _trials(field, [_opener(path, each) for each in field], count, progress)


@contextmanager
def _as_before(kept: Path | None) -> Iterator[None]:
    """Remove afterwards what was not there."""
    new = kept is not None and not kept.exists()
    try:
        yield
    finally:
        if kept and new:
            with suppress(OSError):
                kept.unlink(missing_ok=True)


def _opener(path: Path, settings: Settings) -> Call:
    return lambda: Classifier(path, settings=settings)


def _trials(
    field: Sequence[Settings], calls: Sequence[Call], count: int, progress: Callable[[int], None]
) -> tuple[SettingsResult, ...]:
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
