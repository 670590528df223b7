"""Writes to stdout and stderr: lines with text from files made printable, and reports for programs."""

import json
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import typer

from edgecnn.errors import OutputError
from edgecnn.terminal import drop, message, shown


def say(*lines: str) -> None:
    """Lines on stderr, at once. Where stderr cannot be written, nothing can be said, and the work goes on."""
    try:
        sys.stderr.write("".join(f"{message(line)}\n" for line in lines))
        sys.stderr.flush()
    except OSError:
        drop(sys.stderr)


def put(*cells: str) -> None:
    """A line on stdout, of one text or of several with tabs between them. Raises OutputError."""
    _write("\t".join(map(shown, cells)) + "\n")


def _write(text: str) -> None:
    """Not by typer.echo, which takes ASCII for a mistake and writes UTF-8 to a terminal that cannot show it."""
    with to_stdout():
        sys.stdout.write(text)
        sys.stdout.flush()


@contextmanager
def to_stdout() -> Iterator[None]:
    """Raise OutputError where stdout cannot be written. Where nobody reads it any more, end quietly, as by SIGPIPE."""
    try:
        yield
    except BrokenPipeError:
        drop(sys.stdout)
        raise typer.Exit(128 + signal.SIGPIPE) from None
    except OSError as error:
        drop(sys.stdout)
        raise OutputError(
            f"cannot write to stdout: {error.strerror}; free some space or choose another place"
        ) from None


def print_data(text: str) -> None:
    """A report for a program to read: UTF-8 in any locale. In JSON a file name that is not UTF-8 becomes its escape."""
    with to_stdout():
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
        sys.stdout.buffer.flush()


def print_json(value: object) -> None:
    print_data(_json(value) + "\n")


def print_json_list(values: Iterable[object]) -> None:
    """A JSON array, each value as it comes. An error in between ends the array, which stays whole, and is raised."""
    opening = "["
    try:
        for value in values:
            print_data(f"{opening}\n{_json(value)}".replace("\n", "\n  "))
            opening = ","
    finally:
        if opening == ",":
            print_data("\n]\n")
    if opening == "[":
        print_data("[]\n")


def _json(value: object) -> str:
    """Indented, with the escapes of JSON for the characters that act on a terminal."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)
