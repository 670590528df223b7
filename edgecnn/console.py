"""What several commands say to a person: notes, tables and the version. Data goes to stdout, all else to stderr."""

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from edgecnn.streams import put, say, to_stdout

if TYPE_CHECKING:
    from rich.table import Table

    from edgecnn.folder import ModelFolder


def say_notes(notes: "Sequence[str]") -> None:
    """What the user should know and need not act on, on stderr."""
    for note in notes:
        say(f"note: {note}")


def say_default_model(folder: "ModelFolder") -> None:
    """Which model is used where none was given."""
    from edgecnn.folder import default_folder

    here = default_folder(folder.path.name)
    if folder == here:
        say(f"note: no model was given, so this is {here.path}")
    else:
        say(f"note: no model was given and none is in {here.path}, so this is the shipped model {folder.path.name!r}")


def print_version() -> None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        put(f"edgecnn {version('edgecnn')}")
    except PackageNotFoundError:
        put("edgecnn, not installed: its version is not known")


def print_tables(tables: "Callable[[int], list[Table]]") -> None:
    from rich.console import Console

    from edgecnn.bench.reports.tables import width_of

    for drawn in tables(Console().width):
        # Never narrower than the table: a line that wraps is better than a figure cut short.
        # Cells are text: what looks like markup is part of a name.
        to_terminal = Console(width=max(Console().width, width_of(drawn)), markup=False, emoji=False, highlight=False)
        with to_stdout():
            to_terminal.print(drawn, "")
            sys.stdout.flush()
