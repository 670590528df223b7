"""Typer commands: parse, call the library, print. Data goes to stdout, everything else to stderr."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from edgecnn import console
from edgecnn.console import DEFAULT_MODEL
from edgecnn.errors import EdgecnnError
from edgecnn.exporting.schemes import Scheme, Target


class ErrorTranslatingGroup(TyperGroup):
    """The one place that turns an EdgecnnError into a line on stderr and exit code 1."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except EdgecnnError as error:
            console.say(f"error: {error}")
            raise typer.Exit(1) from error


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
ReportFile = str | None


@app.command()
def train(
    recipe: Annotated[str, typer.Option(help="What to train: see 'edgecnn recipes'.")] = "edge",
    data: DataOption = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Default: the recipe's own.", show_default=False)] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same weights.")] = 0,
    limit: Annotated[int | None, typer.Option(min=2, help="Use so many training images.", show_default=False)] = None,
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
    from edgecnn.training.fit import train as run

    folder = ModelFolder(out) if out else default_folder(chosen.name)
    dataset = load(data or MNIST, limit)
    with console.training_bar(quiet) as progress:
        trained = run(
            chosen,
            dataset,
            folder,
            epochs=epochs,
            seed=seed,
            limit=limit,
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
    quantize: Annotated[bool, typer.Option("--quantize", help="Write a smaller precision too.")] = False,
    scheme: Annotated[Scheme, typer.Option(help="How to quantise; auto is static int8.")] = "auto",
    target: Annotated[Target, typer.Option(help="The processor that int8 is for.")] = "host",
    data: DataOption = None,
    opset: Annotated[int, typer.Option(min=13, max=18, help="The ONNX operator set.")] = 17,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Convert a model to ONNX, prove that it does the same, and with --quantize make it smaller."""
    from edgecnn.exporting import stage

    source: str | Path = model
    if not (quantize and model.endswith(".onnx")):
        exported = stage.export(model, out=out, data=data, opset=opset)
        source = exported.path
        if not as_json:
            console.print_exported(exported)
    if quantize:
        quantized = stage.quantize(source, scheme=scheme, target=target, out=out, data=data)
        if not as_json:
            console.print_quantized(quantized)
    if as_json:
        card = quantized.card if quantize else exported.card
        typer.echo(card.to_json(), nl=False)


@app.command()
def bench(
    models: Annotated[
        list[str] | None, typer.Argument(metavar="MODEL", help="Model folders or .onnx files.", show_default=False)
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads a contender may use.")] = 1,
    batch: Annotated[int, typer.Option(min=1, help="Images a query.")] = 1,
    duration: Annotated[float, typer.Option(min=0.1, metavar="S", help="Seconds a contender is timed.")] = 3.0,
    data: DataOption = None,
    json_file: Annotated[ReportFile, typer.Option("--json", metavar="F", help="Write JSON with raw samples.")] = None,
    csv_file: Annotated[ReportFile, typer.Option("--csv", metavar="F", help="Write CSV.")] = None,
    markdown_file: Annotated[ReportFile, typer.Option("--markdown", metavar="F", help="Write Markdown.")] = None,
    quiet: QuietOption = False,
) -> None:
    """Measure latency, memory and accuracy against the original TensorFlow model. F may be - for stdout."""
    from edgecnn.bench import report
    from edgecnn.bench.measure import measure
    from edgecnn.folder import ModelFolder

    formats = (json_file, report.to_json), (csv_file, report.to_csv), (markdown_file, report.markdown)
    wanted = [(name, write) for name, write in formats if name is not None]
    for name, _ in wanted:
        if name != "-":
            ModelFolder(Path(name).parent).prepare()  # rather now than when everything has been measured
    with console.bench_bar(quiet) as progress:
        measured = measure(
            models or [DEFAULT_MODEL], data=data, threads=threads, batch=batch, duration=duration, progress=progress
        )
    for name, write in wanted:
        _write_report(name, write(measured))
    if all(name != "-" for name, _ in wanted):
        console.print_bench(measured)


@app.command()
def predict(
    images: Annotated[list[str], typer.Argument(metavar="IMAGE", help="Pictures, folders, or - for a list on stdin.")],
    model: Annotated[str, typer.Option(help="An .onnx file, a model folder or a published model.")] = "edge",
    top: Annotated[int, typer.Option(min=1, help="So many labels for each picture.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Label pictures: file, label and probability, one line each."""
    from edgecnn.pictures import classify_files
    from edgecnn.runtime import Classifier

    paths = [path for image in images for path in (_stdin_lines() if image == "-" else [image])]
    results = classify_files(Classifier(model), paths, top)
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
def recipes(as_json: JsonOption = False) -> None:
    """List what can be trained, with published and reproduced accuracy."""
    from edgecnn.recipes import RECIPES, reproduced

    measured = reproduced()
    if as_json:
        rows = [{**asdict(recipe), "reproduced": measured.get(recipe.name)} for recipe in RECIPES.values()]
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for recipe in RECIPES.values():
        console.print_recipe(recipe, measured.get(recipe.name))


def _stdin_lines() -> list[str]:
    return [line.rstrip("\r\n") for line in sys.stdin if line.strip()]


def _write_report(name: str, text: str) -> None:
    from edgecnn.folder import atomic

    if name == "-":
        typer.echo(text, nl=False)
        return
    with atomic(Path(name)) as path:
        path.write_text(text, encoding="utf-8")
