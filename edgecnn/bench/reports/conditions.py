"""What a run's figures hold for, and what casts doubt on them: lines of text, the same in every format."""

from collections.abc import Sequence

from edgecnn.bench.best import Best, bests
from edgecnn.bench.compare import Comparison
from edgecnn.bench.figures import Summary
from edgecnn.bench.reports.numbers import times
from edgecnn.bench.results import Recorded

UNSTABLE = "UNSTABLE: these figures may not hold, see below"


def conditions(summary: Summary) -> list[str]:
    """What the figures hold for, and what to issue in them: lines of text."""
    bench = summary.bench
    versions = ", ".join(f"{name} {version}" for name, version in bench.host.versions.items())
    lines = [f"{bench.host}; {versions}", _how(summary), _what(summary)]
    if bench.partial:
        lines.append("PARTIAL: stopped before the end; what is missing was not measured")
    lines += [f"failed: {item.contender.name}: {item.failure}" for item in bench.failures]
    lines += bench.unscored
    lines += [f"UNSTABLE: {issue.reason}; {issue.remedy}" for issue in bench.stability_issues]
    lines += map(recorded_line, bench.recorded)
    lines += [f"note: {note}" for note in bench.notes]
    lines += [f"missing: {note}" for note in bench.missing]
    return lines + [best_here(found, bench.is_stable) for found in bests(summary)]


def best_here(found: Best, is_stable: bool = True) -> str:
    """Which contender to take on this machine, as a sentence."""
    doubt = "" if is_stable else "UNSTABLE, so perhaps: "
    start = f"{doubt}best here for {found.model}: {found.name} ({found.file})"
    if found.is_shown:
        return f"{start}, {times(found.ahead, ' faster')} than {found.next}"
    return f"{start} or {found.next}; neither is shown to be faster: {times(found.ahead)}"


def recorded_line(found: Recorded) -> str:
    """That a record is of another machine or day, and what it holds for."""
    versions = ", ".join(f"{name} {version}" for name, version in found.host.versions.items())
    ways = ", ".join(item.contender.name for item in found.measurements)
    doubt = "; UNSTABLE there" if found.stability_issues else ""
    return (
        f"recorded: {ways} of {found.model} on {found.host}, at {found.started}, "
        f"{found.plan.threads} thread{'s' if found.plan.threads > 1 else ''}, batch {found.plan.batch}{doubt}; "
        f"{versions}; its labels are compared with those of this run, its times are not"
    )


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
    judges = {row.agrees_with for row in summary.rows if row.agrees_with is not None}
    others = sorted(judges - set(references))
    labels = f", labels with {', '.join(others)}" if others else ""
    sources = ", ".join(sorted({data.source for data in bench.datasets.values()}))
    accuracy = f"accuracy on the test images of {sources}" if sources else "noise for images, no accuracy"
    return f"compared with {', '.join(references) or 'nothing'}{labels}; {accuracy}; memory is over an empty Python's"


def comparison_notes(comparison: Comparison) -> list[str]:
    """What to know before believing the changes: lines of text."""
    lines = [f"compared with the run of {comparison.earlier}"]
    if comparison.forced:
        lines.append(f"FORCED: the two runs are not comparable: {'; '.join(comparison.forced)}")
    lines += [f"differs: {note}" for note in comparison.notes]
    lines += [f"only in the earlier run: {name}" for name in comparison.only_then]
    return lines + [f"only in this run: {name}" for name in comparison.only_now]
