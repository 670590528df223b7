"""What the formats for people show of a run: headings and cells as text. Pure: nothing is drawn here."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from edgecnn.bench.compare import Change, Comparison
from edgecnn.bench.figures import Row, Summary
from edgecnn.bench.recorded_figures import HERE
from edgecnn.bench.reports.numbers import NOTHING, change, number, percent, share, speedup, whole
from edgecnn.bench.stats import Estimate

GROUPS = ("speed", "accuracy", "cost")
CHANGE_HEADINGS = ("contender", "figure", "then", "now", "change, 95 %", "verdict")


@dataclass(frozen=True)
class Column:
    """A heading and what stands below it for a row; None where the row has no such figure. Groups stay together."""

    group: str
    title: str
    cell: Callable[[Row], str | None]


def speedup_of(row: Row) -> str | None:
    return None if row.speedup is None else speedup(Estimate(row.speedup, row.speedup_low, row.speedup_high))


def verdict(row: Row) -> str | None:
    if row.failure:
        return "failed"
    if row.machine not in (None, HERE):
        return "not compared"
    return "reference" if row.reference == row.name else row.verdict


COLUMNS = (
    Column("speed", "measured on", lambda row: row.machine),
    Column("speed", "p50 µs", lambda row: number(row.p50_us)),
    Column("speed", "p90 µs", lambda row: number(row.p90_us)),
    Column("speed", "p99 µs", lambda row: number(row.p99_us)),
    Column("speed", "p99.9 µs", lambda row: number(row.p999_us)),
    Column("speed", "floor µs", lambda row: number(row.floor_us)),
    Column("speed", "best batch", lambda row: whole(row.best_batch)),
    Column("speed", "saturates at", lambda row: whole(row.saturates_at)),
    Column("speed", "queries/s", lambda row: whole(row.rate_qps)),
    Column("speed", "images/s", lambda row: whole(row.throughput_ips)),
    Column("speed", "speed-up, 95 %", speedup_of),
    Column("speed", "verdict", verdict),
    Column("accuracy", "accuracy, 95 %", lambda row: share(row.accuracy_low, row.accuracy, row.accuracy_high)),
    Column("accuracy", "agrees", lambda row: percent(row.agreement)),
    Column("accuracy", "McNemar p", lambda row: None if row.p_accuracy is None else f"{row.p_accuracy:.2g}"),
    Column("accuracy", "accuracy is", lambda row: row.accuracy_verdict),
    Column("cost", "init ms", lambda row: number(row.init_ms)),
    Column("cost", "first ms", lambda row: number(row.first_ms)),
    Column("cost", "cold start ms", lambda row: whole(row.cold_ms)),
    Column("cost", "peak MiB", lambda row: number(row.peak_mib)),
    Column("cost", "steady MiB", lambda row: number(row.steady_mib)),
    Column("cost", "file kB", lambda row: whole(None if row.file_bytes is None else row.file_bytes / 1000)),
)


def columns(rows: Sequence[Row]) -> list[Column]:
    """The columns that any row has a figure for."""
    return [column for column in COLUMNS if any(column.cell(row) is not None for row in rows)]


def scenario_parts(summary: Summary) -> Iterator[tuple[list[str], list[list[str]]]]:
    """Headings and body of what a scenario has beneath its contenders: batch sizes, or rates."""
    batches = sorted({found.batch for row in summary.rows for found in row.batches})
    if batches:
        body = []
        for row in summary.rows:
            by_batch = {found.batch: found.throughput_ips for found in row.batches}
            body.append([row.name, *(whole(by_batch.get(batch)) or NOTHING for batch in batches)])
        yield ["images/s at batch", *map(str, batches)], body
    tried = [(row, found) for row in summary.rows for found in row.rates if summary.bench.plan.rates or found.holds]
    if tried:
        body = [
            [
                row.name,
                number(found.rate_qps) or NOTHING,
                number(found.p50_us) or NOTHING,
                number(found.p90_us) or NOTHING,
                number(found.p99_us) or NOTHING,
                "yes" if found.holds else "no",
            ]
            for row, found in tried
        ]
        yield ["arrivals", "queries/s", "p50 µs", "p90 µs", "p99 µs", "p99 within bound"], body


def change_rows(comparison: Comparison) -> list[list[str]]:
    """One line for each figure's change since an earlier run."""
    return [
        [item.contender, item.figure, _plain(item, item.then), _plain(item, item.now), _change(item), item.verdict]
        for item in comparison.changes
    ]


def _plain(item: Change, value: float) -> str:
    return (percent(value) if item.figure == "accuracy" else number(value)) or NOTHING


def _change(item: Change) -> str:
    if item.figure != "accuracy":
        return change(item.figure, item.change)
    low, high = item.change.low or 0.0, item.change.high or 0.0
    return f"{100 * item.change.value:+.2f} points ({100 * low:+.2f} to {100 * high:+.2f})"
