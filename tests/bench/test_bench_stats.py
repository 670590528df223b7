"""Percentiles, intervals and tests against definitions, published values, SciPy, and noise of known distribution."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from math import exp, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import Generator
from scipy import special
from scipy import stats as scipy_stats

from edgecnn.bench import stats
from edgecnn.bench.stats import Estimate
from edgecnn.metrics import Accuracy

NANOSECONDS = st.integers(min_value=1, max_value=10**12)
FIGURE = st.floats(min_value=1e-3, max_value=1e6)
PAIRS = st.lists(st.tuples(FIGURE, FIGURE), min_size=stats.FEWEST_ROUNDS, max_size=12)
SHARE = st.integers(1, 5000).flatmap(lambda n: st.builds(Accuracy, st.just("test"), st.integers(0, n), st.just(n)))
ROUNDS, TRIALS = 10, 400


def ends(estimate: Estimate) -> tuple[float, float]:
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low, estimate.high


def lognormal(rng: Generator, noise: float, rounds: int = ROUNDS) -> list[float]:
    figures: list[float] = rng.lognormal(0, noise, rounds).tolist()
    return figures


# Percentiles


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
    assert [stats.percentile(values, share) for share in (0.50, 0.90, 0.99)] == [p50, p90, p99]


@pytest.mark.parametrize("count", [1, 2, 7, 10, 25, 99, 100, 101, 180, 1000])
@pytest.mark.parametrize("parts", [100, 1000])
def test_no_rank_is_off_by_one_where_binary_fractions_are(count: int, parts: int) -> None:
    values = range(1, count + 1)
    for part in range(1, parts + 1):
        assert stats.percentile(values, part / parts) == -(-part * count // parts), part


@given(st.lists(NANOSECONDS, min_size=1), st.sampled_from([50, 90, 99]))
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(values: list[int], percent: int) -> None:
    values.sort()
    found = stats.percentile(values, percent / 100)
    needed = percent * len(values)  # in hundredths of a value, so that no rounding is involved
    assert 100 * bisect_right(values, found) >= needed
    assert 100 * bisect_right(values, found - 1) < needed


@given(st.lists(NANOSECONDS, min_size=1), st.integers(1, 64))
def test_a_percentile_is_what_numpy_calls_the_inverted_cdf(values: list[int], part: int) -> None:
    values.sort()
    share = part / 64  # exact in binary: elsewhere NumPy's rank can be one too high
    assert stats.percentile(values, share) == np.quantile(values, share, method="inverted_cdf")


@pytest.mark.parametrize(("share", "needed"), [(0.5, 1), (0.9, 100), (0.99, 1_000), (0.999, 10_000)])
def test_a_percentile_is_quoted_from_ten_samples_beyond_it_and_a_median_always(share: float, needed: int) -> None:
    assert stats.quoted(range(needed - 1), share) is None
    for count in (needed, needed + 1, 2 * needed):
        assert stats.quoted(range(count), share) == stats.percentile(range(count), share)


@given(st.integers(1, 3000), st.integers(51, 99))
def test_a_percentile_is_quoted_exactly_if_so_many_samples_lie_beyond_it(count: int, percent: int) -> None:
    values = range(count)
    found = stats.percentile(values, percent / 100)
    beyond = sum(value > found for value in values)
    assert (stats.quoted(values, percent / 100) is not None) is (beyond >= stats.BEYOND)


# Ratios


def test_a_ratio_is_that_of_the_geometric_means() -> None:
    assert stats.ratio([1, 2, 4], [1, 1, 1]).value == pytest.approx(2)
    assert stats.ratio([8, 8], [1, 4]).value == pytest.approx(4)
    assert stats.ratio([8, 2], [1, 1, 1], paired=False).value == pytest.approx(4)


def test_fewer_than_five_rounds_give_no_interval() -> None:
    assert stats.ratio([2], [1]) == Estimate(2.0, None, None)
    assert stats.ratio([2] * 4, [1] * 4) == Estimate(2.0, None, None)
    assert stats.ratio([2] * 4, [1] * 9, paired=False) == Estimate(2.0, None, None)
    assert stats.ratio([2] * 9, [1] * 4, paired=False) == Estimate(2.0, None, None)


def test_the_interval_of_five_rounds_lies_within_their_range() -> None:
    low, high = ends(stats.ratio([1, 2, 4, 2, 2], [1, 1, 1, 1, 1]))
    assert 1 <= low < 2 < high <= 4


def test_paired_rounds_must_be_equally_many() -> None:
    with pytest.raises(ValueError, match="equal in number, not 3 and 4"):
        stats.ratio([1, 2, 3], [1, 2, 3, 4])


@pytest.mark.parametrize("paired", [True, False])
def test_all_equal_figures_give_an_interval_without_width(paired: bool) -> None:
    assert ends(stats.ratio([0.3] * 7, [0.1] * 7, paired=paired)) == pytest.approx((3, 3))
    assert stats.ratio([1.1] * 7, [1.1] * 7, paired=paired) == Estimate(1.0, 1.0, 1.0)


@given(FIGURE, st.integers(5, 20), st.integers(5, 20))
def test_equal_figures_show_no_difference_however_many_there_are_of_each(figure: float, now: int, then: int) -> None:
    assert stats.ratio([figure] * now, [figure] * then, paired=False) == Estimate(1.0, 1.0, 1.0)


@given(PAIRS, st.booleans())
def test_swapping_the_two_inverts_the_ratio_and_its_interval(pairs: list[tuple[float, float]], paired: bool) -> None:
    a, b = zip(*pairs, strict=True)
    there, back = stats.ratio(a, b, paired=paired), stats.ratio(b, a, paired=paired)
    assert there.value == pytest.approx(1 / back.value)
    low, high = ends(back)
    assert ends(there) == pytest.approx((1 / high, 1 / low))


def test_swapping_inverts_the_interval_also_where_rounds_differ_in_number() -> None:
    rng = np.random.default_rng(1)
    a, b = lognormal(rng, 0.1, 7), lognormal(rng, 0.2, 12)
    low, high = ends(stats.ratio(b, a, paired=False))
    assert ends(stats.ratio(a, b, paired=False)) == pytest.approx((1 / high, 1 / low))


@given(PAIRS, st.booleans(), st.floats(0.01, 100))
def test_another_unit_changes_a_ratio_and_its_interval_alike(
    pairs: list[tuple[float, float]], paired: bool, factor: float
) -> None:
    a, b = zip(*pairs, strict=True)
    plain, scaled = stats.ratio(a, b, paired=paired), stats.ratio([factor * x for x in a], b, paired=paired)
    assert scaled.value == pytest.approx(factor * plain.value)
    assert ends(scaled) == pytest.approx([factor * end for end in ends(plain)])


@given(PAIRS, st.booleans())
def test_an_interval_holds_its_figure_and_lies_within_the_ratios_there_are(
    pairs: list[tuple[float, float]], paired: bool
) -> None:
    a, b = zip(*pairs, strict=True)
    found = stats.ratio(a, b, paired=paired)
    low, high = ends(found)
    assert low <= found.value * (1 + 1e-9)
    assert high >= found.value * (1 - 1e-9)
    least, most = ratios_range(a, b, paired)
    assert least * (1 - 1e-9) <= low <= high <= most * (1 + 1e-9)


def ratios_range(a: Sequence[float], b: Sequence[float], paired: bool) -> tuple[float, float]:
    if not paired:
        return min(a) / max(b), max(a) / min(b)
    ratios = [x / y for x, y in zip(a, b, strict=True)]
    return min(ratios), max(ratios)


def test_an_interval_is_the_same_each_time() -> None:
    rng = np.random.default_rng(2)
    a, b = lognormal(rng, 0.1), lognormal(rng, 0.1)
    assert stats.ratio(a, b) == stats.ratio(a, b)
    assert stats.ratio(a, b, paired=False) == stats.ratio(a, b, paired=False)


@pytest.mark.parametrize("degrees", [*range(1, 51), 100, 1000])
def test_students_t_is_scipys(degrees: int) -> None:
    assert stats._student(degrees) == pytest.approx(scipy_stats.t.ppf(0.975, degrees), rel=1e-10)


def scipys(a: list[float], b: list[float], paired: bool, level: float) -> tuple[float, float]:
    def statistic(x: np.ndarray, y: np.ndarray, axis: int) -> np.ndarray:
        return np.asarray(np.mean(np.log(x), axis=axis) - np.mean(np.log(y), axis=axis))

    found = scipy_stats.bootstrap(
        (a, b),
        statistic,
        paired=paired,
        confidence_level=level,
        n_resamples=10_000,
        method="percentile",
        vectorized=True,
        random_state=np.random.default_rng(3),
    ).confidence_interval
    return exp(found.low), exp(found.high)


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("rounds", [5, 10, 20])
@pytest.mark.parametrize("seed", range(3))
def test_the_interval_is_scipys_percentile_interval_expanded(paired: bool, rounds: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = lognormal(rng, 0.1, rounds), rng.gamma(20, 0.1, rounds).tolist()
    found = stats.ratio(a, b, paired=paired)
    low, high = ends(found)
    random = 0.1 * (high - low) / 2  # what 10,000 resamples leave to chance, and more
    level = 1 - 2 * scipy_stats.norm.cdf(-sqrt(rounds / (rounds - 1)) * scipy_stats.t.ppf(0.975, rounds - 1))
    assert (low, high) == pytest.approx(scipys(a, b, paired, level), abs=random)
    plain_low, plain_high = scipys(a, b, paired, 0.95)
    assert low - random <= plain_low < found.value < plain_high <= high + random
    assert high - low > plain_high - plain_low


def coverage(draw: Callable[[Generator], tuple[list[float], list[float]]], truth: float, paired: bool) -> float:
    """The share of TRIALS whose interval holds the true ratio."""
    rng = np.random.default_rng(4)
    intervals = [ends(stats.ratio(*draw(rng), paired=paired)) for _ in range(TRIALS)]
    return sum(low <= truth <= high for low, high in intervals) / TRIALS


@pytest.mark.slow
@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("noise", [0.01, 0.3])
def test_under_lognormal_noise_the_interval_covers_the_truth_as_often_as_it_says(paired: bool, noise: float) -> None:
    def draw(rng: Generator) -> tuple[list[float], list[float]]:
        return (1.5 * rng.lognormal(0, noise, ROUNDS)).tolist(), lognormal(rng, noise)

    assert 0.92 <= coverage(draw, 1.5, paired) <= 0.98


@pytest.mark.slow
@pytest.mark.parametrize("shape", [2.0, 5.0])
@pytest.mark.parametrize("paired", [True, False])
def test_under_skewed_noise_the_interval_covers_the_truth_nearly_as_often(shape: float, paired: bool) -> None:
    def draw(rng: Generator) -> tuple[list[float], list[float]]:
        return rng.gamma(shape, 1, ROUNDS).tolist(), lognormal(rng, 0.05)

    truth = exp(special.digamma(shape))  # the geometric mean of a gamma distribution of scale 1; the other one's is 1
    assert 0.92 <= coverage(draw, truth, paired) <= 0.98


@pytest.mark.slow
def test_unpaired_rounds_of_different_numbers_are_covered_too() -> None:
    def draw(rng: Generator) -> tuple[list[float], list[float]]:
        return lognormal(rng, 0.05, 8), lognormal(rng, 0.1, 15)

    assert coverage(draw, 1, paired=False) >= 0.92


def test_pairing_takes_out_what_hits_both_of_a_round_alike() -> None:
    rng = np.random.default_rng(5)
    heat = np.linspace(1, 1.5, ROUNDS)
    a, b = (1.05 * heat * rng.lognormal(0, 0.01, ROUNDS)).tolist(), (heat * rng.lognormal(0, 0.01, ROUNDS)).tolist()
    paired, unpaired = stats.ratio(a, b), stats.ratio(a, b, paired=False)
    widths = [high - low for low, high in map(ends, (paired, unpaired))]
    assert widths[0] < widths[1] / 8
    assert (stats.speed_verdict(paired), stats.speed_verdict(unpaired)) == ("faster", "no difference shown")


@pytest.mark.parametrize(
    ("speedup", "verdict"),
    [
        (Estimate(1.2, 1.1, 1.3), "faster"),
        (Estimate(0.8, 0.7, 0.9), "slower"),
        (Estimate(1.2, 0.9, 1.5), "no difference shown"),
        (Estimate(1.2, 1.0, 1.5), "no difference shown"),
        (Estimate(0.8, 0.7, 1.0), "no difference shown"),
        (Estimate(1.0, 1.0, 1.0), "no difference shown"),
        (Estimate(9.0, None, None), "no difference shown"),
    ],
)
def test_a_speed_differs_only_if_its_whole_interval_does(speedup: Estimate, verdict: str) -> None:
    assert stats.speed_verdict(speedup) == verdict


# Accuracy


def test_mcnemar_is_the_binomial_test_of_one_half() -> None:
    for first in range(25):
        for second in range(not first, 25):
            expected = scipy_stats.binomtest(first, first + second).pvalue
            assert stats.mcnemar(first, second) == pytest.approx(expected, rel=1e-10), (first, second)


@pytest.mark.parametrize(
    ("first", "second"), [(0, 1000), (3, 2000), (500, 600), (4000, 4200), (5000, 5000), (9800, 10_200), (9000, 11_000)]
)
def test_mcnemar_is_exact_for_thousands_of_images(first: int, second: int) -> None:
    expected = scipy_stats.binomtest(first, first + second).pvalue
    assert stats.mcnemar(first, second) == pytest.approx(expected, rel=1e-8)


def test_mcnemar_finds_nothing_where_nothing_differs() -> None:
    assert stats.mcnemar(0, 0) == stats.mcnemar(7, 7) == stats.mcnemar(7, 8) == 1.0


@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_is_a_probability_and_takes_both_sides_alike(first: int, second: int) -> None:
    assert 0 < stats.mcnemar(first, second) == stats.mcnemar(second, first) <= 1


@pytest.mark.parametrize(
    ("only_first", "only_second", "verdict"),
    [
        (0, 0, "no difference shown"),
        (0, 5, "no difference shown"),  # p = 2 / 2**5 = 0.0625
        (0, 6, "more accurate"),  # p = 2 / 2**6 = 0.03125
        (6, 0, "less accurate"),
        (500, 505, "no difference shown"),
        (500, 600, "more accurate"),
        (600, 500, "less accurate"),
    ],
)
def test_the_second_is_the_more_accurate_only_if_chance_would_rarely_say_so(
    only_first: int, only_second: int, verdict: str
) -> None:
    assert stats.accuracy_verdict(only_first, only_second) == verdict


def test_equally_accurate_models_are_told_apart_in_at_most_one_case_of_twenty() -> None:
    only_first = np.random.default_rng(6).binomial(40, 0.5, 2000).tolist()
    found = [stats.accuracy_verdict(count, 40 - count) for count in only_first]
    assert 0 < sum(verdict != "no difference shown" for verdict in found) / len(found) <= 0.05


@pytest.mark.parametrize(
    ("now", "then", "low", "high"),
    [  # Newcombe, Statistics in Medicine 17, 1998, pages 873 to 890, table II, method 10
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_a_difference_has_the_interval_of_the_literature(
    now: tuple[int, int], then: tuple[int, int], low: float, high: float
) -> None:
    found = stats.difference(Accuracy("test", *now), Accuracy("test", *then))
    assert found.value == pytest.approx(now[0] / now[1] - then[0] / then[1])
    assert ends(found) == pytest.approx((low, high), abs=5.1e-5)


@given(SHARE, SHARE)
def test_swapping_the_two_negates_a_difference_and_its_interval(one: Accuracy, other: Accuracy) -> None:
    there, back = stats.difference(one, other), stats.difference(other, one)
    assert there.value == -back.value
    low, high = ends(back)
    assert ends(there) == pytest.approx((-high, -low))


@given(SHARE, SHARE)
def test_a_difference_lies_in_its_interval_and_that_between_minus_one_and_one(one: Accuracy, other: Accuracy) -> None:
    found = stats.difference(one, other)
    low, high = ends(found)
    assert -1 - 1e-9 <= low <= found.value <= high <= 1 + 1e-9
    assert low < high


@pytest.mark.slow
def test_the_interval_of_a_difference_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(7)
    pairs = zip(rng.binomial(1000, 0.98, 2000).tolist(), rng.binomial(500, 0.97, 2000).tolist(), strict=True)
    intervals = [ends(stats.difference(Accuracy("now", a, 1000), Accuracy("then", b, 500))) for a, b in pairs]
    assert 0.94 <= sum(low <= 0.01 <= high for low, high in intervals) / 2000 <= 0.97


# Rounds in their order


@pytest.mark.parametrize(
    ("medians", "drift"),
    [
        ([], 1.0),
        ([5], 1.0),
        ([2, 3], 1.5),
        ([1, 99, 1], 1.0),  # the middle one belongs to neither half
        ([1, 1, 2, 2], 2.0),
        ([2, 2, 1, 1], 0.5),
        ([1, 2, 3, 4, 5], 3.0),  # 4.5 over 1.5: the median of two is their mean
        ([1, 1, 50, 2, 2, 2], 2.0),  # an outlier is no drift
    ],
)
def test_drift_is_the_second_halfs_median_over_the_firsts(medians: list[float], drift: float) -> None:
    assert stats.drift(medians) == pytest.approx(drift)


@pytest.mark.parametrize(("medians", "spread"), [([7], 1.0), ([100, 130, 110], 1.3), ([300, 150], 2.0)])
def test_the_spread_is_the_slowest_rounds_median_over_the_fastests(medians: list[float], spread: float) -> None:
    assert stats.spread(medians) == pytest.approx(spread)
