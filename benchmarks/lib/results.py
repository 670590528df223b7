"""Reads and writes committed results, which are JSON files; each new measurement replaces one row or entry.

A file whose name ends in `.gz` is compressed when written and unpacked when read. The same content always gives the
same bytes, on any machine.
"""

import gzip
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from edgecnn.files import atomic
from edgecnn.host.machine import this_host

Row = dict[str, Any]
STRONGEST = 9  # zlib's highest compression level


def read_bytes(path: Path) -> bytes:
    return unpacked(path.read_bytes(), path.name)


def unpacked(content: bytes, name: str) -> bytes:
    """The unpacked content of a file of that name."""
    return gzip.decompress(content) if name.endswith(".gz") else content


def write_text(path: Path, text: str) -> None:
    """Replace a file, completely or not at all."""
    content = text.encode()
    with atomic(path) as temporary:
        temporary.write_bytes(gzip.compress(content, STRONGEST, mtime=0) if path.suffix == ".gz" else content)


def read_result(path: Path) -> Row:
    """The content of a result file; empty if it does not exist yet."""
    found: Row = json.loads(read_bytes(path)) if path.exists() else {}
    return found


def update_result(path: Path, **entries: Any) -> None:
    """Replace some of a file's entries and keep the others."""
    write_text(path, json.dumps(read_result(path) | entries, indent=1, ensure_ascii=False) + "\n")


def timed_here(row: Row) -> Row:
    """A row with the machine that it was measured on: others in the same list may stem from other machines."""
    return row | {"host": str(this_host())}


def hosts(rows: Iterable[Row]) -> str:
    """The machines that rows were measured on, each once."""
    return "; ".join(dict.fromkeys(row["host"] for row in rows))


def replace_row(
    path: Path, name: str, row: Row, keys: Sequence[str], order: Callable[[Row], Any], **entries: Any
) -> None:
    """Put a row into the list `name`, replace the row with the same values of `keys`, and sort the list by `order`."""
    others = (old for old in read_result(path).get(name, []) if any(old[key] != row[key] for key in keys))
    update_result(path, **{name: sorted([row, *others], key=order)}, **entries)
