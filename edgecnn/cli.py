"""Typer commands: parse, call the library, print. Data goes to stdout, everything else to stderr."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from edgecnn.errors import EdgecnnError
from edgecnn.exporting.schemes import Scheme, Target

if TYPE_CHECKING:
    from edgecnn.bench.measure import Bench, Stage
    from edgecnn.exporting.stage import Exported, Quantized
    from edgecnn.info import ModelInfo
    from edgecnn.training.fit import Progress, Trained

DEFAULT_MODEL = "models/edge"


class ErrorTranslatingGroup(TyperGroup):
    """The one place that turns an EdgecnnError into a line on stderr and exit code 1."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except EdgecnnError as error:
            _say(f"error: {error}")
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
    with _training_bar(quiet) as progress:
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
            summary=_say if verbose else lambda _: None,
        )
    if as_json:
        typer.echo(trained.card.to_json(), nl=False)
    else:
        _print_trained(trained)


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
            _print_exported(exported)
    if quantize:
        quantized = stage.quantize(source, scheme=scheme, target=target, out=out, data=data)
        if not as_json:
            _print_quantized(quantized)
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

    with _bench_bar(quiet) as progress:
        measured = measure(
            models or [DEFAULT_MODEL], data=data, threads=threads, batch=batch, duration=duration, progress=progress
        )
    formats = (json_file, report.to_json), (csv_file, report.to_csv), (markdown_file, report.markdown)
    wanted = [(name, write(measured)) for name, write in formats if name is not None]
    for name, text in wanted:
        _write_report(name, text)
    if all(name != "-" for name, _ in wanted):
        _print_tables(measured)
        for line in report.conditions(measured):
            typer.echo(line)


@app.command()
def predict(
    images: Annotated[
        list[str], typer.Argument(metavar="IMAGE...", help="Pictures, folders, or - for a list on stdin.")
    ],
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
        _print_info(item)


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
        published = ", ".join(f"{item.accuracy:.2%} ({item.source})" for item in recipe.published) or "none stated"
        ours = measured.get(recipe.name)
        reached = f"{ours['test']['value']:.2%} in {ours['seconds']:.0f} s" if ours else "not measured"
        typer.echo(f"{recipe.name}\n  {recipe.summary}\n  published {published}; reproduced {reached}")


def _say(line: str) -> None:
    typer.echo(line, err=True)


def _stdin_lines() -> list[str]:
    return [line.rstrip("\r\n") for line in sys.stdin if line.strip()]


@contextmanager
def _bar(quiet: bool, *columns: Any) -> Iterator[Any]:
    """A rich progress bar on stderr; silent where stderr is no terminal or with --quiet."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    console = Console(stderr=True)
    with RichProgress(
        TextColumn("{task.description}"),
        BarColumn(),
        *columns,
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=quiet or not console.is_terminal,
    ) as bar:
        yield bar


@contextmanager
def _training_bar(quiet: bool) -> Iterator["Callable[[Progress], None]"]:
    from rich.progress import TextColumn

    with _bar(quiet, TextColumn("loss {task.fields[loss]}  validation {task.fields[accuracy]}")) as bar:
        task = bar.add_task("training", total=None, loss="…", accuracy="…")

        def show(at: "Progress") -> None:
            bar.update(
                task,
                description=f"epoch {at.epoch}/{at.epochs}",
                total=at.epochs * at.steps,
                completed=(at.epoch - 1) * at.steps + at.step,
                loss=f"{at.loss:.4f}",
                accuracy=f"{at.last.validation_accuracy:.2%}" if at.last else "…",
            )

        yield show


@contextmanager
def _bench_bar(quiet: bool) -> Iterator["Callable[[Stage], None]"]:
    with _bar(quiet) as bar:
        task = bar.add_task("starting", total=None)
        yield lambda at: bar.update(task, description=at.doing, total=at.steps, completed=at.done)


def _write_report(name: str, text: str) -> None:
    from edgecnn.folder import atomic

    if name == "-":
        typer.echo(text, nl=False)
        return
    with atomic(Path(name)) as path:
        path.write_text(text, encoding="utf-8")


def _print_tables(measured: "Bench") -> None:
    from rich.console import Console

    from edgecnn.bench.report import tables, width_of

    for drawn in tables(measured, Console().width):
        # Never narrower than the table: a line that wraps is better than a figure cut short.
        Console(width=max(Console().width, width_of(drawn))).print(drawn, "")


def _print_trained(trained: "Trained") -> None:
    card, folder = trained.card, trained.folder
    assert card.training is not None
    typer.echo(
        f"{card.name}: {card.parameters:,} parameters, {card.training.epochs} epochs in {card.training.seconds:.0f} s"
    )
    typer.echo(f"validation  {card.validation}")
    typer.echo(f"test        {card.test}")
    written = (folder.keras, folder.card_path, folder.history, folder.curves)
    typer.echo(f"wrote       {folder.path}: {', '.join(path.name for path in written)}")
    if trained.removed:
        _say(f"removed {', '.join(path.name for path in trained.removed)}: exports of the earlier model")
    _say("next: edgecnn export --quantize" + ("" if str(folder.path) == DEFAULT_MODEL else f" {folder.path}"))


def _print_exported(exported: "Exported") -> None:
    comparison = exported.comparison
    for note in exported.notes:
        _say(f"note: {note}")
    typer.echo(f"{exported.path}: float32, {exported.record.bytes:,} bytes, opset {exported.record.opset}")
    typer.echo(
        f"  verified on {exported.verified_on}: probabilities differ by at most "
        f"{comparison.max_difference:.1e}, no label changed"
    )
    if exported.record.accuracy:
        typer.echo(f"  accuracy  {exported.record.accuracy}")


def _print_quantized(quantized: "Quantized") -> None:
    record = quantized.record
    details = record.quantization
    form = " ".join(str(details[key]) for key in ("activations", "weights") if key in details)
    typer.echo(
        f"{quantized.path}: {details['scheme']} {form}".rstrip()
        + f", {record.bytes:,} bytes ({record.bytes / quantized.bytes_before:.0%} of float32)"
    )
    typer.echo(f"  accuracy before  {quantized.before}")
    typer.echo(f"  accuracy after   {quantized.after}")
    typer.echo(f"  agreement with float32  {record.agreement:.2%}")


def _print_info(item: "ModelInfo") -> None:
    graph = item.graph
    macs = f"{graph['macs']:,} multiply-accumulates an image" if graph["macs"] is not None else "open shapes"
    typer.echo(f"{item.path}: {item.precision}, {item.bytes:,} bytes")
    typer.echo(f"  input           {item.input}")
    typer.echo(f"  output          {item.output}")
    typer.echo(f"  labels          {', '.join(item.labels[:20])}{', …' if len(item.labels) > 20 else ''}")
    typer.echo(f"  format          opset {graph['opset']}, IR version {graph['ir_version']}")
    typer.echo(f"  operators       {', '.join(f'{count} {op}' for op, count in graph['operators'].items())}")
    typer.echo(f"  size            {graph['parameters']:,} parameters, {macs}")
    for key, value in item.metadata.items():
        if key != "labels":
            typer.echo(f"  {key.replace('_', ' '):<16}{_plainly(value)}")


def _plainly(value: Any) -> str:
    """A tree of plain values as one line."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plainly(item)}" for key, item in value.items())
    return ", ".join(map(_plainly, value)) if isinstance(value, list | tuple) else str(value)
