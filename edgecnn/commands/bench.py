"""edgecnn bench."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgecnn import console, streams
from edgecnn.bench import RUNTIMES, Scenario
from edgecnn.commands import options as opt
from edgecnn.commands.options import DEFAULT_MODEL, STDOUT, option, refuse_idle
from edgecnn.errors import UsageError
from edgecnn.processes import stopping
from edgecnn.progress_bar import progress_bar
from edgecnn.streams import put, say

if TYPE_CHECKING:
    from edgecnn.bench.run import Outcome

Models = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[MODEL]...",
        help=f"Model folders, bundles, .onnx, .keras or .tflite files, or names of shipped models. {DEFAULT_MODEL}",
        show_default=False,
    ),
]
RuntimeNames = Annotated[
    list[str] | None,
    option(
        "--runtime",
        metavar="NAME",
        help=f"Measure with this runtime: {', '.join(RUNTIMES)}. May be repeated. Default: all that are installed.",
        autocompletion=lambda: list(RUNTIMES),
    ),
]
ScenarioName = Annotated[
    Scenario,
    typer.Option(
        metavar="NAME",
        help="single-stream (one query after another), offline (large batches) or server (random arrivals).",
    ),
]
Threads = Annotated[int, typer.Option(min=1, metavar="N", help="How many threads each contender may use.")]
Batch = Annotated[int, typer.Option(min=1, metavar="N", help="How many images are in a query.")]
Duration = Annotated[float, typer.Option(min=0.1, metavar="S", help="How many seconds each contender is timed.")]
Rate = Annotated[
    list[float] | None,
    option(
        metavar="QPS",
        help="With --scenario server: queries a second. May be repeated. Default: search for the highest rate.",
    ),
]
LatencyBound = Annotated[
    float, typer.Option(metavar="US", help="With --scenario server: the p99 that is allowed, in microseconds.")
]
Timeout = Annotated[float, typer.Option(min=1, metavar="S", help="Give up a contender that is silent for S seconds.")]
Compare = Annotated[Path | None, option(metavar="F", help="Show what changed since the run that --json wrote to F.")]
Force = Annotated[bool, typer.Option("--force", help="Compare even with a run of another machine or other settings.")]
FailIf = Annotated[
    list[str] | None,
    option(metavar="RULE", help="Exit with 3 if RULE holds, such as 'onnx-int8.p90_us > 200'. May be repeated."),
]
JsonFile = Annotated[str | None, option("--json", metavar="F", help="Write JSON with every sample to F.")]
CsvFile = Annotated[str | None, option("--csv", metavar="F", help="Write CSV to F.")]
MarkdownFile = Annotated[str | None, option("--markdown", metavar="F", help="Write Markdown to F.")]
HtmlFile = Annotated[str | None, option("--html", metavar="F", help="Write a page with charts to F.")]
ClusterAddress = Annotated[
    str | None,
    option(
        "--cluster",
        metavar="ADDRESS",
        help="Measure on each device that has a worker of the Dask scheduler at ADDRESS, such as "
        "tcp://192.168.1.10:8786.",
    ),
]


def bench(
    ctx: typer.Context,
    models: Models = None,
    runtime: RuntimeNames = None,
    scenario: ScenarioName = "single-stream",
    threads: Threads = 1,
    batch: Batch = 1,
    duration: Duration = 3.0,
    rate: Rate = None,
    latency_bound: LatencyBound = 10_000,
    timeout: Timeout = 120,
    data: opt.Data = None,
    json_file: JsonFile = None,
    csv_file: CsvFile = None,
    markdown_file: MarkdownFile = None,
    html_file: HtmlFile = None,
    compare: Compare = None,
    force: Force = False,
    fail_if: FailIf = None,
    cluster: ClusterAddress = None,
    quiet: opt.Quiet = False,
) -> None:
    """Measure latency, memory and accuracy.

    Each way of running a model is compared with the original TensorFlow model. F may be - for stdout.
    """
    from edgecnn.bench import run
    from edgecnn.bench.results import Plan

    _refuse_idle(ctx, scenario, compare)
    named = {"json": json_file, "csv": csv_file, "markdown": markdown_file, "html": html_file}
    wanted = {kind: name for kind, name in named.items() if name is not None}
    _refuse_two_reports_in_one_place(wanted)
    plan = Plan(
        scenario, threads, batch, duration, timeout=timeout, rates=tuple(rate or ()), latency_bound_us=latency_bound
    )
    if cluster:
        from edgecnn.cluster.connection import require_address
        from edgecnn.cluster.job import job_of
        from edgecnn.commands.devices import bench_on

        refuse_idle(ctx, ("compare", "force"), "with --cluster, whose report is of many devices")
        require_address(cluster)
        job = job_of(models or [opt.default_model()], plan, runtime or (), data)
        bench_on(cluster, job, fail_if or (), wanted, quiet=quiet)
        return
    given = models or [opt.default_model()]
    with progress_bar(quiet, still=True) as progress:
        outcome = run.bench(
            given,
            plan,
            data=data,
            runtimes=runtime or (),
            earlier=compare,
            force=force,
            fail_if=fail_if or (),
            reports=[Path(name) for name in wanted.values() if name != STDOUT],
            progress=progress,
        )
    if outcome.summary.bench.partial:
        stopping.keep("")  # because say_outcome says it
    files = {kind: Path(name) for kind, name in wanted.items() if name != STDOUT}
    unwritten = run.write_reports(outcome, files)  # first, because printing may fail
    try:
        for kind in wanted.keys() - files.keys():
            streams.print_data(run.report(outcome, kind))
        if files.keys() == wanted.keys():
            print_bench(outcome)
    finally:
        say_outcome(outcome)
        for reason in unwritten:
            streams.say(f"error: {reason}")
    complete = outcome.complete and not unwritten
    if not complete or outcome.held:
        raise typer.Exit(3 if complete else 1)


def _refuse_idle(ctx: typer.Context, scenario: Scenario, compare: Path | None) -> None:
    """Raises UsageError."""
    if scenario != "server":
        refuse_idle(ctx, ("rate", "latency_bound"), "without --scenario server")
    if scenario == "offline":
        refuse_idle(ctx, ["batch"], "with --scenario offline, which tries batch sizes of its own")
    if compare is None:
        refuse_idle(ctx, ["force"], "without --compare")


def _refuse_two_reports_in_one_place(wanted: Mapping[str, str]) -> None:
    """`wanted` are places by format. Raises UsageError where one report would overwrite or follow another."""
    for place in wanted.values():
        formats = [f"--{kind}" for kind, name in wanted.items() if name == place]
        if len(formats) > 1:
            where = "stdout" if place == STDOUT else place
            raise UsageError(f"{' and '.join(formats)} would both write to {where}: give each a file of its own")


def print_bench(outcome: "Outcome") -> None:
    from edgecnn.bench.reports.conditions import comparison_notes, conditions
    from edgecnn.bench.reports.tables import comparison_tables, tables

    console.print_tables(lambda width: tables(outcome.summary, width))
    for line in conditions(outcome.summary):
        put(line)
    comparison = outcome.comparison
    if comparison:
        put()
        console.print_tables(lambda width: comparison_tables(comparison, width))
        for line in comparison_notes(comparison):
            put(line)


def say_outcome(outcome: "Outcome") -> None:
    """Why the exit code is not 0, on stderr."""
    for item in outcome.summary.bench.failures:
        say(f"error: {item.contender.name} failed: {item.failure}")
    if outcome.summary.bench.partial:
        say("error: stopped before the end; the figures are of what was measured so far")
    for reason in outcome.unjudged:
        say(f"error: {reason}")
    for held in outcome.held:
        say(f"rule held: {held}")
