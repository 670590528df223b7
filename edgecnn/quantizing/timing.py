"""Times a few callables side by side in one process: short turns, in an order that changes, so that noise is shared."""

import time
from collections.abc import Callable, Iterator, Sequence
from statistics import median

TURN_SECONDS = 0.02  # short beside what disturbs a machine, long beside a query
FEWEST_CALLS = 5  # a turn, however slow a call is
WARM_UP_CALLS = 2  # at the start of each turn, which finds the caches full of another's data

Call = Callable[[], object]


def rounds(calls: Sequence[Call], count: int, seconds: float = TURN_SECONDS) -> Iterator[list[float]]:
    """For each of `count` rounds the median time of each call, in microseconds, in the order of `calls`.

    Every round gives each call one turn of `seconds`; each round starts with another one, and every second goes
    backwards, so that none always follows the same neighbor.
    """
    for number in range(count):
        order = [(number + step) % len(calls) for step in range(len(calls))]
        medians = dict.fromkeys(range(len(calls)), 0.0)
        for at in reversed(order) if number % 2 else order:
            medians[at] = turn(calls[at], seconds)
        yield list(medians.values())


def turn(call: Call, seconds: float = TURN_SECONDS) -> float:
    """The median time of one call in microseconds, of as many as `seconds` allow."""
    for _ in range(WARM_UP_CALLS):
        call()
    clock = time.perf_counter_ns
    until = clock() + int(seconds * 1e9)
    times: list[int] = []
    before = clock()
    while before < until or len(times) < FEWEST_CALLS:
        call()
        now = clock()
        times.append(now - before)
        before = now
    return median(times) / 1000
