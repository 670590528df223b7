"""What a contender is asked for in a round: one query after another, large batches, or random arrivals."""

from collections.abc import Iterator
from math import ceil
from typing import Any, Protocol

from edgecnn.bench.results import CAP, OFFLINE_BATCHES, Plan, Round
from edgecnn.bench.stats import percentile

REWARM_SECONDS, REWARM_QUERIES = 0.02, 2  # before each round: the others have used the caches meanwhile
SEARCHING, CONFIRMING = 8, 8  # rounds of the search for the highest rate
STEP_DOWN = 0.95  # of a rate that did not hold when tried again
TRIAL_QUERIES = 125  # at least, of the search: so that the rounds that confirm a rate together have 1,000, for a p99


class Ask(Protocol):
    """Have a worker do a command that should take about `expected` seconds."""

    def __call__(self, command: str, expected: float, **arguments: Any) -> dict[str, Any]: ...


class Rounds(Protocol):
    """One contender's rounds in a scenario: how many there are, and what one of them asks of it."""

    count: int

    def take(self, ask: Ask, number: int) -> Iterator[Round]: ...


class SingleStream:
    """One query after another; p90 is the headline."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.count = plan, plan.rounds

    def take(self, ask: Ask, number: int) -> Iterator[Round]:
        seconds, queries = self.plan.duration / self.count, ceil(self.plan.queries / self.count)
        yield _streamed(ask, number, self.plan.batch, seconds, queries)


class Offline:
    """Throughput over a range of batch sizes; `largest` is the number of images there are."""

    def __init__(self, plan: Plan, largest: int) -> None:
        self.plan, self.count = plan, plan.rounds
        self.batches = [batch for batch in OFFLINE_BATCHES if batch <= largest]

    def take(self, ask: Ask, number: int) -> Iterator[Round]:
        for batch in self.batches:
            yield _streamed(ask, number, batch, self.plan.duration / self.count / len(self.batches), 1)


class Server:
    """Queries that arrive at random: at given rates, or at those by which the highest is searched that holds."""

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
        if service < bound_ns:  # else there is no rate at which queries are answered in time
            found = self._arrivals(ask, number, search.rate, TRIAL_QUERIES)
            search.tell(percentile(sorted(found.ns), 0.99))
            yield found

    def _arrivals(self, ask: Ask, number: int, rate: float, least: int) -> Round:
        seconds = self.plan.duration / self.plan.rounds
        # At low rates, as many as come in CAP times the whole duration.
        count = max(ceil(rate * seconds), min(least, ceil(rate * CAP * self.plan.duration)))
        patience = 2 * count / rate + 1
        batch = self.plan.batch
        answer = ask("arrivals", patience, batch=batch, rate=rate, count=count, patience=patience, seed=number)
        return _round(number, batch, rate, answer)


class Search:
    """Finds the highest rate whose p99 stays within a bound: halves the interval that holds it, then confirms."""

    def __init__(self, capacity: float, bound_ns: float) -> None:
        self._low, self._high, self._bound, self._told = 0.0, capacity, bound_ns, 0

    @property
    def rate(self) -> float:
        """The rate to try next, in queries a second."""
        return (self._low + self._high) / 2 if self._told < SEARCHING else self._low

    def tell(self, p99_ns: float) -> None:
        """What came of trying `rate`."""
        holds, rate = p99_ns <= self._bound, self.rate
        self._told += 1
        if self._told > SEARCHING:
            self._low = rate if holds else STEP_DOWN * rate
        elif holds:
            self._low = rate
        else:
            self._high = rate
        if self._told == SEARCHING and not self._low:
            self._low = self._high  # nothing held: try the lowest once more


def rounds_of(plan: Plan, images: int) -> Rounds:
    """The rounds of the plan's scenario, for a data set of so many images."""
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
    """Returns the nanoseconds of the median query."""
    service: int = ask("warm_up", REWARM_SECONDS, batch=batch, seconds=REWARM_SECONDS, queries=REWARM_QUERIES)["ns"]
    return service


def _round(number: int, batch: int, rate: float | None, answer: dict[str, Any]) -> Round:
    return Round(number, batch, rate, answer["queries"], answer["elapsed_ns"], tuple(answer["ns"]))
