"""Puts the runs of several devices together: a column for each, and what is best over all of them. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edgecnn.bench.figures import Row, Summary
from edgecnn.bench.recorded_figures import HERE


@dataclass(frozen=True)
class Device:
    """A device of a bench: its run with all figures, or why there is none.

    `name` is unique among the devices, and `address` is where its worker is.
    """

    name: str
    address: str
    summary: Summary | None = None
    failure: str | None = None

    @property
    def rows(self) -> tuple[Row, ...]:
        """What was measured there. A bundle also has figures from where it was made, which are of another machine."""
        return tuple(row for row in (self.summary.rows if self.summary else ()) if row.machine in (None, HERE))

    @property
    def is_complete(self) -> bool:
        """Whether everything was measured and scored there."""
        bench = self.summary.bench if self.summary else None
        return bench is not None and not (bench.failures or bench.partial or bench.unscored)


@dataclass(frozen=True)
class Choice:
    """A contender on a device: how long it takes, in microseconds, and how accurate it is, with its 95 % interval.

    `time_us` is the median latency of a query; offline and with random arrivals it is the time for an image.
    """

    device: str
    contender: str
    runtime: str
    time_us: float
    accuracy: float
    accuracy_low: float
    accuracy_high: float


def choices(devices: Sequence[Device]) -> tuple[Choice, ...]:
    """Everything that was both timed and scored."""
    return tuple(choice for device in devices for choice in _choices_of(device))


def front(devices: Sequence[Device]) -> tuple[Choice, ...]:
    """Those that no other beats in time or accuracy without losing in the other: Pareto's front, the fastest first."""
    found: list[Choice] = []
    for choice in sorted(choices(devices), key=lambda item: (item.time_us, -item.accuracy)):
        if not found or choice.accuracy > found[-1].accuracy:
            found.append(choice)
    return tuple(found)


def contenders(devices: Sequence[Device]) -> tuple[str, ...]:
    """The names of all contenders, in the order in which the devices measured them."""
    return tuple(dict.fromkeys(row.name for device in devices for row in device.rows))


def row_of(device: Device, contender: str) -> Row | None:
    return next((row for row in device.rows if row.name == contender), None)


def _choices_of(device: Device) -> Iterator[Choice]:
    for row in device.rows:
        time = _time(row)
        if time is None or row.accuracy is None or row.accuracy_low is None or row.accuracy_high is None:
            continue
        yield Choice(device.name, row.name, row.runtime, time, row.accuracy, row.accuracy_low, row.accuracy_high)


def _time(row: Row) -> float | None:
    if row.failure:
        return None
    if row.rates or row.batches or row.p50_us is None:
        return 1e6 / row.throughput_ips if row.throughput_ips else None
    return row.p50_us
