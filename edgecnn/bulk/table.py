"""The CSV file of many pictures: it grows while they are read, and an interrupted command continues it."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import astuple, fields
from pathlib import Path
from typing import IO

from edgecnn.bulk.rows import ERROR, Row
from edgecnn.errors import OutputError, UsageError
from edgecnn.files import telling_what_cannot_be_written
from edgecnn.terminal import as_text

COLUMNS = (*(field.name for field in fields(Row)), "model")
VERDICT = COLUMNS.index("verdict")
ENCODING = {"encoding": "utf-8", "errors": "surrogateescape", "newline": ""}  # names keep the bytes that they have


class Table:
    """An open CSV file with a row for each digit. `model` identifies the model file in each row.

    As a context manager, it closes itself. `done` tells which pictures are in the file already.
    """

    def __init__(self, path: Path, model: str, *, resume: bool = False) -> None:
        """Raises UsageError for a file that is there, or that is not there or not of this model with `resume`."""
        self.path, self.model = path, model
        self.done, self.errors = _kept(path, model) if resume else (frozenset(), 0)
        self.pictures = len(self.done)
        with telling_what_cannot_be_written(path):
            self.file: IO[str] = path.open("a" if resume else "w", **ENCODING)  # type: ignore[call-overload]
        self.writer = csv.writer(self.file)
        if not resume:
            self._write([COLUMNS])

    def __enter__(self) -> "Table":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def has(self, file: str) -> bool:
        return hash(as_text(file)) in self.done

    def add(self, rows: list[Row]) -> None:
        """Write all rows of one picture. Raises OutputError; what is in the file by then stays."""
        self._write([*map(as_text, astuple(row)), self.model] for row in rows)
        self.pictures, self.errors = self.pictures + 1, self.errors + (rows[0].verdict == ERROR)

    def _write(self, rows: Iterable[Iterable[str]]) -> None:
        try:
            self.writer.writerows(rows)
            self.file.flush()
        except OSError as error:
            raise OutputError(
                f"cannot write {self.path}: {error.strerror or error}; free some space, and add --resume {self.path} "
                "to continue"
            ) from error


def require_new(path: Path) -> None:
    """Raise UsageError if there is something already that writing would lose."""
    if path.is_file() and path.stat().st_size:
        raise UsageError(f"{path} is there already: give --resume {path} to continue it, or another name")


def _kept(path: Path, model: str) -> tuple[frozenset[int], int]:
    """The pictures in a table that are complete, as hashes of their names, and how many of them could not be read.

    What follows them in the file is cut off. The last picture may have had more rows, so it is read again.
    """
    if not path.is_file():
        raise UsageError(f"{path} is not a file that an interrupted predict left: give --csv {path} to begin one")
    done: set[int] = set()
    last, verdict, errors, start = "", "", 0, 0
    with path.open("rb") as content:
        lines = _Counted(content)
        for row in _records(path, lines):
            if lines.begun == 0:
                _require_columns(path, row)
                start = lines.ended
            elif len(row) == len(COLUMNS) and row[0] != last:
                _require_model(path, row[-1], model)
                if last:
                    done.add(hash(last))
                    errors += verdict == ERROR
                last, verdict, start = row[0], row[VERDICT], lines.begun
            lines.begun = lines.ended
    if not start:
        _require_columns(path, [])
    with telling_what_cannot_be_written(path), path.open("rb+") as content:
        content.truncate(start)
    return frozenset(done), errors


def _records(path: Path, lines: "_Counted") -> Iterator[list[str]]:
    try:
        yield from csv.reader(lines)
    except csv.Error:
        _require_columns(path, [])


class _Counted:
    """The lines of a file as texts, and where in it the record that is being read began and what was read ended."""

    def __init__(self, content: Iterable[bytes]) -> None:
        self.content = iter(content)
        self.begun = self.ended = 0

    def __iter__(self) -> Iterator[str]:
        for line in self.content:
            self.ended += len(line)
            yield line.decode("utf-8", "surrogateescape")


def _require_columns(path: Path, row: list[str]) -> None:
    if tuple(row) != COLUMNS:
        raise UsageError(f"{path} is not a table of predict: its first line is not {','.join(COLUMNS)}")


def _require_model(path: Path, found: str, model: str) -> None:
    if found != model:
        raise UsageError(f"{path} was made with the model {found}, and this is {model}: give that model")
