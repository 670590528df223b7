"""Statistics of samples and counts: percentiles, ratios with intervals, verdicts. Pure: numbers in, numbers out."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, cos, exp, hypot, pi, sin, sqrt, tan
from statistics import NormalDist, median
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgecnn.metrics import Accuracy

BEYOND = 10  # a percentile is reported only if at least this many samples lie beyond it
FEWEST_ROUNDS = 5  # for an interval: with 4 rounds a 95 % interval covers the truth only 87 %, with 3 only 74 %
RESAMPLES = 10_000
SIGNIFICANT = 0.05  # a p-value below it shows a difference
NEWTON_STEPS = 20  # 6 steps reach the precision of a double for any realistic number of rounds


@dataclass(frozen=True)
class Estimate:
    """A figure and the ends of its 95 % interval; the ends are None if there were too few rounds for an interval."""

    value: float
    low: float | None
    high: float | None


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile: the smallest of the sorted `values` that at least `share` (0 to 1) do not exceed."""
    return float(values[_rank(len(values), share) - 1])


def quoted(values: Sequence[float], share: float) -> float | None:
    """The percentile of the sorted `values`, or None if fewer than BEYOND lie beyond it. A median needs one value."""
    few = len(values) - _rank(len(values), share) < BEYOND if share > 0.5 else not values
    return None if few else percentile(values, share)


def _rank(count: int, share: float) -> int:
    """The rank, from 1. The share counts as the decimal it is written as: as a binary float, 0.07 × 100 exceeds 7."""
    return max(ceil(Fraction(str(share)) * count), 1)


def ratio(a: Sequence[float], b: Sequence[float], *, paired: bool = True) -> Estimate:
    """The geometric mean of `a` divided by that of `b`, with its 95 % interval. Both hold one figure above 0 per round.

    `paired` says that a[i] and b[i] come from the same round and share its noise; otherwise the rounds are independent,
    and their numbers may differ. The interval is bootstrapped over rounds: the expanded percentile interval of
    Hesterberg, The American Statistician 69, 2015. It cannot reach beyond the rounds' range, so it needs FEWEST_ROUNDS.
    Raises ValueError if paired rounds differ in number.
    """
    if paired and len(a) != len(b):
        raise ValueError(f"paired rounds must be equal in number, not {len(a)} and {len(b)}")
    x, y = np.log(np.divide(a, b[0])), np.log(np.divide(b, b[0]))  # so equal figures have a ratio of exactly 1
    value = exp(x.mean() - y.mean())
    rounds = min(len(x), len(y))
    if rounds < FEWEST_ROUNDS:
        return Estimate(value, None, None)
    tail = _expanded_tail(rounds)
    low, high = np.quantile(_resampled(x - y, 0, RESAMPLES) if paired else _differences(x, y), [tail, 1 - tail])
    return Estimate(value, exp(low), exp(high))


def _resampled(logs: NDArray[np.float64], seed: int, times: int) -> NDArray[np.float64]:
    """Means [times] of bootstrap samples of `logs`: as many values as there are, drawn with replacement."""
    picks = np.random.default_rng(seed).integers(len(logs), size=(times, len(logs)))
    return np.asarray(logs[picks].mean(axis=1))


def _differences(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Differences [RESAMPLES] of means, each side resampled on its own.

    Half of the seeds are swapped, so that swapping x and y gives the same differences negated.
    """
    half = RESAMPLES // 2
    seeds = ((0, 1), (1, 0))
    return np.concatenate([_resampled(x, first, half) - _resampled(y, second, half) for first, second in seeds])


def _expanded_tail(rounds: int) -> float:
    """The share that Hesterberg cuts off at each end instead of 2.5 %: few rounds then get the width of Student's t."""
    return NormalDist().cdf(-sqrt(rounds / (rounds - 1)) * _student(rounds - 1))


def _student(degrees: int) -> float:
    """The 97.5 % quantile of Student's t distribution.

    With t = sqrt(degrees) * tan(angle), the density is proportional to cos(angle)**(degrees - 1). Newton's method
    starts at 0 and never overshoots, because the integral's slope only falls.
    """
    power, angle = degrees - 1, 0.0
    wanted = 0.95 * _cosine_integral(power, pi / 2)
    for _ in range(NEWTON_STEPS):
        angle += (wanted - _cosine_integral(power, angle)) / cos(angle) ** power
    return sqrt(degrees) * tan(angle)


def _cosine_integral(power: int, angle: float) -> float:
    """The integral of cos**power from 0 to `angle`, by the usual reduction formula, two powers at a time."""
    integral = sin(angle) if power % 2 else angle
    for m in range(2 + power % 2, power + 1, 2):
        integral = (cos(angle) ** (m - 1) * sin(angle) + (m - 1) * integral) / m
    return integral


def inverse(estimate: Estimate) -> Estimate:
    """What the estimate is the other way round."""
    low, high = (None if end is None else 1 / end for end in (estimate.high, estimate.low))
    return Estimate(1 / estimate.value, low, high)


def speed_verdict(speedup: Estimate) -> Literal["faster", "slower", "no difference shown"]:
    """The verdict on a contender, from the interval of the reference's time divided by the contender's."""
    if speedup.low is not None and speedup.low > 1:
        return "faster"
    if speedup.high is not None and speedup.high < 1:
        return "slower"
    return "no difference shown"


def discordant(first: Sequence[int], second: Sequence[int], truth: Sequence[int]) -> tuple[int, int]:
    """The numbers of images that only the first, and only the second, labels correctly. All take class indices [n]."""
    one, other = np.array(first) == np.array(truth), np.array(second) == np.array(truth)
    return int(np.sum(one & ~other)), int(np.sum(other & ~one))


def mcnemar(only_first: int, only_second: int) -> float:
    """The exact two-sided p-value of McNemar's test (Psychometrika 12, 1947) that two models are equally accurate.

    The counts are of images that only the first, or only the second, model labels correctly. If the models are equally
    accurate, each such image is as likely to be the first's as the second's.
    """
    count = only_first + only_second
    ways = total = 1  # to pick 0 of the count, then 1, and so on; as integers, because 2**count overflows a float
    for fewer in range(min(only_first, only_second)):
        ways = ways * (count - fewer) // (fewer + 1)
        total += ways
    return min(1.0, 2 * total / (1 << count))


def accuracy_verdict(
    only_first: int, only_second: int
) -> Literal["more accurate", "less accurate", "no difference shown"]:
    """McNemar's verdict on the second model against the first; the counts are those of `mcnemar`."""
    if mcnemar(only_first, only_second) >= SIGNIFICANT:
        return "no difference shown"
    return "more accurate" if only_second > only_first else "less accurate"


def difference(now: Accuracy, then: Accuracy) -> Estimate:
    """The accuracy now minus the accuracy then, on different images, with its 95 % interval.

    Newcombe's interval (Statistics in Medicine 17, 1998, pages 873 to 890, method 10) is the root of the summed squares
    of the distances from the two accuracies to the ends of their Wilson intervals.
    """
    value = now.value - then.value
    (now_low, now_high), (then_low, then_high) = now.interval, then.interval
    below = hypot(now.value - now_low, then_high - then.value)
    above = hypot(now_high - now.value, then.value - then_low)
    return Estimate(value, value - below, value + above)


def drift(medians: Sequence[float]) -> float:
    """The second half's median of the rounds' medians, in time order, divided by the first half's; 1 for one round."""
    half = len(medians) // 2  # a middle round belongs to neither
    return median(medians[-half:]) / median(medians[:half]) if half else 1.0


def spread(medians: Sequence[float]) -> float:
    """The slowest round's median divided by the fastest's."""
    return max(medians) / min(medians)
