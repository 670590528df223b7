"""edgecnn predict with --csv or --resume: any number of pictures into a table."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from edgecnn import streams
from edgecnn.errors import UsageError
from edgecnn.processes import stopping
from edgecnn.progress_bar import progress_bar

if TYPE_CHECKING:
    from edgecnn.bulk.rows import Row
    from edgecnn.bulk.table import Table
    from edgecnn.bulk.worker import Task

    Readers = Callable[[Task, Iterable[str]], Iterator[list[Row]]]


@dataclass(frozen=True)
class Place:
    """The file to write or to continue."""

    path: Path
    resume: bool

    @classmethod
    def of(cls, csv_file: Path | None, resume: Path | None) -> "Place":
        """Raises UsageError if both files are given."""
        if csv_file and resume:
            raise UsageError("--csv begins a file and --resume continues one: give one of them")
        path = csv_file or resume
        assert path
        return cls(path, bool(resume))


@contextmanager
def readers(processes: int | None, cluster: str | None) -> "Iterator[Readers]":
    """Who reads files: processes of this machine, by default one a processor, or the workers of a cluster."""
    from edgecnn.bulk.pool import processors, read_many

    if cluster is None:
        yield partial(read_many, processes=processes or processors())
        return
    from edgecnn.cluster.connection import connected
    from edgecnn.cluster.pool import read_on_workers

    with connected(cluster) as found:
        yield partial(read_on_workers, found)


def fill_table(task: "Task", read: "Readers", files: Iterable[str], place: Place, *, count: int, quiet: bool) -> None:
    """Write a row for each digit of the files. Their number is `count`, or 0 if it is not known."""
    from edgecnn.bulk.filling import fill
    from edgecnn.bulk.table import Table, require_new

    task.open()  # so that what is wrong with the model is told before anything is written
    if not place.resume:
        require_new(place.path)
    with Table(place.path, task.identity, resume=place.resume) as table, progress_bar(quiet) as progress:
        _say_what_is_kept(table)
        reasons = fill(
            table,
            partial(read, task),
            files,
            pictures=count,
            progress=progress,
            added=lambda: _say_what_is_kept(table),
        )
    _tell(table, reasons)


def _say_what_is_kept(table: "Table") -> None:
    stopping.keep(f"stopped; {table.pictures:,} pictures are in {table.path}: give --resume {table.path} to continue")


def _tell(table: "Table", reasons: tuple[str, ...]) -> None:
    streams.say(f"wrote {table.path}: {table.pictures:,} pictures")
    for reason in reasons:
        streams.say(f"error: {reason}")
    if table.errors > len(reasons):
        streams.say(f"error: {table.errors - len(reasons):,} more are in {table.path}")
    if table.errors:
        streams.say(f"error: {table.errors:,} of {table.pictures:,} pictures cannot be read")
        raise typer.Exit(1)


def files_in(images: Iterable[str], lines: Iterator[str]) -> Iterator[str]:
    """The files that the arguments are or hold, and those whose names stand on `lines` for the argument -."""
    from edgecnn.predict import expand

    for image in images:
        yield from map(str, expand(lines if image == "-" else [image]))
