"""Committed results: JSON files whose rows are replaced one by one, as measurements come."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from edgecnn.files import atomic

Row = dict[str, Any]


def read(path: Path) -> Row:
    """What a file holds; nothing before its first measurement."""
    found: Row = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def update(path: Path, **entries: Any) -> None:
    """Replace some of a file's entries and keep the others."""
    with atomic(path) as temporary:
        text = json.dumps(read(path) | entries, indent=1, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def replace_row(
    path: Path, name: str, row: Row, keys: Sequence[str], order: Callable[[Row], Any], **entries: Any
) -> None:
    """Put a row into the list `name`, in the place of the one that has the same `keys`, and sort the list."""
    others = (old for old in read(path).get(name, []) if any(old[key] != row[key] for key in keys))
    update(path, **{name: sorted([row, *others], key=order)}, **entries)
