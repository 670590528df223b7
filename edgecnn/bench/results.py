"""What one run of the bench found: raw samples and their conditions, as plain data that goes to JSON and back."""

from dataclasses import dataclass
from math import isfinite

from edgecnn.bench import SCENARIOS, Scenario
from edgecnn.bench.contenders import Contender
from edgecnn.errors import BenchError
from edgecnn.host.machine import Clock, Host
from edgecnn.host.watch import Reading, StabilityIssue
from edgecnn.metrics import Accuracy

OFFLINE_BATCHES = (1, 8, 32, 128, 512)
CAP = 1.5  # times the duration: for contenders too slow to reach the number of queries in it


@dataclass(frozen=True)
class Plan:
    """How to measure. Raises BenchError for values that cannot be.

    A contender is timed for at least `duration` seconds and `queries` queries, but no longer than CAP times the
    duration, in `rounds` rounds, each process after a warm-up of at least `warm_up` seconds (a sixth of the duration,
    if that is less) and `warm_up_queries` queries. `timeout` is the seconds it may take beyond that. For the server
    scenario, `rates` are queries a second to try; with none, the highest rate is searched at which p99 is at most
    `latency_bound_us`.
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
        """Of each process: in proportion, where a short duration asks for a quick look."""
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
            raise BenchError(f"rates are {self.rates}: give numbers above 0, in queries a second")
        if self.rates and self.scenario != "server":
            raise BenchError(f"rates are for the scenario server, not for {self.scenario}")
        if self.batch > 1 and self.scenario == "offline":
            raise BenchError(f"offline has batch sizes of its own, {OFFLINE_BATCHES}: leave out the batch")


@dataclass(frozen=True)
class Load:
    """One process until its first answer, in nanoseconds.

    `import_ns` is the runtime's modules, `init_ns` file to ready session, `first_ns` the first inference, and `cold_ns`
    the wall time of it all, from the process's start.
    """

    import_ns: int
    init_ns: int
    first_ns: int
    cold_ns: int


@dataclass(frozen=True)
class Memory:
    """Resident bytes of one process: at most, and when it had answered its queries."""

    peak: int
    steady: int


@dataclass(frozen=True)
class Round:
    """One contender's queries in round `number`, of `batch` images each; `rate` is the arrivals' a second, if any.

    `ns` are latencies, from arrival to answer; of more than can be kept, evenly picked ones. `queries` and `elapsed_ns`
    count all.
    """

    number: int
    batch: int
    rate: float | None
    queries: int
    elapsed_ns: int
    ns: tuple[int, ...]


@dataclass(frozen=True)
class Measurement:
    """All that was measured of one contender. `answers` are one class index an image of the test split.

    `loads` and `memories` have an item for each process, `floor_ns` samples of an empty model in the same runtime;
    `failure` says why there is no more.
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


@dataclass(frozen=True)
class Picture:
    """A test image by its index; `png` is in base64."""

    index: int
    png: str


@dataclass(frozen=True)
class Data:
    """A test split that models were measured with. `labels` are the classes' names, `truth` each image's class index.

    `pictures` are the first images that not all contenders label alike.
    """

    source: str
    labels: tuple[str, ...]
    truth: tuple[int, ...]
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class Bench:
    """Everything measured in one run, and its conditions.

    `data` says by model the SHA-256 of what it was measured with, and `datasets` by that what it is; a model without is
    timed with noise. `missing` says what could not be entered, `stability_issues` why the figures may not hold, and
    `notes` which files do not suit this processor. `empty_python` is the resident bytes of a Python that has imported
    nothing. `partial` tells that the run was stopped.
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

    @property
    def is_stable(self) -> bool:
        return not self.stability_issues

    @property
    def failures(self) -> tuple[Measurement, ...]:
        return tuple(item for item in self.measurements if item.failure)
