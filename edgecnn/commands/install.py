"""edgecnn install."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from edgecnn import console, streams
from edgecnn.commands import options as opt
from edgecnn.commands.options import option
from edgecnn.commands.tune import plain, print_tuned
from edgecnn.errors import OutputError
from edgecnn.progress_bar import progress_bar
from edgecnn.streams import put

File = Annotated[Path, typer.Argument(metavar="FILE", help="What 'edgecnn bundle' wrote.")]
Folder = Annotated[
    Path | None, option("--out", metavar="DIR", help="Install to DIR. Default: models/NAME in this folder.")
]
Untuned = Annotated[bool, typer.Option("--no-tune", help="Do not measure which file is the fastest here.")]


def install(
    file: File,
    out: Folder = None,
    no_tune: Untuned = False,
    quiet: opt.Quiet = False,
    as_json: opt.Json = False,
) -> None:
    """Unpack a bundle, and tune it for this machine.

    Every file is checked before anything is written. A folder that holds another model is left as it is.
    """
    from edgecnn.installing import install as run
    from edgecnn.tuning import tune

    done = run(file, out)
    lacks = [f"the bundle lacks {text}" for text in done.manifest.lacks]
    if not as_json:
        put(f"{done.path}: {len(done.manifest.files)} files of {done.manifest.name}")
    tuned = None
    if not no_tune:
        try:
            with progress_bar(quiet, still=True) as progress:
                tuned = tune(done.path, progress=progress)
        except OutputError as error:  # the model is installed all the same
            lacks.append(f"the result of tuning is not kept: {error}")
    if as_json:
        found = plain(tuned) if tuned else None
        streams.print_json({"path": str(done.path), "manifest": asdict(done.manifest), "tuned": found})
    elif tuned:
        print_tuned(tuned)
    console.say_notes(lacks)
