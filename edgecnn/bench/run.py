"""The stage: models in; figures, reports, a comparison and judged rules out."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgecnn.bench import rules as gate
from edgecnn.bench.compare import Comparison, compare, require_comparable
from edgecnn.bench.contenders import start_list
from edgecnn.bench.figures import Summary, summarize
from edgecnn.bench.measure import measure_entries
from edgecnn.bench.reports.csv import to_csv
from edgecnn.bench.reports.document import read, to_json
from edgecnn.bench.reports.html import to_html
from edgecnn.bench.reports.markdown import to_markdown
from edgecnn.bench.results import Plan
from edgecnn.bench.rules import RuleHit
from edgecnn.files import atomic, require_writable
from edgecnn.host.machine import this_host
from edgecnn.progress import OnProgress, ignore

Format = Callable[[Summary, Comparison | None], str]
FORMATS: dict[str, Format] = {
    "json": to_json,
    "csv": lambda summary, _: to_csv(summary),
    "markdown": to_markdown,
    "html": to_html,
}


@dataclass(frozen=True)
class Outcome:
    """What came of a bench: its figures, their change, the rules that hold, and why others cannot be judged."""

    summary: Summary
    comparison: Comparison | None
    held: tuple[RuleHit, ...]
    unjudged: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether all that was asked for was measured."""
        return not (self.summary.bench.failures or self.summary.bench.partial or self.unjudged)


def bench(
    models: Sequence[str | Path],
    plan: Plan = Plan(),  # noqa: B008 (frozen)
    *,
    data: str | Path | None = None,
    runtimes: Iterable[str] = (),
    earlier: Path | None = None,
    force: bool = False,
    fail_if: Sequence[str] = (),
    reports: Sequence[Path] = (),
    progress: OnProgress = ignore,
) -> Outcome:
    """Measure `models`, compare with an `earlier` run's JSON, and judge the rules of `fail_if`.

    Whatever can be found wrong beforehand, among it `reports` that cannot be written, is raised before anything is
    measured: BenchError, ModelError, DataError, OutputError, MissingDependencyError; UsageError for a rule on what is
    not there.
    """
    rules = [gate.parse(text) for text in fail_if]
    entries = start_list(models, threads=plan.threads, batch=plan.batch, runtimes=runtimes)
    gate.require_known(rules, [item.name for entry in entries for item in entry.contenders])
    before = read(earlier) if earlier else None
    forced = require_comparable(before, this_host(), plan, force=force) if before else ()
    for path in reports:
        require_writable(path)
    summary = summarize(measure_entries(entries, plan, data=data, progress=progress))
    comparison = compare(before, summary.bench, forced) if before else None
    return Outcome(summary, comparison, gate.held(rules, summary.rows), gate.unjudged(rules, summary.rows))


def report(outcome: Outcome, kind: str) -> str:
    """The outcome as text: json, csv, markdown or html."""
    return FORMATS[kind](outcome.summary, outcome.comparison)


def write_report(outcome: Outcome, kind: str, path: Path) -> None:
    """The same in a file, whole or not at all. Raises OutputError."""
    with atomic(path) as temporary:
        temporary.write_text(report(outcome, kind), encoding="utf-8")
