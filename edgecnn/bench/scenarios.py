"""Defines what a contender does in a round: one query after another, large batches, or random arrivals."""

from collections.abc import Iterator
from math import ceil
from typing import Any, Protocol

from edgecnn.bench.results import CAP, OFFLINE_BATCHES, Plan, Round
from edgecnn.bench.stats import percentile

REWARM_SECONDS, REWARM_QUERIES = 0.02, 2  # before each round, because other contenders have filled the caches since
SEARCHING, CONFIRMING = 8, 8  # rounds that search for the highest rate, and rounds that confirm it
STEP_DOWN = 0.95  # a rate that fails its confirmation is multiplied by this
TRIAL_QUERIES = 125  # at least, in each round of the search: 8 confirming rounds then have 1,000, enough for a p99


class Ask(Protocol):
    """Sends a worker one command that should take about `expected` seconds, and returns its answer."""

    def __call__(self, command: str, expected: float, **arguments: Any) -> dict[str, Any]: ...


class Rounds(Protocol):
    """One contender's rounds in a scenario: `count` is their number, and `take` runs round `number` (from 0)."""

    count: int

    def take(self, ask: Ask, number: int) -> Iterator[Round]: ...


class SingleStream:
    """One query after another, as MLPerf's SingleStream; the p90 latency is the main figure."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.count = plan, plan.rounds

    def take(self, ask: Ask, number: int) -> Iterator[Round]:
        seconds, queries = self.plan.duration / self.count, ceil(self.plan.queries / self.count)
        yield _streamed(ask, number, self.plan.batch, seconds, queries)


class Offline:
    """Throughput at each batch size of OFFLINE_BATCHES that does not exceed `largest`, the number of images."""

    def __init__(self, plan: Plan, largest: int) -> None:
        self.plan, self.count = plan, plan.rounds
        self.batches = [batch for batch in OFFLINE_BATCHES if batch <= largest]

    def take(self, ask: Ask, number: int) -> Iterator[Round]:
        for batch in self.batches:
            yield _streamed(ask, number, batch, self.plan.duration / self.count / len(self.batches), 1)


class Server:
    """Queries that arrive at random, as a Poisson process.

    They arrive at the plan's rates. If the plan has none, the rounds search for the highest rate within its latency
    bound.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.count = plan.rounds if plan.rates else SEARCHING + CONFIRMING
        self._search: Search | None = None

    def take(self, ask: Ask, number: int) -> Iterator[Round]:
        service = _rewarm(ask, self.plan.batch)
        if self.plan.rates:
            least = ceil(self.plan.queries / self.count)
            for rate in self.plan.rates:
                yield self._arrivals(ask, number, rate, least)
            return
        bound_ns = 1000 * self.plan.latency_bound_us
        search = self._search = self._search or Search(1e9 / service, bound_ns)
        if service < bound_ns:  # otherwise no rate can meet the bound
            found = self._arrivals(ask, number, search.rate, TRIAL_QUERIES)
            search.tell(percentile(sorted(found.ns), 0.99))
            yield found

    def _arrivals(self, ask: Ask, number: int, rate: float, least: int) -> Round:
        seconds = self.plan.duration / self.plan.rounds
        # At low rates the number of queries is limited by time: CAP times the whole duration.
        count = max(ceil(rate * seconds), min(least, ceil(rate * CAP * self.plan.duration)))
        patience = 2 * count / rate + 1
        batch = self.plan.batch
        answer = ask("arrivals", patience, batch=batch, rate=rate, count=count, patience=patience, seed=number)
        return _round(number, batch, rate, answer)


class Search:
    """Finds the highest rate of arrivals whose p99 latency stays within a bound.

    It bisects the rates between 0 and `capacity` (queries/s) in SEARCHING rounds, and tries the rate that it found
    again in the rounds that follow. `bound_ns` is in nanoseconds.
    """

    def __init__(self, capacity: float, bound_ns: float) -> None:
        self._low, self._high, self._bound, self._told = 0.0, capacity, bound_ns, 0

    @property
    def rate(self) -> float:
        """The rate to try next, in queries per second."""
        return (self._low + self._high) / 2 if self._told < SEARCHING else self._low

    def tell(self, p99_ns: float) -> None:
        """Record the p99 latency that was measured at `rate`, in nanoseconds."""
        holds, rate = p99_ns <= self._bound, self.rate
        self._told += 1
        if self._told > SEARCHING:
            self._low = rate if holds else STEP_DOWN * rate
        elif holds:
            self._low = rate
        else:
            self._high = rate
        if self._told == SEARCHING and not self._low:
            self._low = self._high  # no rate met the bound: try the lowest one again


def rounds_of(plan: Plan, images: int) -> Rounds:
    """The rounds of the plan's scenario; `images` is the number of test images."""
    match plan.scenario:
        case "single-stream":
            return SingleStream(plan)
        case "offline":
            return Offline(plan, images)
        case "server":
            return Server(plan)


def _streamed(ask: Ask, number: int, batch: int, seconds: float, queries: int) -> Round:
    _rewarm(ask, batch)
    answer = ask("stream", seconds, batch=batch, seconds=seconds, queries=queries, cap=CAP * seconds)
    return _round(number, batch, None, answer)


def _rewarm(ask: Ask, batch: int) -> int:
    """Warm up and return the median query's latency in nanoseconds."""
    service: int = ask("warm_up", REWARM_SECONDS, batch=batch, seconds=REWARM_SECONDS, queries=REWARM_QUERIES)["ns"]
    return service


def _round(number: int, batch: int, rate: float | None, answer: dict[str, Any]) -> Round:
    return Round(number, batch, rate, answer["queries"], answer["elapsed_ns"], tuple(answer["ns"]))
