"""Reads and writes committed results: JSON, whose rows are replaced one by one as measurements come.

A file whose name ends in `.gz` is compressed, and looks to its readers as if it were not. The same content gives the
same bytes, whatever the time and the machine.
"""

import gzip
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from edgecnn.files import atomic

Row = dict[str, Any]
STRONGEST = 9  # of zlib's levels


def read_bytes(path: Path) -> bytes:
    return unpacked(path.read_bytes(), path.name)


def unpacked(content: bytes, name: str) -> bytes:
    """The content of a file of that name, without its compression."""
    return gzip.decompress(content) if name.endswith(".gz") else content


def write_text(path: Path, text: str) -> None:
    """Replace a file, whole or not at all."""
    content = text.encode()
    with atomic(path) as temporary:
        temporary.write_bytes(gzip.compress(content, STRONGEST, mtime=0) if path.suffix == ".gz" else content)


def read_result(path: Path) -> Row:
    """What a file holds; nothing before its first measurement."""
    found: Row = json.loads(read_bytes(path)) if path.exists() else {}
    return found


def update_result(path: Path, **entries: Any) -> None:
    """Replace some of a file's entries and keep the others."""
    write_text(path, json.dumps(read_result(path) | entries, indent=1, ensure_ascii=False) + "\n")


def replace_row(
    path: Path, name: str, row: Row, keys: Sequence[str], order: Callable[[Row], Any], **entries: Any
) -> None:
    """Put a row into the list `name`, in the place of the one that has the same `keys`, and sort the list."""
    others = (old for old in read_result(path).get(name, []) if any(old[key] != row[key] for key in keys))
    update_result(path, **{name: sorted([row, *others], key=order)}, **entries)
