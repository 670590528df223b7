"""Computes every figure of a run from its raw samples. Pure: it does not measure, format or print."""

from dataclasses import dataclass, replace
from itertools import combinations
from statistics import median
from typing import Any

import numpy as np

from edgecnn.bench import stats
from edgecnn.bench.pace import latency, paces, reference_of, scored, speedup, throughput
from edgecnn.bench.recorded_figures import against_recorded, recorded_pairs, recorded_rows
from edgecnn.bench.results import Bench, Measurement
from edgecnn.bench.stats import Estimate
from edgecnn.metrics import agreement

SATURATED = 0.95  # throughput is saturated at this share of the best
CONFIRMED = 3  # a rate needs this many rounds before it counts as met

Figures = dict[str, Any]  # fields of a Row


@dataclass(frozen=True)
class BatchFigures:
    """Offline: the throughput, in images per second, with `batch` images per query."""

    batch: int
    throughput_ips: float


@dataclass(frozen=True)
class RateFigures:
    """Server: latencies at one rate of arrivals, in queries per second.

    `holds` says that the p99 latency stayed within the bound in enough rounds.
    """

    rate_qps: float
    rounds: int
    p50_us: float
    p90_us: float | None
    p99_us: float | None
    holds: bool


@dataclass(frozen=True)
class Row:
    """One contender's figures. A figure is None if samples or data are missing, or if the scenario does not have it.

    Percentiles (`p50_us` and so on) are of a query's latency in microseconds; `throughput_ips` is in images per second.
    `speedup` is how many times faster the contender is than `reference`, which is the fastest TensorFlow way of the
    same model or, if there is none, the run's first contender; `verdict` follows from its 95 % interval. `agreement`
    (0 to 1), `p_accuracy` (McNemar's exact test) and `accuracy_verdict` compare with `agrees_with`: the reference or,
    where a record of TensorFlow came with the model, that record. `machine` tells where a row was measured if there are
    such records, whose times are compared with nothing. `import_ms`, `init_ms`, `first_ms`, `cold_ms` and the memory
    figures are medians over processes; memory is what exceeds an empty Python process.
    """

    name: str
    model: str
    runtime: str
    variant: str
    file: str
    failure: str | None
    reference: str | None = None
    accuracy: float | None = None
    accuracy_low: float | None = None
    accuracy_high: float | None = None
    images: int | None = None
    agreement: float | None = None
    p_accuracy: float | None = None
    accuracy_verdict: str | None = None
    p50_us: float | None = None
    p90_us: float | None = None
    p99_us: float | None = None
    p999_us: float | None = None
    floor_us: float | None = None
    throughput_ips: float | None = None
    speedup: float | None = None
    speedup_low: float | None = None
    speedup_high: float | None = None
    verdict: str | None = None
    agrees_with: str | None = None
    machine: str | None = None
    queries: int | None = None
    spread: float | None = None
    drift: float | None = None
    best_batch: int | None = None
    saturates_at: int | None = None
    batches: tuple[BatchFigures, ...] = ()
    rate_qps: float | None = None
    rates: tuple[RateFigures, ...] = ()
    processes: int | None = None
    import_ms: float | None = None
    init_ms: float | None = None
    first_ms: float | None = None
    cold_ms: float | None = None
    peak_mib: float | None = None
    steady_mib: float | None = None
    file_bytes: int | None = None


@dataclass(frozen=True)
class Pair:
    """A comparison of two contenders.

    `ratio` is `first`'s time divided by `second`'s: above 1, the second is faster. `changed` are the indices of the
    images that they label differently.
    """

    first: str
    second: str
    ratio: Estimate | None
    verdict: str | None
    changed: tuple[int, ...] | None
    p_accuracy: float | None


@dataclass(frozen=True)
class Summary:
    """A run with its figures, which reports are made from.

    `pairs` has one item for every two measured contenders, and for each of them and a recorded original.
    """

    bench: Bench
    rows: tuple[Row, ...]
    pairs: tuple[Pair, ...]


def summarize(bench: Bench) -> Summary:
    """Compute every figure of a run from its raw samples."""
    rows = tuple(_row(bench, item) for item in bench.measurements)
    measured = [item for item in bench.measurements if item.rounds and not item.failure]
    pairs = tuple(_pair(bench, first, second) for first, second in combinations(measured, 2))
    records = tuple(Row(**figures) for figures in recorded_rows(bench))
    with_records = tuple(Pair(**figures) for figures in recorded_pairs(bench, measured))
    return Summary(bench, rows + records, pairs + with_records)


def _row(bench: Bench, item: Measurement) -> Row:
    contender = item.contender
    row = Row(
        name=contender.name,
        model=contender.model,
        runtime=contender.runtime,
        variant=contender.variant,
        file=contender.file.name,
        failure=item.failure,
    )
    if item.failure or not item.rounds:
        return row
    row = replace(row, **_start_and_memory(bench, item), **scored(item))
    row = replace(row, **(_arrivals(bench, item) if item.rounds[0].rate is not None else _pace(item)))
    reference = reference_of(bench, item)
    row = row if reference is None else replace(row, **_against(bench, item, reference))
    return replace(row, **against_recorded(bench, item))


def _start_and_memory(bench: Bench, item: Measurement) -> Figures:
    def milliseconds(name: str) -> float:
        nanoseconds: float = median(getattr(load, name) for load in item.loads)
        return nanoseconds / 1e6

    def mebibytes(name: str) -> float | None:
        over = [getattr(memory, name) - bench.empty_python for memory in item.memories]
        return median(over) / 2**20 if over else None

    return {
        "processes": len(item.loads),
        "import_ms": milliseconds("import_ns"),
        "init_ms": milliseconds("init_ns"),
        "first_ms": milliseconds("first_ns"),
        "cold_ms": milliseconds("cold_ns"),
        "peak_mib": mebibytes("peak"),
        "steady_mib": mebibytes("steady"),
        "file_bytes": item.file_bytes,
        "floor_us": median(item.floor_ns) / 1000 if item.floor_ns else None,
        "queries": sum(part.queries for part in item.rounds),
    }


def _pace(item: Measurement) -> Figures:
    """Figures of queries that follow one another; throughput for each batch size if there are several."""
    pace = list(paces(item).values())
    figures: Figures = {"spread": stats.spread(pace), "drift": stats.drift(pace)}
    batches = sorted({part.batch for part in item.rounds})
    by_batch = tuple(BatchFigures(batch, throughput(item, batch)) for batch in batches)
    best = max(by_batch, key=lambda found: found.throughput_ips)
    figures["throughput_ips"] = best.throughput_ips
    if len(batches) == 1:
        return figures | latency(item.rounds)
    enough = (found.batch for found in by_batch if found.throughput_ips >= SATURATED * best.throughput_ips)
    return figures | {"batches": by_batch, "best_batch": best.batch, "saturates_at": next(enough)}


def _arrivals(bench: Bench, item: Measurement) -> Figures:
    """Figures of random arrivals: each rate's, and the latency at the highest rate that meets the bound."""
    rate = highest_rate(bench, item)
    figures: Figures = {"rates": _by_rate(bench, item)}
    if rate is None:
        return figures
    at_rate = latency([part for part in item.rounds if part.rate == rate])
    return figures | {"rate_qps": rate, "throughput_ips": rate * item.rounds[0].batch, **at_rate}


def highest_rate(bench: Bench, item: Measurement) -> float | None:
    """The highest rate, in queries per second, that met the latency bound; None if none did or none was tried."""
    return max((found.rate_qps for found in _by_rate(bench, item) if found.holds), default=None)


def _by_rate(bench: Bench, item: Measurement) -> tuple[RateFigures, ...]:
    rates = sorted({part.rate for part in item.rounds if part.rate is not None})
    return tuple(_at_rate(bench, item, rate) for rate in rates)


def _at_rate(bench: Bench, item: Measurement, rate: float) -> RateFigures:
    parts = [part for part in item.rounds if part.rate == rate]
    at_rate = latency(parts)
    p50, p99 = at_rate["p50_us"], at_rate["p99_us"]
    assert p50 is not None
    holds = len(parts) >= CONFIRMED and p99 is not None and p99 <= bench.plan.latency_bound_us
    return RateFigures(rate, len(parts), p50, at_rate["p90_us"], p99, holds)


def _against(bench: Bench, item: Measurement, reference: Measurement) -> Figures:
    figures: Figures = {"reference": reference.contender.name}
    if reference is item:
        itself = {"agreement": 1.0, "agrees_with": item.contender.name} if item.answers else {}
        return figures | {"speedup": 1.0 if paces(item) else None} | itself
    ratio = speedup(reference, item)
    if ratio:
        figures |= {"speedup": ratio.value, "speedup_low": ratio.low, "speedup_high": ratio.high}
        figures["verdict"] = stats.speed_verdict(ratio)
    right = _discordant(bench, reference, item)
    if right is not None:
        figures["agreement"] = agreement(np.array(item.answers), np.array(reference.answers))
        figures["agrees_with"] = reference.contender.name
        figures["p_accuracy"] = stats.mcnemar(*right)
        figures["accuracy_verdict"] = stats.accuracy_verdict(*right)
    return figures


def _discordant(bench: Bench, first: Measurement, second: Measurement) -> tuple[int, int] | None:
    """The same for two contenders; None if they did not classify the same images."""
    seen = bench.data.get(first.contender.model)
    if not (first.answers and second.answers and seen) or seen != bench.data.get(second.contender.model):
        return None
    truth = bench.datasets[seen].truth if seen in bench.datasets else ()
    if not len(first.answers) == len(second.answers) == len(truth):  # a report may say so that edgecnn did not write
        return None
    return stats.discordant(first.answers, second.answers, truth)


def _pair(bench: Bench, first: Measurement, second: Measurement) -> Pair:
    ratio = speedup(first, second)
    right = _discordant(bench, first, second)
    changed = None
    if right is not None:
        changed = tuple(np.flatnonzero(np.array(first.answers) != np.array(second.answers)).tolist())
    return Pair(
        first=first.contender.name,
        second=second.contender.name,
        ratio=ratio,
        verdict=stats.speed_verdict(ratio) if ratio else None,
        changed=changed,
        p_accuracy=stats.mcnemar(*right) if right is not None else None,
    )
