"""Summarises raw samples. Pure: numbers in, numbers out."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median

UNSTABLE = 1.3  # slowest round's median over the fastest's: beyond it, the machine was busy with something else


@dataclass(frozen=True)
class Latency:
    """Per query, in microseconds; `throughput` in images a second; `spread` is the ratio that UNSTABLE bounds."""

    p50_us: float
    p90_us: float
    p99_us: float
    throughput: float
    samples: int
    spread: float

    @property
    def is_stable(self) -> bool:
        return self.spread <= UNSTABLE


def percentile(values: Sequence[int], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of `values`, sorted, do not exceed: the nearest-rank method."""
    return float(values[max(ceil(share * len(values)), 1) - 1])


def summarise(rounds: Sequence[Sequence[int]], batch: int) -> Latency:
    """Summarise the rounds' nanoseconds per query of `batch` images; each round holds at least one."""
    values = sorted(value for samples in rounds for value in samples)
    medians = [median(samples) for samples in rounds]
    return Latency(
        p50_us=percentile(values, 0.50) / 1000,
        p90_us=percentile(values, 0.90) / 1000,
        p99_us=percentile(values, 0.99) / 1000,
        throughput=batch * len(values) / (sum(values) / 1e9),
        samples=len(values),
        spread=max(medians) / min(medians),
    )
