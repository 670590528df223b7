"""Typer commands: parse, call the library, print. Data goes to stdout, everything else to stderr."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from edgecnn import console
from edgecnn.bench import RUNTIMES, Scenario
from edgecnn.console import DEFAULT_MODEL
from edgecnn.errors import EdgecnnError, UsageError
from edgecnn.quantizing.schemes import Scheme, Target


class ErrorTranslatingGroup(TyperGroup):
    """The one place that turns an EdgecnnError into a line on stderr and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except EdgecnnError as error:
            console.say(f"error: {error}")
            raise typer.Exit(2 if isinstance(error, UsageError) else 1) from error


app = typer.Typer(
    cls=ErrorTranslatingGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Train a small CNN in TensorFlow, ship it as ONNX, and know what it costs on the device it runs on.",
)

DataOption = Annotated[
    str | None,
    typer.Option("--data", metavar="PATH", help="IDX folder, .npz file or image folder.", show_default=False),
]
OutOption = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="The model folder.", show_default=False)]
QuietOption = Annotated[bool, typer.Option("--quiet", help="No progress bar.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


@app.command()
def train(
    recipe: Annotated[str, typer.Option(help="What to train: see 'edgecnn recipes'.")] = "edge",
    data: DataOption = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Default: the recipe's own.", show_default=False)] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same weights.")] = 0,
    limit: Annotated[int | None, typer.Option(min=2, help="Use so many training images.", show_default=False)] = None,
    no_augment: Annotated[bool, typer.Option("--no-augment", help="Take the images as they are, undistorted.")] = False,
    out: OutOption = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on after the last complete epoch.")] = False,
    tensorboard: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write TensorBoard logs.", show_default=False)
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Print the model summary.")] = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train a recipe and write its model folder, models/RECIPE unless --out says otherwise."""
    from edgecnn.folder import ModelFolder, default_folder
    from edgecnn.recipes import find_recipe

    chosen = find_recipe(recipe)
    from edgecnn.data import MNIST, load
    from edgecnn.training.train import train as run

    folder = ModelFolder(out) if out else default_folder(chosen.name)
    dataset = load(data or MNIST, limit)
    with console.progress_bar(quiet) as progress:
        trained = run(
            chosen,
            dataset,
            folder,
            epochs=epochs,
            seed=seed,
            limit=limit,
            augment=not no_augment,
            resume=resume,
            tensorboard=tensorboard,
            progress=progress,
            summary=console.say if verbose else lambda _: None,
        )
    if as_json:
        typer.echo(trained.card.to_json(), nl=False)
    else:
        console.print_trained(trained)


@app.command()
def export(
    model: Annotated[str, typer.Argument(help="Model folder, .keras, .h5, SavedModel or .onnx.")] = DEFAULT_MODEL,
    quantize: Annotated[bool, typer.Option("--quantize", help="Make it smaller and faster, where that pays.")] = False,
    scheme: Annotated[Scheme, typer.Option(help="How to quantize; auto tries, measures and chooses.")] = "auto",
    target: Annotated[Target, typer.Option(help="The processor that int8 is for.")] = "host",
    max_drop: Annotated[
        float, typer.Option(min=0, metavar="POINTS", help="Accuracy that int8 may lose, in percentage points.")
    ] = 0.1,
    explain: Annotated[bool, typer.Option("--explain", help="Show every candidate and its figures.")] = False,
    data: DataOption = None,
    calibration_images: Annotated[int, typer.Option(help="Training images that set int8's ranges.")] = 512,
    opset: Annotated[int, typer.Option(min=13, max=18, help="The ONNX operator set.")] = 17,
    out: OutOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Convert a model to ONNX, prove that it does the same, and with --quantize make it smaller and faster."""
    source: str | Path = model
    if not (quantize and model.endswith(".onnx")):
        from edgecnn.exporting.export import export as convert

        exported = convert(model, out=out, data=data, opset=opset)
        source, card = exported.path, exported.card
        if not as_json:
            console.print_exported(exported)
    if quantize:
        from edgecnn.quantizing.quantize import quantize as run

        with console.progress_bar(quiet, still=True) as progress:
            quantized = run(
                source,
                scheme=scheme,
                target=target,
                max_drop=max_drop,
                data=data,
                calibration_images=calibration_images,
                out=out,
                progress=progress,
            )
        card = quantized.card
        if not as_json:
            console.print_quantized(quantized, explain)
    if as_json:
        typer.echo(card.to_json(), nl=False)


RuntimeOption = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help=f"{', '.join(RUNTIMES)}; repeatable. Default: all installed."),
]
ScenarioOption = Annotated[Scenario, typer.Option(help="One query after another, large batches, or random arrivals.")]
RateOption = Annotated[
    list[float] | None,
    typer.Option(metavar="QPS", help="server: arrivals a second; repeatable. Default: search.", show_default=False),
]
BoundOption = Annotated[float, typer.Option(metavar="US", help="server: the p99 allowed, in µs.")]
TimeoutOption = Annotated[float, typer.Option(min=1, metavar="S", help="Seconds until a contender counts as hung.")]
CompareOption = Annotated[
    Path | None, typer.Option(metavar="F", help="Show what changed since the run in this JSON.", show_default=False)
]
RuleOption = Annotated[
    list[str] | None,
    typer.Option(metavar="RULE", help="Exit with 3 if 'onnx-int8.p90_us > 200'; repeatable.", show_default=False),
]
JsonFile = Annotated[str | None, typer.Option("--json", metavar="F", help="Write JSON with raw samples.")]
CsvFile = Annotated[str | None, typer.Option("--csv", metavar="F", help="Write CSV.")]
MarkdownFile = Annotated[str | None, typer.Option("--markdown", metavar="F", help="Write Markdown.")]
HtmlFile = Annotated[str | None, typer.Option("--html", metavar="F", help="Write a page with charts.")]


@app.command()
def bench(
    models: Annotated[
        list[str] | None,
        typer.Argument(metavar="MODEL", help="Model folders, .onnx or .keras files.", show_default=False),
    ] = None,
    runtime: RuntimeOption = None,
    scenario: ScenarioOption = "single-stream",
    threads: Annotated[int, typer.Option(min=1, help="Threads a contender may use.")] = 1,
    batch: Annotated[int, typer.Option(min=1, help="Images a query.")] = 1,
    duration: Annotated[float, typer.Option(min=0.1, metavar="S", help="Seconds a contender is timed.")] = 3.0,
    rate: RateOption = None,
    latency_bound: BoundOption = 10_000,
    timeout: TimeoutOption = 120,
    data: DataOption = None,
    json_file: JsonFile = None,
    csv_file: CsvFile = None,
    markdown_file: MarkdownFile = None,
    html_file: HtmlFile = None,
    compare: CompareOption = None,
    force: Annotated[bool, typer.Option("--force", help="Compare even with another host or setting.")] = False,
    fail_if: RuleOption = None,
    quiet: QuietOption = False,
) -> None:
    """Measure latency, memory and accuracy against the original TensorFlow model. F may be - for stdout."""
    from edgecnn.bench import run
    from edgecnn.bench.results import Plan

    named = {"json": json_file, "csv": csv_file, "markdown": markdown_file, "html": html_file}
    wanted = {kind: name for kind, name in named.items() if name is not None}
    plan = Plan(
        scenario, threads, batch, duration, timeout=timeout, rates=tuple(rate or ()), latency_bound_us=latency_bound
    )
    with console.progress_bar(quiet, still=True) as progress:
        outcome = run.bench(
            models or [DEFAULT_MODEL],
            plan,
            data=data,
            runtimes=runtime or (),
            earlier=compare,
            force=force,
            fail_if=fail_if or (),
            reports=[Path(name) for name in wanted.values() if name != "-"],
            progress=progress,
        )
    if "-" not in wanted.values():
        console.print_bench(outcome)
    for kind, name in wanted.items():
        if name == "-":
            typer.echo(run.report(outcome, kind), nl=False)
        else:
            run.write_report(outcome, kind, Path(name))
    console.say_outcome(outcome)
    if not outcome.complete or outcome.held:
        raise typer.Exit(3 if outcome.complete else 1)


@app.command()
def predict(
    images: Annotated[list[str], typer.Argument(metavar="IMAGE", help="Pictures, folders, or - for a list on stdin.")],
    model: Annotated[str, typer.Option(help="An .onnx file, a model folder or a published model.")] = "edge",
    top: Annotated[int, typer.Option(min=1, help="So many labels for each picture.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Label pictures: file, label and probability, one line each."""
    from edgecnn.predict import classify_files
    from edgecnn.runtime.classifier import Classifier

    paths = [path for image in images for path in (_stdin_lines() if image == "-" else [image])]
    classifier = Classifier(model)
    console.say_notes(classifier.notes)
    results = classify_files(classifier, paths, top)
    if as_json:
        rows = [{"file": str(path), "predictions": [asdict(guess) for guess in best]} for path, best in results]
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for path, best in results:
        typer.echo("\t".join([str(path), *(f"{guess.label}\t{guess.probability:.4f}" for guess in best)]))


@app.command()
def info(
    model: Annotated[str, typer.Argument(help="An .onnx file, a model folder or a published model.")],
    as_json: JsonOption = False,
) -> None:
    """Say what a model file is: interface, operators, size, precision, origin."""
    from edgecnn.info import inspect

    described = inspect(model)
    if as_json:
        rows = [{**asdict(item), "path": str(item.path)} for item in described]
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for item in described:
        console.print_info(item)


@app.command()
def recipes(
    as_lint: Annotated[
        bool, typer.Option("--lint", help="Say which convolutions would miss a fast int8 path.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List what can be trained, with published and reproduced accuracy."""
    if as_lint:
        _lint(as_json)
        return
    from edgecnn.recipes import RECIPES, reproduced

    measured = reproduced()
    if as_json:
        rows = [{**asdict(recipe), "reproduced": measured.get(recipe.name)} for recipe in RECIPES.values()]
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for recipe in RECIPES.values():
        console.print_recipe(recipe, measured.get(recipe.name))


def _lint(as_json: bool) -> None:
    from edgecnn.exporting.lint import lint
    from edgecnn.recipes import RECIPES

    linted = [lint(recipe) for recipe in RECIPES.values()]
    if as_json:
        typer.echo(json.dumps([asdict(item) for item in linted], indent=2, ensure_ascii=False))
        return
    for item in linted:
        console.print_lint(item)


@app.command()
def doctor(as_json: JsonOption = False) -> None:
    """Check this machine for training, exporting and running; exit with 1 on a problem."""
    from edgecnn.doctor import examine, healthy

    checks = examine()
    if as_json:
        typer.echo(json.dumps([asdict(check) for check in checks], indent=2, ensure_ascii=False))
    else:
        console.print_checks(checks)
    if not healthy(checks):
        raise typer.Exit(1)


def _stdin_lines() -> list[str]:
    return [line.rstrip("\r\n") for line in sys.stdin if line.strip()]
