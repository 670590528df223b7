"""The results of one bench run: raw samples and their conditions, as plain data that converts to and from JSON."""

from dataclasses import dataclass
from math import isfinite
from statistics import median

from edgecnn.bench import SCENARIOS, Scenario
from edgecnn.bench.contenders import Contender
from edgecnn.errors import BenchError
from edgecnn.host.machine import Clock, Host
from edgecnn.host.watch import Reading, StabilityIssue
from edgecnn.metrics import Accuracy

OFFLINE_BATCHES = (1, 8, 32, 128, 512)
CAP = 1.5  # a contender too slow for its number of queries is stopped after this many times the duration


@dataclass(frozen=True)
class Plan:
    """How to measure. Raises BenchError for a value out of range or for settings that contradict each other.

    Each contender runs `rounds` rounds with `threads` threads and `batch` images per query. All rounds together last at
    least `duration` seconds and `queries` queries, but no longer than CAP times the duration. Each process first warms
    up for at least `warm_up` seconds (or a sixth of the duration, if that is less) and `warm_up_queries` queries.
    `timeout` is the number of seconds that a contender may be silent beyond that. In the server scenario, `rates` are
    the rates to try, in queries per second; if empty, the bench searches for the highest rate whose p99 latency is at
    most `latency_bound_us`, in microseconds.
    """

    scenario: Scenario = "single-stream"
    threads: int = 1
    batch: int = 1
    duration: float = 3.0
    queries: int = 1000
    rounds: int = 10
    warm_up: float = 0.5
    warm_up_queries: int = 10
    timeout: float = 120.0
    rates: tuple[float, ...] = ()
    latency_bound_us: float = 10_000.0

    @property
    def warm_up_seconds(self) -> float:
        """Seconds of each process's warm-up: shorter when a short duration asks for a quick look."""
        return min(self.warm_up, self.duration / 6)

    def __post_init__(self) -> None:
        if self.scenario not in SCENARIOS:
            raise BenchError(f"there is no scenario {self.scenario!r}: choose one of {', '.join(SCENARIOS)}")
        for name in ("threads", "batch", "queries", "rounds", "warm_up_queries"):
            if getattr(self, name) < 1:
                raise BenchError(f"{name} is {getattr(self, name)}: give 1 or more")
        for name in ("duration", "warm_up", "timeout", "latency_bound_us"):
            if not (isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise BenchError(f"{name} is {getattr(self, name)}: give a number above 0")
        if any(not (isfinite(rate) and rate > 0) for rate in self.rates):
            raise BenchError(f"rates are {self.rates}: give numbers above 0, in queries per second")
        if self.rates and self.scenario != "server":
            raise BenchError(f"only the scenario server takes rates, not {self.scenario}: leave them out")
        if self.batch > 1 and self.scenario == "offline":
            raise BenchError(f"the scenario offline has its own batch sizes, {OFFLINE_BATCHES}: leave out the batch")


@dataclass(frozen=True)
class Load:
    """How long one process takes to give its first answer, in nanoseconds.

    `import_ns` is the import of the runtime's modules, `init_ns` the time from file to ready session, `first_ns` the
    first inference, and `cold_ns` the wall time of everything, from the start of the process.
    """

    import_ns: int
    init_ns: int
    first_ns: int
    cold_ns: int


@dataclass(frozen=True)
class Memory:
    """Resident bytes of one process: its peak, and its size after its queries."""

    peak: int
    steady: int


@dataclass(frozen=True)
class Round:
    """One contender's queries in round `number`, each of `batch` images.

    `rate` is in arrivals per second, or None if one query follows another. `ns` holds latencies in nanoseconds, from
    arrival to answer; if there are too many to keep, evenly picked ones. `queries` and `elapsed_ns` count all queries.
    """

    number: int
    batch: int
    rate: float | None
    queries: int
    elapsed_ns: int
    ns: tuple[int, ...]


@dataclass(frozen=True)
class Measurement:
    """Everything that was measured of one contender.

    `loads` and `memories` have one item per process. `floor_ns` holds latencies of an empty model in the same runtime,
    in nanoseconds. `answers` holds one class index per test image. `failure` says why the contender was stopped, and
    `unscored` why it was timed but did not answer all test images.
    """

    contender: Contender
    file_bytes: int
    loads: tuple[Load, ...] = ()
    memories: tuple[Memory, ...] = ()
    rounds: tuple[Round, ...] = ()
    floor_ns: tuple[int, ...] = ()
    answers: tuple[int, ...] | None = None
    accuracy: Accuracy | None = None
    failure: str | None = None
    unscored: str | None = None


@dataclass(frozen=True)
class Picture:
    """A test image: its index in the test split, and its PNG file in base64."""

    index: int
    png: str


@dataclass(frozen=True)
class Data:
    """A test split that models were measured with.

    `source` is the data set's name. `labels` are the names of the classes, `truth` is each image's true class index,
    and `pictures` are the first images that not all contenders label the same.
    """

    source: str
    labels: tuple[str, ...]
    truth: tuple[int, ...]
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class Recorded:
    """What was measured of an original TensorFlow model where its bundle was made: on `host`, at the time `started`.

    `model` is the path of the model that it belongs to in this run. `original_sha256` is the hash of the original, and
    `images_sha256` that of the images that were answered. These times are never compared with those of another machine.
    """

    model: str
    original_sha256: str
    images_sha256: str
    started: str
    plan: Plan
    host: Host
    measurements: tuple[Measurement, ...]
    stability_issues: tuple[StabilityIssue, ...] = ()

    @property
    def fastest(self) -> Measurement:
        """The fastest way of calling TensorFlow, by the median of its queries."""
        return min(self.measurements, key=lambda item: median(ns for part in item.rounds for ns in part.ns))


@dataclass(frozen=True)
class Bench:
    """Everything measured in one run, and its conditions.

    `started` is the time in UTC (ISO 8601). `data` maps a model's path to the SHA-256 of its test data, and `datasets`
    maps that to the data; a model that is missing there was timed with noise. `missing` says what could not be
    measured, `stability_issues` why the figures may be wrong, and `notes` which files do not suit this processor.
    `empty_python` is the resident bytes of a Python process that has imported nothing. `partial` says that the run was
    stopped early. `recorded` is what was measured of the originals on the machines that bundled the models.
    """

    started: str
    plan: Plan
    host: Host
    clock: Clock
    data: dict[str, str]
    datasets: dict[str, Data]
    measurements: tuple[Measurement, ...]
    readings: tuple[Reading, ...]
    stability_issues: tuple[StabilityIssue, ...]
    missing: tuple[str, ...]
    empty_python: int
    elapsed_s: float
    coordinator_cpu_s: float
    partial: bool
    notes: tuple[str, ...] = ()
    recorded: tuple[Recorded, ...] = ()

    @property
    def is_stable(self) -> bool:
        """Whether no reason was found to doubt the figures."""
        return not self.stability_issues

    @property
    def failures(self) -> tuple[Measurement, ...]:
        """The measurements of the contenders that failed."""
        return tuple(item for item in self.measurements if item.failure)

    @property
    def unscored(self) -> tuple[str, ...]:
        """Which contenders were timed but not scored, and why."""
        stopped = (item for item in self.measurements if item.unscored)
        return tuple(f"{item.contender.name} was not scored: {item.unscored}" for item in stopped)
