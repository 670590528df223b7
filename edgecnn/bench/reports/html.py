"""Formats a summary as one self-contained HTML page. Pure: nothing is measured, and nothing is fetched by the page."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from string import Template

from edgecnn.bench.compare import Comparison
from edgecnn.bench.figures import Row, Summary
from edgecnn.bench.reports.charts import Strip, axis, bar, chart, density, mark, whisker
from edgecnn.bench.reports.columns import CHANGE_HEADINGS, GROUPS, Column, change_rows, columns, speedup_of
from edgecnn.bench.reports.conditions import comparison_notes, recorded_line
from edgecnn.bench.reports.html_details import about, changed_images, plane, scenario
from edgecnn.bench.reports.numbers import NOTHING, number

ASSETS = Path(__file__).with_name("html_assets")
WORDS = ("measured on", "verdict", "accuracy is", "figure", "contender", "device")  # columns of words, not figures
UNBROKEN = re.compile(r"\([^()]{,40}\)|\b\w{1,16}-\w{1,16}\b|\d+ \w+ \d{4}, [\d:]+ UTC")

Section = tuple[str, str, str]  # heading, what to know to read it, body


def to_html(summary: Summary, comparison: Comparison | None = None) -> str:
    """The page: headline, table, charts, changed images, comparison, conditions. No script, no address."""
    page = Template((ASSETS / "report.html").read_text(encoding="utf-8"))
    return page.substitute(
        title=escape(f"edgecnn bench: {', '.join(_models(summary))}"),
        style=(ASSETS / "report.css").read_text(encoding="utf-8"),
        headline=_whole(headline(summary)),
        what=_whole(f"{', '.join(_models(summary))} · {summary.bench.host} · {_moment(summary.bench.started)}"),
        badge=_badge(summary),
        alerts=_alerts(summary),
        sections="".join(_section(*section) for section in _sections(summary, comparison)),
        about=about(summary),
    )


def headline(summary: Summary) -> str:
    """The answer to what the page is read for, in a sentence."""
    rows = [row for row in summary.rows if not row.failure and row.queries]
    if not rows:
        return "Nothing could be measured"
    rated = [row for row in rows if row.rate_qps is not None]
    if rated:
        best = max(rated, key=lambda row: row.rate_qps or 0)
        bound = f"{summary.bench.plan.latency_bound_us:,.0f} µs"
        return f"{best.name} answers {best.rate_qps:,.0f} queries a second with 99 of 100 within {bound}"
    faster = [row for row in rows if row.verdict == "faster"]
    if not faster:
        return _no_winner(rows)
    best = max(faster, key=lambda row: row.speedup or 0)
    return f"{best.name} is {speedup_of(best)} faster than {_reference(summary, best)}{_accuracy_of(best)}"


def _whole(text: str) -> str:
    """Escaped, with intervals, names and dates each kept on one line."""
    return UNBROKEN.sub(r'<span class="whole">\g<0></span>', escape(text))


def _moment(started: str) -> str:
    return datetime.fromisoformat(started).strftime("%-d %B %Y, %H:%M UTC")


def _no_winner(rows: Sequence[Row]) -> str:
    if len(rows) > 1:
        return f"No contender is shown to be faster than {rows[0].reference}"
    if rows[0].p50_us is None:
        return f"{rows[0].name} was measured alone"
    return f"{rows[0].name} has a median latency of {number(rows[0].p50_us)} µs"


def _reference(summary: Summary, row: Row) -> str:
    reference = next(other for other in summary.rows if other.name == row.reference)
    return f"{reference.name}, TensorFlow's fastest way" if reference.runtime == "tensorflow" else reference.name


def _accuracy_of(row: Row) -> str:
    match row.accuracy_verdict:
        case "no difference shown":
            return ", and no difference in accuracy is shown"
        case None:
            return ""
        case verdict:
            return f", and {verdict}"


def _models(summary: Summary) -> list[str]:
    return list(dict.fromkeys(item.contender.model for item in summary.bench.measurements))


def _badge(summary: Summary) -> str:
    if summary.bench.is_stable:
        return '<span class="badge stable">stable</span>'
    return '<span class="badge unstable">UNSTABLE</span>'


def _alerts(summary: Summary) -> str:
    bench = summary.bench
    boxes = []
    if bench.stability_issues:
        stability_issues = "".join(
            f"<li>{escape(issue.reason)}: {escape(issue.remedy)}</li>" for issue in bench.stability_issues
        )
        boxes.append(f'<div class="alert"><b>UNSTABLE: these figures may not hold</b><ul>{stability_issues}</ul></div>')
    if bench.partial:
        boxes.append('<div class="alert"><b>PARTIAL</b>: stopped before the end; the rest was not measured</div>')
    for item in bench.failures:
        reason = f"<b>{escape(item.contender.name)} failed</b>: {escape(item.failure or '')}"
        boxes.append(f'<div class="alert failed">{reason}</div>')
    boxes += [f'<div class="alert failed">{escape(line)}</div>' for line in bench.unscored]
    boxes += [f'<p class="note">{escape(recorded_line(found))}</p>' for found in bench.recorded]
    boxes += [f'<p class="note">missing: {escape(note)}</p>' for note in bench.missing]
    return "".join(boxes)


def _section(heading: str, note: str, body: str) -> str:
    lead = f'<p class="soft">{note.replace(" %", "&nbsp;%")}</p>' if note else ""
    return f"<section><h2>{heading}</h2>{lead}{body}</section>"


def _sections(summary: Summary, comparison: Comparison | None) -> Iterator[Section]:
    measured = [row for row in summary.rows if row.queries]
    yield "Figures", "", _figures(summary)
    timed = [row for row in measured if row.p50_us is not None]
    if timed:
        note = "How long the queries took. Marks, from the longest: p50, p90, p99; ▴ is the p50 of an empty model."
        yield "Latency", note, _latency(summary, timed)
    compared = [row for row in measured if row.speedup_low is not None]
    if compared:
        yield (
            "Speed-up",
            "Against each model's reference, with its 95 % interval. On the dark line there is no difference.",
            _ratios(compared),
        )
    scored = [row for row in timed if row.accuracy is not None]
    if scored:
        note = "Up and to the left is better. Bars are 95 % intervals, the dashed steps are the Pareto front."
        yield "Accuracy against latency", note, plane(scored)
    yield from scenario(summary)
    if measured:
        yield (
            "Memory",
            "More than an empty Python takes. Light is the peak, dark the steady state.",
            _memory(measured),
        )
        yield (
            "Start",
            "From a new process to its first answer. Dark is loading the file and the first inference.",
            _start(measured),
        )
        yield "File size", "", _sizes(measured)
    if summary.bench.datasets:
        yield "Images that changed label", "", changed_images(summary)
    if comparison:
        yield "Since an earlier run", "", _comparison(comparison)


def table(headings: Sequence[str], body: Sequence[str]) -> str:
    head = "".join(_heading(title) for title in headings)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table></div>'


def _heading(title: str) -> str:
    words = ' class="words"' if title in WORDS else ""
    return f'<th scope="col"{words}>{escape(title)}</th>'


def _figures(summary: Summary) -> str:
    """A table for each group of columns: side by side they would be wider than a screen."""
    shown = columns(summary.rows)
    groups = [[column for column in shown if column.group == group] for group in GROUPS]
    return "".join(_figures_of(summary, group) for group in groups if group)


def _figures_of(summary: Summary, shown: Sequence[Column]) -> str:
    body = []
    for row in summary.rows:
        if row.failure:
            cells = f'<td class="reason" colspan="{len(shown)}">failed: {escape(row.failure)}</td>'
        else:
            cells = "".join(_cell(column.title, column.cell(row) or NOTHING) for column in shown)
        body.append(f'<tr class="{row.runtime}"><th scope="row">{escape(row.name)}</th>{cells}</tr>')
    return table(["contender", *(column.title for column in shown)], body)


def _cell(title: str, text: str) -> str:
    if title not in WORDS:
        return f"<td>{escape(text)}</td>"
    return f'<td class="words {escape(text.partition(" ")[0])}">{escape(text)}</td>'


def _latency(summary: Summary, rows: Sequence[Row]) -> str:
    samples = {
        item.contender.name: [value / 1000 for part in item.rounds for value in part.ns]
        for item in summary.bench.measurements
        if not item.failure
    }
    ends = [row.p99_us or row.p90_us or row.p50_us or 0 for row in rows]
    floors = [row.floor_us for row in rows if row.floor_us]
    scale = axis([*ends, *floors, *(min(samples[row.name]) for row in rows)], log=True)
    strips = []
    for row in rows:
        shares = {"p50": row.p50_us, "p90": row.p90_us, "p99": row.p99_us, "floor": row.floor_us}
        marks = [mark(scale, at, kind, f"{kind} {number(at)} µs") for kind, at in shares.items() if at]
        drawn = density(scale, samples[row.name], f"{row.name}: {len(samples[row.name]):,} queries") + "".join(marks)
        strips.append(Strip(row.name, row.runtime, drawn, f"{number(row.p50_us)} µs"))
    return chart("Distribution of latency by contender, in microseconds", strips, scale, "µs")


def _ratios(rows: Sequence[Row]) -> str:
    ends = [value for row in rows for value in (row.speedup_low, row.speedup_high) if value]
    scale = axis([*ends, 1.0], log=True, mirrored=True)
    strips = []
    for row in rows:
        assert row.speedup is not None
        assert row.speedup_low is not None
        assert row.speedup_high is not None
        said = f"{speedup_of(row)}, {row.verdict}"
        drawn = mark(scale, 1.0, "one", "no difference") + whisker(scale, row.speedup_low, row.speedup_high, said)
        strips.append(
            Strip(row.name, row.runtime, drawn + mark(scale, row.speedup, "dot", said), speedup_of(row) or "")
        )
    return chart("Speed-up over the reference by contender", strips, scale, "← slower, faster →")


def _bars(rows: Sequence[tuple[Row, float, float | None, str]], label: str, unit: str) -> str:
    """Bars of (row, length, inner length, figure)."""
    scale = axis([length for _, length, _, _ in rows], zero=True)
    strips = [
        Strip(row.name, row.runtime, bar(scale, length, f"{row.name}: {figure}", inner=inner), figure)
        for row, length, inner, figure in rows
    ]
    return chart(label, strips, scale, unit)


def _memory(rows: Sequence[Row]) -> str:
    found = [(row, row.peak_mib, row.steady_mib, f"{number(row.peak_mib)} MiB") for row in rows if row.peak_mib]
    return _bars(found, "Peak and steady memory by contender", "MiB") if found else ""


def _start(rows: Sequence[Row]) -> str:
    found = [
        (row, row.cold_ms or 0.0, (row.init_ms or 0) + (row.first_ms or 0), f"{row.cold_ms:,.0f} ms") for row in rows
    ]
    return _bars(found, "Cold start by contender", "ms")


def _sizes(rows: Sequence[Row]) -> str:
    found = [
        (row, (row.file_bytes or 0) / 1000, (row.file_bytes or 0) / 1000, f"{(row.file_bytes or 0) / 1000:,.0f} kB")
        for row in rows
    ]
    return _bars(found, "File size by contender", "kB")


def _comparison(comparison: Comparison) -> str:
    body = [
        f'<tr><th scope="row">{escape(name)}</th><td class="words">{escape(figure)}</td><td>{then}</td><td>{now}</td>'
        f"<td>{change}</td>{_cell('verdict', said)}</tr>"
        for name, figure, then, now, change, said in change_rows(comparison)
    ]
    notes = "".join(f'<p class="note">{escape(line)}</p>' for line in comparison_notes(comparison))
    return table(CHANGE_HEADINGS, body) + notes
