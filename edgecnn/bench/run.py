"""Runs a whole bench: measures models, compares with an earlier run, checks rules and writes reports."""

from collections.abc import Callable, Iterable, Mapping, Sequence
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
from edgecnn.bundles.unpacking import unpacked
from edgecnn.errors import OutputError
from edgecnn.files import atomic, require_writable
from edgecnn.host.machine import this_host
from edgecnn.processes import stopping
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
    """The outcome of a bench.

    `summary` has its figures and `comparison` their changes since an earlier run. `held` are the rules that hold, and
    `unjudged` says which contenders were not scored and which rules cannot be checked, and why.
    """

    summary: Summary
    comparison: Comparison | None
    held: tuple[RuleHit, ...]
    unjudged: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether everything was measured, scored and checked."""
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
    """Measure `models`, compare with an `earlier` run's JSON file, and check the rules of `fail_if`.

    `data` and `runtimes` are those of `measure`. `force` compares with a run of another host or other settings too.
    `reports` are the files that will be written later. Errors that can be found in advance are raised before anything
    is measured: BenchError, ModelError, DataError, MissingDependencyError, OutputError for a report that cannot be
    written, and UsageError for a rule about an unknown contender or an unknown runtime.
    """
    rules = [gate.parse(text) for text in fail_if]
    with unpacked(models) as bundles:
        entries = start_list(models, threads=plan.threads, batch=plan.batch, runtimes=runtimes, bundles=bundles)
        gate.require_known(rules, [item.name for entry in entries for item in entry.contenders])
        before = read(earlier) if earlier else None
        forced = require_comparable(before, this_host(), plan, force=force) if before else ()
        if before:
            compare(before, before)  # if its figures cannot be compared, it is better known now
        for path in reports:
            require_writable(path)
        summary = summarize(measure_entries(entries, plan, data=data, progress=progress))
    comparison = compare(before, summary.bench, forced) if before else None
    unjudged = (*summary.bench.unscored, *gate.unjudged(rules, summary.rows))
    return Outcome(summary, comparison, gate.held(rules, summary.rows), unjudged)


def report(outcome: Outcome, kind: str) -> str:
    """The outcome as text. `kind` is json, csv, markdown or html."""
    return FORMATS[kind](outcome.summary, outcome.comparison)


def write_reports(outcome: Outcome, wanted: Mapping[str, Path]) -> tuple[str, ...]:
    """Write the report of each kind to its file. Returns why some were not written.

    A partial run does not replace the file of an earlier one.
    """
    return tuple(reason for kind, path in wanted.items() if (reason := _unwritten(outcome, kind, path)))


def _unwritten(outcome: Outcome, kind: str, path: Path) -> str | None:
    if outcome.summary.bench.partial and path.is_file():
        return f"{path} stays as it was: this run was stopped before its end"
    try:
        write_report(outcome, kind, path)
    except OutputError as error:
        return str(error)
    return None


def write_report(outcome: Outcome, kind: str, path: Path) -> None:
    """Write the report to a file, completely or not at all. Raises OutputError."""
    with atomic(path) as temporary:
        temporary.write_text(report(outcome, kind), encoding="utf-8")
    stopping.wrote(path)
