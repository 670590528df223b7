"""edgecnn predict."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgecnn import console, streams
from edgecnn.commands import options as opt
from edgecnn.commands.options import DEFAULT_MODEL, STDOUT, option, refuse_idle
from edgecnn.errors import ImageError, UsageError
from edgecnn.streams import print_json_list, put, say

if TYPE_CHECKING:
    from edgecnn.readings import PictureReadings, Reading

LONGEST_PATH = 4096  # bytes: what Linux takes, and more than macOS does

Pictures = Annotated[
    list[str],
    typer.Argument(metavar="PICTURE...", help="Pictures, folders of pictures, or - to read their names from stdin."),
]
PredictModel = Annotated[
    str | None,
    option(
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
    option(
        min=0,
        max=1,
        metavar="P",
        help="Below this probability, a label is uncertain; with 0, none is. Default: the model's own.",
    ),
]
ShowSteps = Annotated[
    Path | None, option(metavar="F", help="Draw how the digits of the one PICTURE were found, as a PNG file F.")
]
CsvFile = Annotated[
    Path | None, option("--csv", metavar="F", help="Write a CSV file F with a row for each digit, by all processors.")
]
Resume = Annotated[
    Path | None, option(metavar="F", help="Continue the CSV file F of a command that was stopped, with the same files.")
]
Workers = Annotated[
    int | None,
    option(min=1, max=64, metavar="N", help="With --csv or --resume: read by N processes. Default: one a processor."),
]

ClusterAddress = Annotated[
    str | None,
    option(
        "--cluster",
        metavar="ADDRESS",
        help="With --csv or --resume: let the workers of the Dask scheduler at ADDRESS read, such as "
        "tcp://192.168.1.10:8786.",
    ),
]


def predict(
    ctx: typer.Context,
    images: Pictures,
    model: PredictModel = None,
    top: Top = 1,
    segment: Segment = False,
    min_confidence: MinConfidence = None,
    show_steps: ShowSteps = None,
    raw: Raw = False,
    preprocess: opt.Preprocess = None,
    csv_file: CsvFile = None,
    resume: Resume = None,
    workers: Workers = None,
    cluster: ClusterAddress = None,
    quiet: opt.Quiet = False,
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
    from edgecnn.runtime.variants import choose

    _refuse_odd(images, raw=raw, segment=segment, show_steps=show_steps)
    wanted = Wanted(top, raw=raw, segment=segment, confidence=min_confidence)
    if csv_file or resume:
        from edgecnn.bulk.worker import Task
        from edgecnn.commands.table import Place, files_in, fill_table, readers

        refuse_idle(ctx, ("top", "show_steps", "as_json"), "with --csv or --resume")
        if cluster:
            from edgecnn.cluster.connection import require_address

            refuse_idle(ctx, ["workers"], "with --cluster, whose workers are started on the devices")
            require_address(cluster)
        count = 0 if STDOUT in images else sum(1 for _ in files_in(images, iter(())))
        place = Place.of(csv_file, resume)
        files = files_in(images, _stdin_lines())
        with readers(workers, cluster) as read:
            choice = choose(model or opt.default_model())
            console.say_notes([choice.note] if choice.note else [])
            task = Task(str(choice.path), preprocess, wanted)  # one file for all processes
            fill_table(task, read, files, place, count=count, quiet=quiet)
        return
    refuse_idle(ctx, ("workers", "cluster", "quiet"), "without --csv or --resume")
    paths = (path for image in images for path in (_stdin_lines() if image == STDOUT else [image]))
    how = opt.preprocessing_of(preprocess)
    classifier = Classifier(model or opt.default_model(), preprocessing=how)
    chosen = classifier.choice.note
    console.say_notes([note for note in classifier.notes if note != chosen])
    if show_steps:
        _write_steps(classifier, Path(images[0]), show_steps, segment=segment)
    results = _noting(chosen, read_files(classifier, paths, wanted, at_once=1 if STDOUT in images else AT_ONCE))
    if as_json:
        _print_as_json(results, str(classifier.path), segments=segment)
    else:
        _print(results, segments=segment)


def _refuse_odd(images: Sequence[str], *, raw: bool, segment: bool, show_steps: Path | None) -> None:
    """Raises UsageError."""
    if raw and (segment or show_steps):
        raise UsageError(f"{'--segment' if segment else '--show-steps'} does nothing with --raw")
    if show_steps and (len(images) != 1 or images[0] == STDOUT):
        raise UsageError("--show-steps draws one picture: give one")


def _stdin_lines() -> Iterator[str]:
    while line := sys.stdin.readline(LONGEST_PATH):
        if not line.endswith("\n") and len(line) == LONGEST_PATH:
            raise UsageError(f"a line on stdin has more than {LONGEST_PATH:,} characters: give one name a line")
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


def _print(results: "Iterable[PictureReadings]", *, segments: bool) -> None:
    """A line for each digit that can be read: its picture's path, its label or verdict, and its probabilities.

    With `segments`, the digit's box stands behind the path, as left,top,right,bottom.
    """
    for path, found in _telling_unread(results):
        for reading in [] if isinstance(found, ImageError) else found:
            box = [",".join(map(str, reading.box or ()))] if segments else []
            guesses = [text for guess in reading.predictions for text in (guess.label, f"{guess.probability:.4f}")]
            put(str(path), *box, *([] if reading.verdict == "label" else [reading.verdict]), *guesses)


def _print_as_json(results: "Iterable[PictureReadings]", model: str, *, segments: bool) -> None:
    """An array with an object for each picture: its `file`, and its reading, its `digits` or the `error`.

    `model` is the ONNX file that read it.
    """
    print_json_list(
        {"file": str(path), "model": model, "error": str(found)}
        if isinstance(found, ImageError)
        else {"file": str(path), "model": model} | ({"digits": [*map(_plain, found)]} if segments else _plain(found[0]))
        for path, found in _telling_unread(results)
    )


def _plain(reading: "Reading") -> dict[str, Any]:
    best = reading.predictions[0] if reading.predictions else None
    return {
        "verdict": reading.verdict,
        "label": best.label if best and reading.verdict == "label" else None,
        "probability": best.probability if best else None,
        "box": reading.box,
        "predictions": [asdict(guess) for guess in reading.predictions],
    }


def _noting(note: str | None, results: "Iterable[PictureReadings]") -> "Iterator[PictureReadings]":
    """The same results. Before the first reading, says which file reads: an error alone stays one line."""
    for path, found in results:
        if note and not isinstance(found, ImageError):
            console.say_notes([note])
            note = None
        yield path, found


def _telling_unread(results: "Iterable[PictureReadings]") -> "Iterator[PictureReadings]":
    """The same results. If pictures cannot be read, says why on stderr, and raises typer.Exit at the end."""
    done = unread = 0
    for done, (path, found) in enumerate(results, 1):  # noqa: B007 (how many there were)
        if isinstance(found, ImageError):
            unread += 1
            say(f"error: {found}")
        yield path, found
    if unread and done > 1:
        say(f"error: {unread:,} of {done:,} pictures cannot be read")
    if unread:
        raise typer.Exit(1)
