"""Typer commands: parse, call the library, print. Data goes to stdout, everything else to stderr."""

import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from edgecnn import console, streams
from edgecnn import options as opt
from edgecnn.errors import EdgecnnError, TrainingInterrupted, UsageError
from edgecnn.folder import DEFAULT, default_folder, default_model
from edgecnn.processes import stopping
from edgecnn.progress_bar import progress_bar, training_bar
from edgecnn.serve_command import serve


class ErrorTranslatingGroup(TyperGroup):
    """The one place that turns an EdgecnnError into a line on stderr and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            opt.refuse_empty(ctx.args)
            return super().invoke(ctx)
        except EdgecnnError as error:
            if stopping.stopped():  # and so this is not an error
                if isinstance(error, TrainingInterrupted):
                    stopping.keep(str(error))
                raise typer.Exit from error
            streams.say(f"error: {error}")
            raise typer.Exit(2 if isinstance(error, UsageError) else 1) from error


app = typer.Typer(
    cls=ErrorTranslatingGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help can be read at any width and in any locale
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Train a small CNN in TensorFlow, ship it as ONNX, and know what it costs on the device it runs on.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        console.print_version()
        raise typer.Exit


@app.callback()
def before_any_command(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """The options that stand before a command."""


@app.command()
def train(
    recipe: opt.Recipe = DEFAULT,
    data: opt.TrainingData = None,
    epochs: opt.Epochs = None,
    seed: opt.Seed = 0,
    limit: opt.Limit = None,
    no_augment: opt.NoAugment = False,
    out: opt.Out = None,
    resume: opt.Resume = False,
    tensorboard: opt.TensorBoard = None,
    verbose: opt.Verbose = False,
    quiet: opt.Quiet = False,
    as_json: opt.Json = False,
) -> None:
    """Train a network and write its model folder.

    The folder is models/RECIPE unless --out names another one.
    """
    from edgecnn.folder import ModelFolder
    from edgecnn.recipes import find_recipe

    chosen = find_recipe(recipe)
    from edgecnn.data import MNIST, load
    from edgecnn.training.train import train as run

    folder = ModelFolder(out) if out else default_folder(chosen.name)
    dataset = load(data or MNIST, limit)
    with training_bar(quiet) as progress:
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
            summary=streams.say if verbose else lambda _: None,
        )
    if as_json:
        streams.print_data(trained.card.to_json())
    else:
        console.print_trained(trained)


@app.command()
def export(
    ctx: typer.Context,
    model: opt.Original = None,
    quantize: opt.Quantize = False,
    scheme: opt.SchemeName = "auto",
    target: opt.TargetName = "host",
    max_drop: opt.MaxDrop = 0.1,
    explain: opt.Explain = False,
    data: opt.Data = None,
    calibration_images: opt.CalibrationImages = 512,
    opset: opt.Opset = 17,
    tolerance: opt.Tolerance = None,
    preprocess: opt.Preprocess = None,
    signature: opt.Signature = None,
    output: opt.Output = None,
    out: opt.Out = None,
    quiet: opt.Quiet = False,
    as_json: opt.Json = False,
) -> None:
    """Convert a model to ONNX, and quantize it.

    The ONNX file is compared with the original on real images, and written only if both give the same answers. Of an
    .onnx file, a copy is written that says how it wants its pixels.
    """
    opt.refuse_idle_export_options(ctx, model, quantize=quantize, scheme=scheme)
    if model is None:
        out = out or default_folder(DEFAULT).path  # a shipped model is not written to
    given = model or _default_model()
    source: str | Path = given
    how = opt.preprocessing_of(preprocess)
    if not (quantize and given.endswith(".onnx")):
        from edgecnn.exporting.export import export as convert

        exported = convert(
            given,
            out=out,
            data=data,
            opset=opset,
            tolerance=tolerance,
            preprocess=how,
            signature=signature,
            output=output,
        )
        source, card = exported.path, exported.card
        console.say_notes(exported.notes)
        if not as_json:
            console.print_exported(exported)
    if quantize:
        from edgecnn.quantizing.quantize import quantize as run

        with progress_bar(quiet, still=True) as progress:
            quantized = run(
                source,
                scheme=scheme,
                target=target,
                max_drop=max_drop,
                data=data,
                calibration_images=calibration_images,
                out=out,
                preprocess=how,
                output=output if source == given else None,
                progress=progress,
            )
        card = quantized.card
        console.say_notes(quantized.notes)
        if not as_json:
            console.print_quantized(quantized, explain)
    if as_json:
        streams.print_data(card.to_json())


@app.command()
def bench(
    ctx: typer.Context,
    models: opt.Models = None,
    runtime: opt.RuntimeNames = None,
    scenario: opt.ScenarioName = "single-stream",
    threads: opt.Threads = 1,
    batch: opt.Batch = 1,
    duration: opt.Duration = 3.0,
    rate: opt.Rate = None,
    latency_bound: opt.LatencyBound = 10_000,
    timeout: opt.Timeout = 120,
    data: opt.Data = None,
    json_file: opt.JsonFile = None,
    csv_file: opt.CsvFile = None,
    markdown_file: opt.MarkdownFile = None,
    html_file: opt.HtmlFile = None,
    compare: opt.Compare = None,
    force: opt.Force = False,
    fail_if: opt.FailIf = None,
    quiet: opt.Quiet = False,
) -> None:
    """Measure latency, memory and accuracy.

    Each way of running a model is compared with the original TensorFlow model. F may be - for stdout.
    """
    from edgecnn.bench import run
    from edgecnn.bench.results import Plan

    opt.refuse_idle_bench_options(ctx, scenario, compare)
    named = {"json": json_file, "csv": csv_file, "markdown": markdown_file, "html": html_file}
    wanted = {kind: name for kind, name in named.items() if name is not None}
    opt.refuse_two_reports_in_one_place(wanted)
    plan = Plan(
        scenario, threads, batch, duration, timeout=timeout, rates=tuple(rate or ()), latency_bound_us=latency_bound
    )
    given = models or [_default_model()]
    with progress_bar(quiet, still=True) as progress:
        outcome = run.bench(
            given,
            plan,
            data=data,
            runtimes=runtime or (),
            earlier=compare,
            force=force,
            fail_if=fail_if or (),
            reports=[Path(name) for name in wanted.values() if name != opt.STDOUT],
            progress=progress,
        )
    if outcome.summary.bench.partial:
        stopping.keep("")  # because say_outcome says it
    files = {kind: Path(name) for kind, name in wanted.items() if name != opt.STDOUT}
    unwritten = run.write_reports(outcome, files)  # first, because printing may fail
    try:
        for kind in wanted.keys() - files.keys():
            streams.print_data(run.report(outcome, kind))
        if files.keys() == wanted.keys():
            console.print_bench(outcome)
    finally:
        console.say_outcome(outcome)
        for reason in unwritten:
            streams.say(f"error: {reason}")
    complete = outcome.complete and not unwritten
    if not complete or outcome.held:
        raise typer.Exit(3 if complete else 1)


@app.command()
def predict(
    images: opt.Pictures,
    model: opt.PredictModel = None,
    top: opt.Top = 1,
    segment: opt.Segment = False,
    min_confidence: opt.MinConfidence = None,
    show_steps: opt.ShowSteps = None,
    raw: opt.Raw = False,
    preprocess: opt.Preprocess = None,
    as_json: opt.Json = False,
) -> None:
    """Label pictures.

    Each line has a file, its label and the label's probability, with tabs between them. In place of the label is
    "no digit", or "uncertain" before the best guesses. What cannot be read is told on stderr, and the exit code is
    then 1.
    """
    from edgecnn.predict import AT_ONCE
    from edgecnn.readings import Wanted, read_files
    from edgecnn.runtime.classifier import Classifier

    opt.refuse_odd_predict_options(images, raw=raw, segment=segment, show_steps=show_steps)

    paths = (path for image in images for path in (_stdin_lines() if image == opt.STDOUT else [image]))
    how = opt.preprocessing_of(preprocess)
    classifier = Classifier(model or _default_model(), preprocessing=how)
    console.say_notes(classifier.notes)
    if show_steps:
        _write_steps(classifier, Path(images[0]), show_steps, segment=segment)
    wanted = Wanted(top, raw=raw, segment=segment, confidence=min_confidence)
    results = read_files(classifier, paths, wanted, at_once=1 if opt.STDOUT in images else AT_ONCE)
    if as_json:
        console.print_readings_as_json(results, segments=segment)
    else:
        (console.print_segments if segment else console.print_readings)(results)


@app.command()
def sheet(
    ctx: typer.Context,
    files: opt.SheetFiles,
    read: opt.ReadSheets = False,
    out: opt.DigitsOut = None,
    as_json: opt.Json = False,
) -> None:
    """Print a sheet for your own digits, or read filled ones.

    Print sheet.pdf, write a digit into each box, and photograph the page. The data set that --read makes of it is for
    the --data of bench and train.
    """
    opt.refuse_idle_sheet_options(ctx, files, read=read)
    if read:
        from edgecnn.sheet.collecting import DEFAULT, collect

        collected = collect(files, out or DEFAULT)
        if as_json:
            streams.print_json(collected.to_dict())
        else:
            console.print_collected(collected)
        return
    from edgecnn.sheet.drawing import draw

    draw(files[0])
    if as_json:
        streams.print_json({"sheet": str(files[0])})
    else:
        console.print_drawn(files[0])


@app.command()
def info(model: opt.Model, fast_paths: opt.FastPaths = False, as_json: opt.Json = False) -> None:
    """Describe a model: input, operators, size, precision.

    Of a quantized file, it also says what runs in int8 on this machine.
    """
    from edgecnn.info import inspect

    described = inspect(model, fast_paths=fast_paths)
    if as_json:
        streams.print_json([{**asdict(item), "path": str(item.path)} for item in described])
        return
    for item in described:
        console.print_info(item)


@app.command()
def recipes(as_json: opt.Json = False) -> None:
    """List what can be trained, and how accurate it becomes."""
    from edgecnn.recipes import RECIPES, reproduced

    measured = reproduced()
    if as_json:
        rows = [{**asdict(recipe), "reproduced": measured.get(recipe.name)} for recipe in RECIPES.values()]
        streams.print_json(rows)
        return
    for recipe in RECIPES.values():
        console.print_recipe(recipe, measured.get(recipe.name))


app.command()(serve)


@app.command()
def doctor(as_json: opt.Json = False) -> None:
    """Check whether this machine can train, export and run models.

    It exits with 1 if something would not work.
    """
    from edgecnn.doctor import examine, healthy

    checks = examine()
    if as_json:
        streams.print_json([asdict(check) for check in checks])
    else:
        console.print_checks(checks)
    if not healthy(checks):
        raise typer.Exit(1)


def _default_model() -> str:
    folder = default_model()
    console.say_default_model(folder)
    return str(folder.path)


def _stdin_lines() -> Iterator[str]:
    while line := sys.stdin.readline(opt.LONGEST_PATH):
        if not line.endswith("\n") and len(line) == opt.LONGEST_PATH:
            raise UsageError(f"a line on stdin has more than {opt.LONGEST_PATH:,} characters: give one name a line")
        if line.strip():
            yield line.rstrip("\r\n")


def _write_steps(classifier: Any, picture: Path, output: Path, *, segment: bool) -> None:
    from edgecnn.files import atomic
    from edgecnn.imaging.steps import draw_steps
    from edgecnn.readings import look_at, reads_digits

    if not reads_digits(classifier):
        raise UsageError("--show-steps needs a network that reads digits: this one gets the picture resized")
    found, _ = look_at(picture, several=segment)
    with atomic(output) as path:
        draw_steps(found).save(path, "PNG")
    streams.say(f"wrote {output}")
