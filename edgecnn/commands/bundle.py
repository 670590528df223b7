"""edgecnn bundle."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from edgecnn import console, streams
from edgecnn.commands import options as opt
from edgecnn.commands.options import DEFAULT_MODEL, option
from edgecnn.progress_bar import progress_bar
from edgecnn.streams import put

BundledModel = Annotated[
    str | None,
    typer.Argument(
        metavar="MODEL", help=f"A model folder, or the name of a shipped model. {DEFAULT_MODEL}", show_default=False
    ),
]
OutFile = Annotated[
    Path | None, option("--out", metavar="F", help="Write the bundle to F. Default: NAME.edgecnn.zip in this folder.")
]
Again = Annotated[bool, typer.Option("--again", help="Measure the TensorFlow model anew, also if that is kept.")]


def bundle(
    model: BundledModel = None,
    out: OutFile = None,
    data: opt.Data = None,
    again: Again = False,
    quiet: opt.Quiet = False,
    as_json: opt.Json = False,
) -> None:
    """Put a model into one file for other machines.

    It holds the ONNX files, the card, 1,000 test images, the calibration images, and what the TensorFlow model answers
    and how fast it is on this machine. The same model becomes the same bytes.
    """
    from edgecnn.bundling import bundle as run

    with progress_bar(quiet, still=True) as progress:
        done = run(model or opt.default_model(), out, data=data, again=again, progress=progress)
    lacks = [f"the bundle lacks {text}" for text in done.manifest.lacks]
    if as_json:
        manifest = asdict(done.manifest)
        streams.print_json({"path": str(done.path), "bytes": done.bytes, "sha256": done.sha256, "manifest": manifest})
    else:
        put(f"{done.path}: {len(done.manifest.files)} files of {done.manifest.name}, {done.bytes:,} bytes")
    console.say_notes(lacks)
