"""The arguments and options of the commands, each with its help, and which of them do nothing without another."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from edgecnn.bench import RUNTIMES, Scenario
from edgecnn.errors import UsageError
from edgecnn.folder import DEFAULT
from edgecnn.preprocessing import NAMED, Preprocessing, parse
from edgecnn.quantizing.schemes import Scheme, Target

STDOUT = "-"
LONGEST_PATH = 4096  # bytes: what Linux takes, and more than macOS does
DEFAULT_MODEL = f"Default: models/{DEFAULT} if it is here, else the shipped model {DEFAULT!r}."
DATA = "The data set: a folder of IDX files or of pictures, or an .npz file."


def _option(*names: str, metavar: str | None = None, **settings: Any) -> Any:
    """An option without a default that its help should name."""
    return typer.Option(*names, metavar=metavar, show_default=False, **settings)


def _recipes() -> list[str]:
    from edgecnn.recipes import RECIPES

    return list(RECIPES)


# Of several commands
Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="A model folder, an .onnx file, or the name of a shipped model.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Draw no progress bar.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Out = Annotated[Path | None, _option("--out", metavar="DIR", help="Write the model folder to DIR.")]
Data = Annotated[
    str | None,
    _option("--data", metavar="PATH", help=f"{DATA} Default: what the model was trained with, or MNIST."),
]

# train
Recipe = Annotated[
    str, typer.Option(metavar="NAME", help="The recipe: 'edgecnn recipes' lists them.", autocompletion=_recipes)
]
TrainingData = Annotated[str | None, _option("--data", metavar="PATH", help=f"{DATA} Default: MNIST.")]
Epochs = Annotated[int | None, _option(min=1, metavar="N", help="Train for N epochs. Default: as the recipe says.")]
Seed = Annotated[int, typer.Option(min=0, max=2**32 - 1, metavar="N", help="The same seed gives the same weights.")]
Limit = Annotated[int | None, _option(min=2, metavar="N", help="Train on N images only.")]
NoAugment = Annotated[bool, typer.Option("--no-augment", help="Do not distort the training images.")]
Resume = Annotated[bool, typer.Option("--resume", help="Continue a training that was stopped.")]
TensorBoard = Annotated[Path | None, _option(metavar="DIR", help="Write TensorBoard logs to DIR.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Print a summary of the network.")]

# export
Original = Annotated[
    str | None,
    typer.Argument(
        metavar="MODEL",
        help="A model folder, a .keras or .h5 file, a SavedModel folder, or an .onnx file of another tool. "
        + DEFAULT_MODEL,
        show_default=False,
    ),
]
Quantize = Annotated[
    bool, typer.Option("--quantize", help="Also write a smaller, faster file, if one pays on this machine.")
]
SchemeName = Annotated[
    Scheme, typer.Option(metavar="SCHEME", help="auto (try several ways and choose), static, dynamic or float16.")
]
TargetName = Annotated[
    Target, typer.Option(metavar="TARGET", help="Quantize for this processor: host, x86-64, arm64 or any.")
]
MaxDrop = Annotated[
    float, typer.Option(min=0, metavar="POINTS", help="How much accuracy int8 may lose, in percentage points.")
]
Explain = Annotated[bool, typer.Option("--explain", help="Show everything that was tried.")]
CalibrationImages = Annotated[int, typer.Option(metavar="N", help="Set the ranges of int8 by N training images.")]
Tolerance = Annotated[
    float | None,
    _option(min=0, metavar="P", help="Accept probabilities that differ by P. Default: what rounding explains."),
]
Preprocess = Annotated[
    str | None,
    _option(
        metavar="HOW",
        help=f"How a float model wants its pixels: {', '.join(NAMED)}, or MEAN/STD of pixels from 0 to 1, "
        "such as 0.5,0.5,0.5/0.2,0.2,0.2. Default: what it was trained with, as far as that can be found out.",
    ),
]
Signature = Annotated[str | None, _option(metavar="NAME", help="Export this one of a SavedModel's signatures.")]
Output = Annotated[str | None, _option(metavar="NAME", help="Export this one of several outputs.")]
Opset = Annotated[int, typer.Option(min=13, max=18, metavar="N", help="The version of ONNX's operators.")]

# bench
Models = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="MODEL",
        help=f"Model folders, .onnx or .keras files, or names of shipped models. {DEFAULT_MODEL}",
        show_default=False,
    ),
]
RuntimeNames = Annotated[
    list[str] | None,
    _option(
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
    _option(
        metavar="QPS",
        help="With --scenario server: queries a second. May be repeated. Default: search for the highest rate.",
    ),
]
LatencyBound = Annotated[
    float, typer.Option(metavar="US", help="With --scenario server: the p99 that is allowed, in microseconds.")
]
Timeout = Annotated[float, typer.Option(min=1, metavar="S", help="Give up a contender that is silent for S seconds.")]
Compare = Annotated[Path | None, _option(metavar="F", help="Show what changed since the run that --json wrote to F.")]
Force = Annotated[bool, typer.Option("--force", help="Compare even with a run of another machine or other settings.")]
FailIf = Annotated[
    list[str] | None,
    _option(metavar="RULE", help="Exit with 3 if RULE holds, such as 'onnx-int8.p90_us > 200'. May be repeated."),
]
JsonFile = Annotated[str | None, _option("--json", metavar="F", help="Write JSON with every sample to F.")]
CsvFile = Annotated[str | None, _option("--csv", metavar="F", help="Write CSV to F.")]
MarkdownFile = Annotated[str | None, _option("--markdown", metavar="F", help="Write Markdown to F.")]
HtmlFile = Annotated[str | None, _option("--html", metavar="F", help="Write a page with charts to F.")]

# predict
Pictures = Annotated[
    list[str],
    typer.Argument(metavar="PICTURE", help="Pictures, folders of pictures, or - to read their names from stdin."),
]
PredictModel = Annotated[
    str | None,
    _option(
        "--model", metavar="MODEL", help=f"A model folder, an .onnx file, or a shipped model's name. {DEFAULT_MODEL}"
    ),
]
Top = Annotated[int, typer.Option(min=1, metavar="K", help="Show the K likeliest labels of each picture.")]
Segment = Annotated[
    bool, typer.Option("--segment", help="Read all digits of each picture, with their boxes. Default: one digit.")
]
Raw = Annotated[bool, typer.Option("--raw", help="Resize the picture and invert it; do not look for a digit in it.")]
MinConfidence = Annotated[
    float | None,
    _option(min=0, max=1, metavar="P", help="Below this probability, a label is uncertain. Default: the model's own."),
]
ShowSteps = Annotated[
    Path | None, _option(metavar="F", help="Draw how the digits of the one PICTURE were found, as a PNG file F.")
]

# sheet
SheetFiles = Annotated[
    list[Path],
    typer.Argument(metavar="FILE", help="Where to write a sheet: a .pdf or .png file. With --read, filled sheets."),
]
ReadSheets = Annotated[
    bool, typer.Option("--read", help="Read photographs or scans of filled sheets, and write their digits.")
]
DigitsOut = Annotated[
    Path | None,
    _option("--out", metavar="FOLDER", help="With --read: write the data set to FOLDER. Default: digits."),
]

# info
FastPaths = Annotated[
    bool,
    typer.Option(
        "--fast-paths", help="Say which convolutions have a fast int8 path in onnxruntime, on x86-64 and on arm64."
    ),
]


def refuse_empty(arguments: Iterable[str]) -> None:
    """Raises UsageError: an empty path would mean the current folder, which an unset variable of a script does not."""
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if not (value if name.startswith("--") and equals else argument):
            raise UsageError(f"{f'the value of {name}' if name else 'an argument'} is empty: give a name or a path")


def preprocessing_of(text: str | None) -> Preprocessing | None:
    """Raises UsageError for an unknown one."""
    return None if text is None else parse(text)


def refuse_idle_export_options(ctx: typer.Context, model: str | None, *, quantize: bool, scheme: Scheme) -> None:
    """Raises UsageError."""
    if not quantize:
        _refuse(ctx, ("scheme", "target", "max_drop", "explain", "calibration_images"), "without --quantize")
    if scheme != "auto":
        _refuse(ctx, ["max_drop"], f"with --scheme {scheme}: it is what --scheme auto chooses by")
    if scheme in ("dynamic", "float16"):
        _refuse(ctx, ["calibration_images"], f"with --scheme {scheme}, which needs no calibration")
    if model and model.endswith(".onnx"):
        idle = ("opset", "signature", *(("tolerance",) if quantize else ()))
        _refuse(ctx, idle, "for an .onnx file, which keeps the operators it has")


def refuse_idle_bench_options(ctx: typer.Context, scenario: Scenario, compare: Path | None) -> None:
    """Raises UsageError."""
    if scenario != "server":
        _refuse(ctx, ("rate", "latency_bound"), "without --scenario server")
    if scenario == "offline":
        _refuse(ctx, ["batch"], "with --scenario offline, which tries batch sizes of its own")
    if compare is None:
        _refuse(ctx, ["force"], "without --compare")


def refuse_idle_sheet_options(ctx: typer.Context, sheets: Sequence[Path], *, read: bool) -> None:
    """Raises UsageError."""
    if not read:
        _refuse(ctx, ["out"], "without --read")
        if len(sheets) > 1:
            raise UsageError(
                f"{len(sheets)} files were given, and one sheet is written: give one, or --read to read them"
            )


def refuse_odd_predict_options(images: Sequence[str], *, raw: bool, segment: bool, show_steps: Path | None) -> None:
    """Raises UsageError."""
    if raw and (segment or show_steps):
        raise UsageError(f"{'--segment' if segment else '--show-steps'} does nothing with --raw")
    if show_steps and (len(images) != 1 or images[0] == STDOUT):
        raise UsageError("--show-steps draws one picture: give one")


def _refuse(ctx: typer.Context, names: Sequence[str], when: str) -> None:
    """An option that is ignored is a mistake that its user would not notice."""
    given = [f"--{name.replace('_', '-')}" for name in names if _is_given(ctx, name)]
    if given:
        raise UsageError(f"{' and '.join(given)} {'does' if len(given) == 1 else 'do'} nothing {when}")


def _is_given(ctx: typer.Context, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def refuse_two_reports_in_one_place(wanted: Mapping[str, str]) -> None:
    """`wanted` are places by format. Raises UsageError where one report would overwrite or follow another."""
    for place in wanted.values():
        formats = [f"--{kind}" for kind, name in wanted.items() if name == place]
        if len(formats) > 1:
            where = "stdout" if place == STDOUT else place
            raise UsageError(f"{' and '.join(formats)} would both write to {where}: give each a file of its own")
