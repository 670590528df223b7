"""Times callables side by side in one process, in short turns and changing order, so that noise affects all alike."""

import time
from collections.abc import Callable, Iterator, Sequence
from statistics import median

TURN_SECONDS = 0.02  # shorter than most disturbances of a machine, longer than a query
FEWEST_CALLS = 5  # in each turn, even if calls are slow
WARM_UP_CALLS = 2  # at the start of each turn, when the caches still hold the data of the previous call

Call = Callable[[], object]


def rounds(calls: Sequence[Call], count: int, seconds: float = TURN_SECONDS) -> Iterator[list[float]]:
    """For each of `count` rounds, the median time of each call in microseconds, in the order of `calls`.

    In every round each call gets one turn of `seconds`. Each round starts with a different call, and every second round
    runs backwards, so that no call always follows the same other call.
    """
    for number in range(count):
        order = [(number + step) % len(calls) for step in range(len(calls))]
        medians = dict.fromkeys(range(len(calls)), 0.0)
        for at in reversed(order) if number % 2 else order:
            medians[at] = turn(calls[at], seconds)
        yield list(medians.values())


def turn(call: Call, seconds: float = TURN_SECONDS) -> float:
    """The median time of one call in microseconds, over as many calls as fit into `seconds`."""
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
