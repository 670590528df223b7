"""What each scenario asks of a contender, and that the search for the highest rate finds it."""

from collections.abc import Callable
from itertools import pairwise
from math import ceil
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgecnn.bench.results import CAP, OFFLINE_BATCHES, Plan, Round
from edgecnn.bench.scenarios import (
    CONFIRMING,
    SEARCHING,
    STEP_DOWN,
    TRIAL_QUERIES,
    Offline,
    Rounds,
    Search,
    Server,
    SingleStream,
    rounds_of,
)

SERVICE_NS = 1_000_000
CAPACITY = 1e9 / SERVICE_NS
PLAN = Plan(duration=2.0, rounds=4, queries=102, batch=3)
Asked = tuple[str, float, dict[str, Any]]


class Fake:
    """Answers as a worker would; `p99_ns` of the rate is the latency of whatever arrives."""

    def __init__(self, p99_ns: Callable[[float], float] = lambda _: 1.0, service_ns: int = SERVICE_NS) -> None:
        self.p99_ns, self.service_ns = p99_ns, service_ns
        self.asked: list[Asked] = []

    def __call__(self, command: str, expected: float, **arguments: Any) -> dict[str, Any]:
        self.asked.append((command, expected, arguments))
        match command:
            case "warm_up":
                return {"ns": self.service_ns}
            case "stream":
                return {"queries": 5, "elapsed_ns": 50, "ns": [10] * 5}
            case "arrivals":
                return {"queries": 2, "elapsed_ns": 9, "ns": [int(self.p99_ns(arguments["rate"]))] * 2}
        raise AssertionError(command)

    def of(self, command: str) -> list[Asked]:
        return [asked for asked in self.asked if asked[0] == command]


def taken(rounds: Rounds, ask: Fake) -> list[Round]:
    return [part for number in range(rounds.count) for part in rounds.take(ask, number)]


def p99_of(rate: float, gaps: NDArray[np.float64]) -> float:
    """Of queries that take SERVICE_NS each; `gaps` between arrivals have a mean of 1. By Lindley's recursion."""
    arrivals = np.cumsum(gaps) * 1e9 / rate
    before = SERVICE_NS * np.arange(len(gaps))
    answered = np.maximum.accumulate(arrivals - before) + before + SERVICE_NS
    return float(np.sort(answered - arrivals)[ceil(0.99 * len(gaps)) - 1])


def highest(p99_ns: Callable[[float], float], bound_ns: float) -> float:
    """The highest rate that holds, by many more steps than a search has."""
    low, high = 0.0, CAPACITY
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if p99_ns(middle) <= bound_ns else (low, middle)
    return low


@pytest.fixture(scope="module")
def queue() -> Callable[[float], float]:
    """The p99 of a rate, in a long simulated queue of random arrivals and constant service: M/D/1."""
    gaps = np.random.default_rng(0).exponential(1, 20_000)
    return lambda rate: p99_of(rate, gaps)


def test_a_plan_names_its_scenario() -> None:
    assert isinstance(rounds_of(Plan(), 10), SingleStream)
    assert isinstance(rounds_of(Plan(scenario="offline"), 10), Offline)
    assert isinstance(rounds_of(Plan(scenario="server"), 10), Server)


def test_a_single_stream_shares_duration_and_queries_over_its_rounds() -> None:
    ask = Fake()
    found = taken(SingleStream(PLAN), ask)
    stream = {"batch": 3, "seconds": 0.5, "queries": 26, "cap": CAP * 0.5}
    assert ask.of("stream") == [("stream", 0.5, stream)] * 4
    assert found == [Round(number, 3, None, 5, 50, (10,) * 5) for number in range(4)]


def test_every_round_begins_with_a_warm_up_of_its_own_batch() -> None:
    ask = Fake()
    taken(Offline(PLAN, 10), ask)
    assert [command for command, _, _ in ask.asked] == ["warm_up", "stream"] * 8
    batches = [arguments["batch"] for _, _, arguments in ask.asked]
    assert batches[::2] == batches[1::2] == [1, 8] * 4


@pytest.mark.parametrize(
    ("images", "batches"), [(7, [1]), (8, [1, 8]), (511, [1, 8, 32, 128]), (512, [1, 8, 32, 128, 512])]
)
def test_offline_leaves_out_batches_larger_than_the_data(images: int, batches: list[int]) -> None:
    ask = Fake()
    found = [part for part in taken(Offline(PLAN, images), ask) if part.number == 3]
    assert [part.batch for part in found] == batches
    assert set(batches) <= set(OFFLINE_BATCHES)


def test_offline_shares_the_duration_over_rounds_and_batches_and_counts_no_queries() -> None:
    ask = Fake()
    taken(Offline(PLAN, 100), ask)
    streams = [arguments for _, _, arguments in ask.of("stream")]
    assert len(streams) == 4 * 3
    assert sum(arguments["seconds"] for arguments in streams) == pytest.approx(PLAN.duration)
    assert {arguments["queries"] for arguments in streams} == {1}
    assert all(arguments["cap"] == pytest.approx(CAP * arguments["seconds"]) for arguments in streams)


def test_given_rates_are_each_tried_in_every_round() -> None:
    ask = Fake()
    found = taken(Server(Plan(scenario="server", duration=2.0, rounds=4, queries=100, rates=(10.0, 1000.0))), ask)
    assert [(part.number, part.rate) for part in found] == [(at, rate) for at in range(4) for rate in (10.0, 1000.0)]
    first, second = ask.of("arrivals")[-2:]
    assert (first[2]["count"], second[2]["count"]) == (25, 500)  # a quarter of the queries; half a second's worth
    assert [asked[2]["seed"] for asked in (first, second)] == [3, 3]  # of each round its own, the same for all
    assert first[1] == first[2]["patience"] > 25 / 10


def test_at_a_low_rate_no_more_queries_are_asked_than_come_in_time() -> None:
    ask = Fake()
    taken(Server(Plan(scenario="server", duration=2.0, rounds=4, queries=1000, rates=(5.0,))), ask)
    assert {asked[2]["count"] for asked in ask.of("arrivals")} == {ceil(5 * CAP * 2.0)}


def test_a_server_searches_and_then_confirms_the_rate_that_it_found(queue: Callable[[float], float]) -> None:
    ask = Fake(queue)
    found = taken(Server(Plan(scenario="server", latency_bound_us=5_000)), ask)
    rates = [part.rate for part in found]
    assert len(rates) == SEARCHING + CONFIRMING
    assert rates[0] == CAPACITY / 2
    assert len(set(rates[:SEARCHING])) == SEARCHING
    assert len(set(rates[SEARCHING:])) == 1  # it holds each time
    assert rates[-1] == pytest.approx(highest(queue, 5e6), rel=0.05)
    assert [part.number for part in found] == list(range(SEARCHING + CONFIRMING))
    assert CONFIRMING * min(asked[2]["count"] for asked in ask.of("arrivals")) >= 1000 == CONFIRMING * TRIAL_QUERIES


def test_a_server_that_is_slower_than_the_bound_is_not_tried_at_any_rate() -> None:
    ask = Fake(service_ns=SERVICE_NS)
    assert taken(Server(Plan(scenario="server", latency_bound_us=999)), ask) == []
    assert ask.of("arrivals") == []


def test_a_search_ends_where_no_rate_holds() -> None:
    ask = Fake(lambda _: 1e12)
    rates = [part.rate or 0.0 for part in taken(Server(Plan(scenario="server")), ask)]
    assert len(rates) == SEARCHING + CONFIRMING
    assert rates[SEARCHING] == rates[SEARCHING - 1]  # the lowest, once more
    assert all(later < earlier for earlier, later in pairwise(rates[SEARCHING:]))
    assert rates[-1] > 0


def test_the_simulated_queue_is_what_queueing_theory_says(queue: Callable[[float], float]) -> None:
    assert queue(1.0) == SERVICE_NS  # nobody waits
    rates = [100.0, 300.0, 500.0, 700.0, 900.0]
    latencies = [queue(rate) for rate in rates]
    assert latencies == sorted(latencies)
    assert latencies[-1] > 10 * SERVICE_NS


@pytest.mark.parametrize("bound_ns", [2.5e6, 4e6, 1e7, 3e7])
def test_the_search_finds_the_highest_rate_within_five_per_cent(
    bound_ns: float, queue: Callable[[float], float]
) -> None:
    search = Search(CAPACITY, bound_ns)
    for _ in range(SEARCHING + CONFIRMING):
        search.tell(queue(search.rate))
    assert queue(search.rate) <= bound_ns
    assert search.rate == pytest.approx(highest(queue, bound_ns), rel=0.05)


def test_the_search_withstands_short_and_so_noisy_trials(queue: Callable[[float], float]) -> None:
    """125 arrivals a trial, as a contender has: what it ends with holds in the long run, or nearly."""
    ends = []
    for seed in range(20):
        random, search = np.random.default_rng(seed), Search(CAPACITY, 1e7)
        for _ in range(SEARCHING + CONFIRMING):
            search.tell(p99_of(search.rate, random.exponential(1, TRIAL_QUERIES)))
        ends.append(search.rate / highest(queue, 1e7))
    assert 0.8 < np.median(ends) < 1.1


def test_a_rate_that_does_not_hold_again_is_lowered_and_one_that_does_is_kept() -> None:
    search = Search(CAPACITY, 1.0)
    for _ in range(SEARCHING):
        search.tell(1.0)
    found = search.rate
    assert found == pytest.approx(CAPACITY * (1 - 2**-SEARCHING))
    search.tell(1.0)
    assert search.rate == found
    search.tell(1.1)
    assert search.rate == STEP_DOWN * found
    search.tell(1.0)
    assert search.rate == STEP_DOWN * found
