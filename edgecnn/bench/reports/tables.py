"""Formats a summary as tables, Markdown and CSV. Pure: nothing is measured and nothing printed here."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

from edgecnn.bench.compare import Change, Comparison
from edgecnn.bench.figures import Row, Summary
from edgecnn.bench.stats import Estimate

if TYPE_CHECKING:
    from rich.table import Table

NOTHING = "–"
WIDEST = 10_000  # characters: more than any table takes
GROUPS = ("speed", "accuracy", "cost")
UNSTABLE = "UNSTABLE: these figures may not hold, see below"


@dataclass(frozen=True)
class Column:
    """A heading and what stands below it for a row; None where the row has no such figure. Groups stay together."""

    group: str
    title: str
    cell: Callable[[Row], str | None]


def number(value: float | None) -> str | None:
    """Three digits are what a measurement here is worth."""
    if value is None:
        return None
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def whole(value: float | None) -> str | None:
    return None if value is None else f"{value:,.0f}"


def percent(value: float | None) -> str | None:
    return None if value is None else f"{value:.2%}"


def times(value: float | None) -> str | None:
    if value is None:
        return None
    digits = f"{value:#.3g}" if value < 100 else f"{value:,.0f}"
    return digits.rstrip(".") + "×"


def _share(low: float | None, value: float | None, high: float | None) -> str | None:
    if value is None or low is None or high is None:
        return None
    return f"{value:.2%} ({100 * low:.2f}–{100 * high:.2f})"


def speedup(row: Row) -> str | None:
    """The ratio with its interval: "13.1× (12.9–13.3)"."""
    return ratio(Estimate(row.speedup, row.speedup_low, row.speedup_high)) if row.speedup is not None else None


def ratio(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return times(estimate.value) or NOTHING
    ends = [(times(end) or NOTHING).removesuffix("×") for end in (estimate.low, estimate.high)]
    return f"{times(estimate.value)} ({ends[0]}–{ends[1]})"


def verdict(row: Row) -> str | None:
    if row.failure:
        return "failed"
    return "reference" if row.reference == row.name else row.verdict


COLUMNS = (
    Column("speed", "p50 µs", lambda row: number(row.p50_us)),
    Column("speed", "p90 µs", lambda row: number(row.p90_us)),
    Column("speed", "p99 µs", lambda row: number(row.p99_us)),
    Column("speed", "p99.9 µs", lambda row: number(row.p999_us)),
    Column("speed", "floor µs", lambda row: number(row.floor_us)),
    Column("speed", "best batch", lambda row: whole(row.best_batch)),
    Column("speed", "saturates at", lambda row: whole(row.saturates_at)),
    Column("speed", "queries/s", lambda row: whole(row.rate_qps)),
    Column("speed", "images/s", lambda row: whole(row.throughput_ips)),
    Column("speed", "speed-up, 95 %", speedup),
    Column("speed", "verdict", verdict),
    Column("accuracy", "accuracy, 95 %", lambda row: _share(row.accuracy_low, row.accuracy, row.accuracy_high)),
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
CHANGE_HEADINGS = ("contender", "figure", "then", "now", "change, 95 %", "verdict")


def columns(rows: Sequence[Row]) -> list[Column]:
    """The columns that any row has a figure for."""
    return [column for column in COLUMNS if any(column.cell(row) is not None for row in rows)]


def conditions(summary: Summary) -> list[str]:
    """What the figures hold for, and what to issue in them: lines of text."""
    bench = summary.bench
    versions = ", ".join(f"{name} {version}" for name, version in bench.host.versions.items())
    lines = [f"{bench.host}; {versions}", _how(summary), _what(summary)]
    if bench.partial:
        lines.append("PARTIAL: stopped before the end; what is missing was not measured")
    lines += [f"failed: {item.contender.name}: {item.failure}" for item in bench.failures]
    lines += [f"UNSTABLE: {issue.reason}; {issue.remedy}" for issue in bench.stability_issues]
    lines += [f"note: {note}" for note in bench.notes]
    return lines + [f"missing: {note}" for note in bench.missing]


def _how(summary: Summary) -> str:
    plan = summary.bench.plan
    threads = f"{plan.threads} thread{'s' if plan.threads > 1 else ''}"
    size = "batch sizes as shown" if plan.scenario == "offline" else f"batch {plan.batch}"
    found = [row for row in summary.rows if row.queries is not None]
    counts = [row.queries for row in found if row.queries is not None] or [0]
    processes = [row.processes for row in found if row.processes is not None] or [0]
    return (
        f"{plan.scenario}, {threads}, {size}, {plan.duration:g} s a contender in interleaved rounds "
        f"({_span(counts)} queries in {_span(processes)} process{'es' * (max(processes) != 1)} each)"
        + (f", p99 at most {plan.latency_bound_us:,.0f} µs" if plan.scenario == "server" else "")
    )


def _span(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _what(summary: Summary) -> str:
    bench = summary.bench
    references = sorted({row.reference for row in summary.rows if row.reference is not None})
    sources = ", ".join(sorted({data.source for data in bench.datasets.values()}))
    accuracy = f"accuracy on the test images of {sources}" if sources else "noise for images, no accuracy"
    return f"compared with {', '.join(references) or 'nothing'}; {accuracy}; memory is over an empty Python's"


def tables(summary: Summary, width: int) -> list["Table"]:
    """The figures as one rich table, or as several where one would be wider than `width` characters."""
    shown = columns(summary.rows)
    groups = [[column for column in shown if column.group == group] for group in GROUPS]
    parts: list[list[Column]] = []
    for group in filter(None, groups):
        if parts and width_of(_table(summary, parts[-1] + group)) <= width:
            parts[-1] += group
        else:
            parts.append(list(group))
    return [_table(summary, part) for part in parts] + list(_scenario_tables(summary))


def width_of(table: "Table") -> int:
    """How many characters a table takes when nothing in it is cut short."""
    from rich.console import Console

    return Console(width=WIDEST).measure(table).maximum


def _table(summary: Summary, shown: Sequence[Column]) -> "Table":
    body = [[row.name, *(column.cell(row) or NOTHING for column in shown)] for row in summary.rows]
    drawn = _drawn(["contender", *(column.title for column in shown)], body)
    if not summary.bench.is_stable:
        drawn.title = UNSTABLE
    return drawn


def _drawn(headings: Sequence[str], body: Sequence[Sequence[str]], left: int = 1) -> "Table":
    """A plain table whose first `left` columns, and those of words, are set left."""
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, header_style="bold", title_style="bold", title_justify="left")
    for position, title in enumerate(headings):
        words = position < left or title in ("verdict", "accuracy is")
        drawn.add_column(title, justify="left" if words else "right", no_wrap=True)
    for cells in body:
        drawn.add_row(*map(Text, cells))  # as a name may have what rich takes for markup
    return drawn


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


def _scenario_tables(summary: Summary) -> Iterator["Table"]:
    for headings, body in scenario_parts(summary):
        yield _drawn(headings, body)


def markdown(summary: Summary, comparison: Comparison | None = None) -> str:
    """The figures as Markdown tables, the conditions below them."""
    shown = columns(summary.rows)
    body = [[row.name, *(column.cell(row) or NOTHING for column in shown)] for row in summary.rows]
    lines = [f"**{UNSTABLE}**", ""] if not summary.bench.is_stable else []
    lines += _markdown_table(["contender", *(column.title for column in shown)], body)
    for headings, part in scenario_parts(summary):
        lines += ["", *_markdown_table(headings, part)]
    lines += ["", *(f"{line}  " for line in conditions(summary))]
    if comparison:
        lines += ["", *_markdown_table(CHANGE_HEADINGS, change_rows(comparison)), ""]
        lines += [f"{line}  " for line in comparison_notes(comparison)]
    return "\n".join(lines) + "\n"


def _markdown_table(headings: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    cells = [[cell.replace("|", "\\|") for cell in row] for row in body]
    return [
        "| " + " | ".join(headings) + " |",
        "|---" + "|---:" * (len(headings) - 1) + "|",
        *("| " + " | ".join(row) + " |" for row in cells),
    ]


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
        return ratio(item.change)
    low, high = item.change.low or 0.0, item.change.high or 0.0
    return f"{100 * item.change.value:+.2f} points ({100 * low:+.2f} to {100 * high:+.2f})"


def comparison_table(comparison: Comparison) -> "Table":
    return _drawn(CHANGE_HEADINGS, change_rows(comparison), left=2)


def comparison_notes(comparison: Comparison) -> list[str]:
    """What to know before believing the changes: lines of text."""
    lines = [f"compared with the run of {comparison.earlier}"]
    if comparison.forced:
        lines.append(f"FORCED: the two runs are not comparable: {'; '.join(comparison.forced)}")
    lines += [f"differs: {note}" for note in comparison.notes]
    lines += [f"only in the earlier run: {name}" for name in comparison.only_then]
    return lines + [f"only in this run: {name}" for name in comparison.only_now]


def to_csv(summary: Summary) -> str:
    """One line a contender; the column names carry the units."""
    text = io.StringIO()
    names = [field.name for field in fields(Row) if field.name not in ("batches", "rates")]
    writer = csv.DictWriter(text, names, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(map(asdict, summary.rows))
    return text.getvalue()
