"""How results and progress look to a person: data on stdout, everything else on stderr."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from edgecnn.bench.run import Outcome
    from edgecnn.doctor import Check
    from edgecnn.exporting.export import Exported
    from edgecnn.exporting.lint import Lint
    from edgecnn.graph.coverage import Coverage
    from edgecnn.info import ModelInfo
    from edgecnn.progress import OnProgress, Progress
    from edgecnn.quantizing.result import QuantizationResult
    from edgecnn.recipes import Recipe
    from edgecnn.training.train import Trained

DEFAULT_MODEL = "models/edge"


def say(line: str) -> None:
    typer.echo(line, err=True)


@contextmanager
def progress_bar(quiet: bool, *, still: bool = False) -> Iterator["OnProgress"]:
    """A bar on stderr that shows the progress it is given; silent where stderr is not a terminal or with --quiet.

    A `still` one is drawn only when it is told to, as drawing would disturb what is being timed.
    """
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    console = Console(stderr=True)
    with RichProgress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[figures]}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        auto_refresh=not still,
        disable=quiet or not console.is_terminal,
    ) as bar:
        task = bar.add_task("starting", total=None, figures="")

        def show(at: "Progress") -> None:
            bar.update(task, description=at.doing, total=at.steps, completed=at.done, figures=at.figures)
            if still:
                bar.refresh()

        yield show


def print_bench(outcome: "Outcome") -> None:
    from edgecnn.bench.reports.tables import comparison_notes, comparison_table, conditions, tables

    _print_tables(lambda width: tables(outcome.summary, width))
    for line in conditions(outcome.summary):
        typer.echo(line)
    comparison = outcome.comparison
    if comparison:
        typer.echo()
        _print_tables(lambda _: [comparison_table(comparison)])
        for line in comparison_notes(comparison):
            typer.echo(line)


def _print_tables(tables: "Callable[[int], list[Table]]") -> None:
    from rich.console import Console

    from edgecnn.bench.reports.tables import width_of

    for drawn in tables(Console().width):
        # Never narrower than the table: a line that wraps is better than a figure cut short.
        Console(width=max(Console().width, width_of(drawn))).print(drawn, "")


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


def print_trained(trained: "Trained") -> None:
    card, folder = trained.card, trained.folder
    assert card.training is not None
    typer.echo(
        f"{card.name}: {card.parameters:,} parameters, {card.training.epochs} epochs in {card.training.seconds:.0f} s"
    )
    typer.echo(f"validation  {card.validation}")
    typer.echo(f"test        {card.test}")
    for number, mistake in enumerate(trained.confusion.worst()):
        typer.echo(f"{'' if number else 'confused':<12}{mistake}")
    pictures = (folder.curves, folder.confusion, folder.errors, folder.filters)
    written = (folder.keras, folder.card_path, folder.history, *pictures)
    typer.echo(f"wrote       {folder.path}: {', '.join(path.name for path in written)}")
    if trained.removed:
        say(f"removed {', '.join(path.name for path in trained.removed)}: exports of the earlier model")
    say("next: edgecnn export --quantize" + ("" if str(folder.path) == DEFAULT_MODEL else f" {folder.path}"))


def print_exported(exported: "Exported") -> None:
    comparison = exported.comparison
    say_notes(exported.notes)
    typer.echo(f"{exported.path}: float32, {exported.record.bytes:,} bytes, opset {exported.record.opset}")
    typer.echo(
        f"  verified on {exported.verified_on}: probabilities differ by at most "
        f"{comparison.max_difference:.1e}, no label changed"
    )
    if exported.record.accuracy:
        typer.echo(f"  accuracy  {exported.record.accuracy}")


def print_quantized(report: "QuantizationResult", explain: bool) -> None:
    from edgecnn.quantizing.result import reasons, table

    if explain:
        _print_tables(lambda _: [table(report)])
        typer.echo("\n".join([*reasons(report), ""]))
    say_notes(report.notes)
    record, details = report.record, report.record.quantization
    if report.chosen is None:
        typer.echo(f"{report.path}: float32 stays, {record.bytes:,} bytes; {report.reason}")
    else:
        form = " ".join(str(details[key]) for key in ("activations", "weights") if key in details)
        smaller = f"{record.bytes:,} bytes ({record.bytes / report.bytes_before:.0%} of float32)"
        typer.echo(f"{report.path}: {details['scheme']} {form}".rstrip() + f", {smaller}")
        typer.echo(f"  chosen           {report.chosen.candidate.name}: {report.reason}")
        typer.echo(f"  accuracy before  {report.before}")
        typer.echo(f"  accuracy after   {report.after}")
        typer.echo(f"  agreement with float32  {record.agreement:.2%}")
    if report.tuning:
        typer.echo(f"  session here     {report.tuning.settings}")
    if report.removed:
        say(f"removed {report.removed}: an int8 file of an earlier time, which float32 replaces")
    if not explain and len(report.trials) > 1:
        say(f"{len(report.trials)} candidates were tried: --explain shows them")


def say_notes(notes: "Sequence[str]") -> None:
    """What its user should know and need not act on, on stderr."""
    for note in notes:
        say(f"note: {note}")


def print_info(item: "ModelInfo") -> None:
    graph = item.graph
    macs = f"{graph['macs']:,} multiply-accumulates an image" if graph["macs"] is not None else "open shapes"
    typer.echo(f"{item.path}: {item.precision}, {item.bytes:,} bytes")
    typer.echo(f"  input           {item.input}")
    typer.echo(f"  output          {item.output}")
    typer.echo(f"  labels          {', '.join(item.labels[:20])}{', …' if len(item.labels) > 20 else ''}")
    typer.echo(f"  format          opset {graph['opset']}, IR version {graph['ir_version']}")
    typer.echo(f"  operators       {', '.join(f'{count} {op}' for op, count in graph['operators'].items())}")
    typer.echo(f"  size            {graph['parameters']:,} parameters, {macs}")
    decision = item.metadata.get("decision")
    if isinstance(decision, dict):
        tried = f"{decision['chosen']}, of {len(decision['candidates'])} candidates and float32: {decision['reason']}"
        typer.echo(f"  {'decision':<16}{tried}")
    for key, value in item.metadata.items():
        if key not in ("labels", "decision"):
            typer.echo(f"  {key.replace('_', ' '):<16}{_plainly(value)}")
    say_notes(item.notes)
    if item.coverage:
        _print_coverage(item.coverage)
    elif item.precision != "float32":
        typer.echo("  coverage        needs the onnx package: pip install 'edgecnn[quantize]'")


def _print_coverage(coverage: "Coverage") -> None:
    from edgecnn.graph.fast_paths import explain

    share = "an unknown share" if coverage.int8_macs is None else f"{coverage.int8_macs:.0%}"
    typer.echo(
        f"  coverage        {share} of the multiply-accumulates in int8, "
        f"as onnxruntime {coverage.onnxruntime} optimizes it for {coverage.machine}"
    )
    widest = max((len(node.name) for node in coverage.nodes), default=0)
    for node in coverage.nodes:
        typer.echo(f"  {'':<16}{node.name:<{widest}}  {node.operator:<21}  {node.precision}")
    for left in coverage.leftovers:
        typer.echo(f"  left over       {left.name} ({left.operator}) between {left.after} and {', '.join(left.before)}")
    for judged in coverage.convolutions:
        for line in explain(judged):
            typer.echo(f"  fast path       {line}")


def _plainly(value: Any) -> str:
    """A tree of plain values as one line."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plainly(item)}" for key, item in value.items())
    return ", ".join(map(_plainly, value)) if isinstance(value, list | tuple) else str(value)


def print_recipe(recipe: "Recipe", measured: "dict[str, Any] | None") -> None:
    typer.echo(f"{recipe.name}\n  {recipe.summary}")
    seeds = f", mean of {measured['seeds']} seeds" if measured and "seeds" in measured else ""
    reached = f"{measured['test']['value']:.2%} in {measured['seconds']:.0f} s{seeds}" if measured else "not measured"
    stated = ", ".join(f"{item.accuracy:.2%} ({item.source})" for item in recipe.published) or "none stated"
    typer.echo(f"  test accuracy {reached}" if recipe.ours else f"  published {stated}; reproduced {reached}")


def print_lint(linted: "Lint") -> None:
    from edgecnn.graph.fast_paths import explain

    typer.echo(f"{linted.recipe}: the fast int8 path of onnxruntime")
    for judged in linted.convolutions:
        fast = " and ".join(verdict.architecture for verdict in judged.verdicts if verdict.fast)
        for line in [*([f"{judged.convolution} takes it on {fast}"] if fast else []), *explain(judged)]:
            typer.echo(f"  {line}")


def print_checks(checks: "Sequence[Check]") -> None:
    topics = max(len(check.topic) for check in checks)
    for check in checks:
        typer.echo(f"{check.status:<8} {check.topic:<{topics}}  {check.found}")
        if check.remedy:
            typer.echo(f"{'':<8} {'':<{topics}}  → {check.remedy}")
