"""edgecnn export, also with --quantize."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgecnn import console, streams
from edgecnn.commands import options as opt
from edgecnn.commands.options import DEFAULT_MODEL, option, refuse_idle
from edgecnn.folder import DEFAULT, default_folder
from edgecnn.progress_bar import progress_bar
from edgecnn.quantizing.schemes import Scheme, Target
from edgecnn.streams import put, say

if TYPE_CHECKING:
    from edgecnn.exporting.export import Exported
    from edgecnn.exporting.verify import Comparison
    from edgecnn.quantizing.result import QuantizationResult

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
    option(min=0, metavar="P", help="Accept probabilities that differ by P. Default: what rounding explains."),
]
Signature = Annotated[str | None, option(metavar="NAME", help="Export this one of a SavedModel's signatures.")]
Output = Annotated[str | None, option(metavar="NAME", help="Export this one of several outputs.")]
Opset = Annotated[int, typer.Option(min=13, max=18, metavar="N", help="The version of ONNX's operators.")]
Web = Annotated[
    Path | None,
    option("--web", metavar="DIR", help="Only write a page to draw on to DIR, which runs the ONNX file in a browser."),
]
SingleFile = Annotated[bool, typer.Option("--single-file", help="With --web: write the page as one HTML file.")]
CONVERTING = (
    *("quantize", "scheme", "target", "max_drop", "explain", "data", "calibration_images", "opset", "tolerance"),
    *("preprocess", "signature", "output", "out"),
)


def export(
    ctx: typer.Context,
    model: Original = None,
    quantize: Quantize = False,
    scheme: SchemeName = "auto",
    target: TargetName = "host",
    max_drop: MaxDrop = 0.1,
    explain: Explain = False,
    data: opt.Data = None,
    calibration_images: CalibrationImages = 512,
    opset: Opset = 17,
    tolerance: Tolerance = None,
    preprocess: opt.Preprocess = None,
    signature: Signature = None,
    output: Output = None,
    out: opt.Out = None,
    web: Web = None,
    single_file: SingleFile = False,
    quiet: opt.Quiet = False,
    as_json: opt.Json = False,
) -> None:
    """Convert a model to ONNX, and quantize it.

    The ONNX file is compared with the original on real images, and written only if both give the same answers. Of an
    .onnx file, a copy is written that says how it wants its pixels.
    """
    if web:
        refuse_idle(ctx, CONVERTING, "with --web, which takes the ONNX file as it is")
        _write_page(model or opt.default_model(), web, single_file=single_file, as_json=as_json)
        return
    refuse_idle(ctx, ["single_file"], "without --web")
    _refuse_idle(ctx, model, quantize=quantize, scheme=scheme)
    if model is None:
        out = out or default_folder(DEFAULT).path  # a shipped model is not written to
    given = model or opt.default_model()
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
            _print_exported(exported)
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
            _print_quantized(quantized, explain)
    if as_json:
        streams.print_data(card.to_json())


def _write_page(model: str, folder: Path, *, single_file: bool, as_json: bool) -> None:
    from edgecnn.page.standalone import write

    page = write(model, folder, single_file=single_file)
    if as_json:
        streams.print_json({"files": [str(path) for path in page.paths], "bytes": page.size})
    else:
        put(f"{page.paths[-1]}: a page of {page.size:,} bytes in all, for any web host")
        here = f"open {page.paths[-1]} in a browser" if single_file else f"python3 -m http.server --directory {folder}"
        say(f"next: {here}")


def _refuse_idle(ctx: typer.Context, model: str | None, *, quantize: bool, scheme: Scheme) -> None:
    """Raises UsageError."""
    if not quantize:
        refuse_idle(ctx, ("scheme", "target", "max_drop", "explain", "calibration_images"), "without --quantize")
    if scheme != "auto":
        refuse_idle(ctx, ["max_drop"], f"with --scheme {scheme}: it is what --scheme auto chooses by")
    if scheme in ("dynamic", "float16"):
        refuse_idle(ctx, ["calibration_images"], f"with --scheme {scheme}, which needs no calibration")
    if model and model.endswith(".onnx"):
        idle = ("opset", "signature", *(("tolerance",) if quantize else ()))
        refuse_idle(ctx, idle, "for an .onnx file, which keeps the operators it has")


def _changes(comparison: "Comparison") -> str:
    changed = round((1 - comparison.agreement) * comparison.images)
    return f"{changed} labels changed, each a tie" if changed else "no label changed"


def _print_exported(exported: "Exported") -> None:
    comparison = exported.comparison
    put(f"{exported.path}: {exported.record.precision}, {exported.record.bytes:,} bytes, opset {exported.record.opset}")
    put(
        f"  verified on {exported.verified_on}: probabilities differ by at most "
        f"{comparison.max_difference:.1e}, {_changes(comparison)}"
    )
    if exported.record.accuracy:
        put(f"  accuracy  {exported.record.accuracy}")


def _print_quantized(report: "QuantizationResult", explain: bool) -> None:
    from edgecnn.info import precision_of
    from edgecnn.quantizing.result import reasons, table

    if explain:
        console.print_tables(lambda _: [table(report)])
        for line in (*reasons(report), ""):
            put(line)
    record, details = report.record, report.record.quantization
    if report.chosen is None:
        put(f"{report.path}: float32 stays, {record.bytes:,} bytes; {report.reason}")
    else:
        smaller = f"{record.bytes:,} bytes ({record.bytes / report.bytes_before:.0%} of float32)"
        put(f"{report.path}: {precision_of(details)}, {smaller}")
        put(f"  chosen           {report.chosen.candidate.name}: {report.reason}")
        put(f"  accuracy before  {report.before}")
        put(f"  accuracy after   {report.after}")
        put(f"  agreement with float32  {record.agreement:.2%}")
    if report.tuning:
        put(f"  session here     {report.tuning.settings}")
    if report.removed:
        say(f"removed {report.removed}: an earlier int8 file, which float32 replaces")
    if not explain and len(report.trials) > 1:
        say(f"{len(report.trials)} candidates were tried: --explain shows them")
