"""Turns and rounds: everyone gets as many, in an order that changes."""

import time

from edgecnn.quantizing.timing import FEWEST_CALLS, WARM_UP_CALLS, rounds, turn


def test_every_call_gets_a_turn_each_round_and_no_fixed_neighbor() -> None:
    seen: list[str] = []
    calls = [lambda name=name: seen.append(name) for name in "abc"]
    table = list(rounds(calls, 4, seconds=0))
    order = [seen[at] for at in range(0, len(seen), FEWEST_CALLS + WARM_UP_CALLS)]
    assert ["".join(order[at : at + 3]) for at in range(0, 12, 3)] == ["abc", "acb", "cab", "cba"]
    assert [len(medians) for medians in table] == [3] * 4


def test_times_are_microseconds_in_the_order_of_the_calls() -> None:
    slow, fast = (lambda: time.sleep(0.002)), (lambda: None)
    for medians in rounds([slow, fast], 3, seconds=0.01):
        assert medians[0] > 2000 > medians[1]
    assert turn(slow, 0) > 2000
