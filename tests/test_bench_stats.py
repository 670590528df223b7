"""Percentiles, throughput and spread against numbers computed by hand and against their definitions."""

from bisect import bisect_right

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecnn.bench.stats import percentile, summarise

NANOSECONDS = st.integers(min_value=1, max_value=10**12)
ROUNDS = st.lists(st.lists(NANOSECONDS, min_size=1, max_size=30), min_size=1, max_size=10)


@pytest.mark.parametrize(
    ("count", "p50", "p90", "p99"),
    [
        (1, 1, 1, 1),
        (2, 1, 2, 2),
        (3, 2, 3, 3),
        (10, 5, 9, 10),
        (11, 6, 10, 11),
        (100, 50, 90, 99),
        (1000, 500, 900, 990),
    ],
)
def test_percentiles_of_one_two_three_and_so_on_are_the_nearest_ranks(
    count: int, p50: float, p90: float, p99: float
) -> None:
    values = range(1, count + 1)
    assert [percentile(values, share) for share in (0.50, 0.90, 0.99)] == [p50, p90, p99]


@given(st.lists(NANOSECONDS, min_size=1), st.sampled_from([50, 90, 99]))
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(values: list[int], percent: int) -> None:
    values.sort()
    found = percentile(values, percent / 100)
    needed = percent * len(values)  # in hundredths of a value, so that no rounding is involved
    assert 100 * bisect_right(values, found) >= needed
    assert 100 * bisect_right(values, found - 1) < needed


@given(ROUNDS)
def test_percentiles_are_ordered_and_members_of_the_samples(rounds: list[list[int]]) -> None:
    latency = summarise(rounds, 1)
    assert latency.p50_us <= latency.p90_us <= latency.p99_us
    measured = {sample / 1000 for samples in rounds for sample in samples}
    assert {latency.p50_us, latency.p90_us, latency.p99_us} <= measured
    assert latency.samples == sum(map(len, rounds))


@given(ROUNDS)
def test_the_spread_is_at_least_one_and_does_not_depend_on_the_rounds_order(rounds: list[list[int]]) -> None:
    assert summarise(rounds, 1).spread == summarise(rounds[::-1], 1).spread >= 1


def test_times_are_given_in_microseconds() -> None:
    latency = summarise([[1000, 2000], [3000, 40_000]], 1)
    assert (latency.p50_us, latency.p90_us, latency.p99_us, latency.samples) == (2.0, 40.0, 40.0, 4)


@pytest.mark.parametrize("batch", [1, 8])
def test_throughput_is_all_images_over_all_seconds(batch: int) -> None:
    quarter, three_quarters = 250_000_000, 750_000_000
    assert summarise([[quarter], [three_quarters]], batch).throughput == pytest.approx(2 * batch)


@pytest.mark.parametrize(
    ("rounds", "spread", "stable"),
    [
        ([[100, 100, 900], [100, 100, 5]], 1.0, True),  # medians: an outlier does not make a round slow
        ([[100], [130], [110]], 1.3, True),
        ([[100], [131]], 1.31, False),
        ([[100, 200], [300]], 2.0, False),  # the median of two is their mean
    ],
)
def test_the_spread_is_the_slowest_rounds_median_over_the_fastests(
    rounds: list[list[int]], spread: float, stable: bool
) -> None:
    latency = summarise(rounds, 1)
    assert latency.spread == pytest.approx(spread)
    assert latency.is_stable is stable
