"""edgecnn sheet."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgecnn import streams
from edgecnn.commands import options as opt
from edgecnn.commands.options import option, refuse_idle
from edgecnn.errors import UsageError
from edgecnn.streams import put, say

if TYPE_CHECKING:
    from edgecnn.sheet.collecting import Collected

SheetFiles = Annotated[
    list[Path],
    typer.Argument(metavar="FILE...", help="Where to write a sheet: a .pdf or .png file. With --read, filled sheets."),
]
ReadSheets = Annotated[
    bool, typer.Option("--read", help="Read photographs or scans of filled sheets, and write their digits.")
]
DigitsOut = Annotated[
    Path | None,
    option("--out", metavar="FOLDER", help="With --read: write the data set to FOLDER. Default: digits."),
]


def sheet(
    ctx: typer.Context,
    files: SheetFiles,
    read: ReadSheets = False,
    out: DigitsOut = None,
    as_json: opt.Json = False,
) -> None:
    """Print a sheet for your own digits, or read filled ones.

    Print sheet.pdf, write a digit into each box, and photograph the page. The data set that --read makes of it is for
    the --data of bench and train.
    """
    _refuse_idle(ctx, files, read=read)
    if read:
        from edgecnn.sheet.collecting import DEFAULT, collect

        collected = collect(files, out or DEFAULT)
        if as_json:
            streams.print_json(collected.to_dict())
        else:
            _print_collected(collected)
        return
    from edgecnn.sheet.drawing import draw

    draw(files[0])
    if as_json:
        streams.print_json({"sheet": str(files[0])})
    else:
        _print_drawn(files[0])


def _refuse_idle(ctx: typer.Context, sheets: Sequence[Path], *, read: bool) -> None:
    """Raises UsageError."""
    if not read:
        refuse_idle(ctx, ["out"], "without --read")
        if len(sheets) > 1:
            raise UsageError(
                f"{len(sheets)} files were given, and one sheet is written: give one, or --read to read them"
            )


def _print_drawn(path: Path) -> None:
    put(f"wrote       {path}")
    say("next: print it, fill it, photograph it, and run: edgecnn sheet --read PHOTO")


def _print_collected(collected: "Collected") -> None:
    """Which boxes of each sheet are empty, and how many digits there are of each label."""
    for sheet in collected.sheets:
        empty = sum(map(len, sheet.empty.values()))
        put(f"{sheet.path}: {len(sheet.boxes) - empty} digits, {f'{empty} empty boxes:' if empty else 'no empty box'}")
        for labels in dict.fromkeys(map(tuple, sheet.empty.values())):
            rows = [str(row) for row, lacking in sheet.empty.items() if tuple(lacking) == labels]
            put(f"  {' '.join(labels)} in row{'s' * (len(rows) > 1)} {', '.join(rows)}")
    put(f"digits      {', '.join(f'{count} of {label}' for label, count in collected.counts.items())}")
    put(f"wrote       {collected.folder}: half of them for training, half for testing")
    say(f"next: edgecnn bench --data {collected.folder}")
