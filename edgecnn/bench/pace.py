"""Computes a contender's pace, which is its time per image in each round, its latency and its reference. Pure."""

from collections.abc import Sequence
from statistics import fmean, median
from typing import Any

from edgecnn.bench import stats
from edgecnn.bench.results import Bench, Measurement, Round
from edgecnn.bench.stats import Estimate


def drifts(measurements: Sequence[Measurement]) -> dict[str, float]:
    """Each contender's drift: its time in the second half of the rounds divided by that in the first half."""
    return {item.contender.name: stats.drift(list(pace.values())) for item in measurements if (pace := paces(item))}


def paces(item: Measurement) -> dict[int, float]:
    """The contender's median nanoseconds per image in each round, at its best batch size.

    Empty in the server scenario.
    """
    streams = [part for part in item.rounds if part.rate is None]
    if not streams:
        return {}
    best = max({part.batch for part in streams}, key=lambda batch: throughput(item, batch))
    return {part.number: median(part.ns) / best for part in streams if part.batch == best}


def speedup(slow: Measurement, fast: Measurement) -> Estimate | None:
    """How many times faster `fast` is than `slow`, over the rounds that both have; None if there are no such rounds."""
    first, second = paces(slow), paces(fast)
    both = sorted(first.keys() & second.keys())
    return stats.ratio([first[number] for number in both], [second[number] for number in both]) if both else None


def reference_of(bench: Bench, item: Measurement) -> Measurement | None:
    """What a contender is compared with: the fastest TensorFlow way of the same model.

    If there is none, it is the run's first contender that was measured; None if none was measured.
    """
    measured = [other for other in bench.measurements if other.rounds and not other.failure]
    own = [other for other in measured if other.contender.is_original and other.contender.model == item.contender.model]
    if not own:
        return next(iter(measured), None)
    return min(own, key=lambda other: fmean(paces(other).values() or [0]))


def throughput(item: Measurement, batch: int) -> float:
    """Images per second over all rounds of that batch size."""
    parts = [part for part in item.rounds if part.batch == batch]
    return batch * sum(part.queries for part in parts) / (sum(part.elapsed_ns for part in parts) / 1e9)


def latency(rounds: Sequence[Round]) -> dict[str, float | None]:
    """Percentiles in microseconds; None for those that need more samples."""
    values = sorted(value for part in rounds for value in part.ns)
    shares = {"p50_us": 0.5, "p90_us": 0.9, "p99_us": 0.99, "p999_us": 0.999}
    found = {name: stats.quoted(values, share) for name, share in shares.items()}
    return {name: None if value is None else value / 1000 for name, value in found.items()}


def scored(item: Measurement) -> dict[str, Any]:
    """The accuracy with its interval; empty if the contender was not scored."""
    if item.accuracy is None:
        return {}
    low, high = item.accuracy.interval
    return {
        "accuracy": item.accuracy.value,
        "accuracy_low": low,
        "accuracy_high": high,
        "images": item.accuracy.images,
    }
