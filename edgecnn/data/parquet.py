"""Reads tables in Parquet: a label and a picture's bytes in each row, as Hugging Face stores them. It needs pyarrow."""

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.data.bounds import require_room, require_short_labels
from edgecnn.data.parts import Pair
from edgecnn.data.pictures import Source, in_one_form, read_pictures
from edgecnn.data.roles import kind_of
from edgecnn.errors import DataError, MissingDependencyError
from edgecnn.files import open_regular

SUFFIXES = (".parquet", ".pq")
AT_ONCE, MOST_ROWS = 2**23, 256  # bytes and rows that are read at once


def is_parquet(path: Path) -> bool:
    """Whether a file's name is that of a Parquet table."""
    return path.name.lower().endswith(SUFFIXES)


def read_parquet(paths: Sequence[Path]) -> Pair:
    """Images [n, height, width] or [n, height, width, 3], and labels [n], of the files of one split, in their order.

    Labels are texts where the files name the classes. Raises DataError, ImageError, MissingDependencyError.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingDependencyError("pyarrow", "data", f"reading {paths[0]}") from None
    rows: list[tuple[bytes, Any]] = []
    for path in paths:
        try:
            rows += _rows(path, pyarrow.parquet)
        except (pyarrow.ArrowException, OSError, ValueError, TypeError, KeyError, MemoryError) as error:
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise DataError(f"{path} cannot be read as Parquet ({reason}): copy it again") from None
    return _pair(paths[0], rows)


def _pair(path: Path, rows: Sequence[tuple[bytes, Any]]) -> Pair:
    if not rows:
        raise DataError(f"{path} has no rows: copy it again")
    if any(label is None for _, label in rows):
        raise DataError(f"{path} has images without a label: give each one")
    images = read_pictures(
        Source(io.BytesIO(content), f"{path}, row {number}", len(content)) for number, (content, _) in enumerate(rows)
    )
    color = any(image.ndim == 3 for image in images)
    return Pair(in_one_form(images, color=color), np.array([label for _, label in rows]))


def _rows(path: Path, parquet: Any) -> Iterator[tuple[bytes, Any]]:
    with open_regular(path) as file:
        size = file.seek(0, io.SEEK_END)
        table = parquet.ParquetFile(file)
        image, label = _columns(path, table.schema_arrow)
        rows = _rows_at_once(path, table.metadata, size)
        names = _class_names(table.schema_arrow, label)
        taken = longest = count = 0
        for batch in table.iter_batches(rows, columns=[image, label]):
            for row in batch.to_pylist():
                content, name = _content(row[image]), _named(row[label], names)
                taken, longest, count = taken + len(content), max(longest, _length(name)), count + 1
                require_room(path, taken, size)  # a dictionary may repeat one picture without end, and one label
                require_short_labels(path, longest, count)
                yield content, name


def _rows_at_once(path: Path, metadata: Any, size: int) -> int:
    """So many that they take little memory even if each holds the whole of its group, which a dictionary allows.

    Raises DataError if the file says that it becomes too many bytes.
    """
    groups = [metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups)]
    require_room(path, sum(groups), size)
    return int(min(MOST_ROWS, max(1, AT_ONCE // max(1, *groups, 1))))


def _columns(path: Path, schema: Any) -> tuple[str, str]:
    """The names of the columns with the pictures and the labels."""
    found = {kind: [name for name in schema.names if kind_of(name) == kind] for kind in ("images", "labels")}
    if any(len(names) != 1 for names in found.values()):
        raise DataError(
            f"{path} has the columns {', '.join(schema.names[:8])}: give one named image, with the bytes of a picture, "
            "and one named label"
        )
    image, label = found["images"][0], found["labels"][0]
    if any("list" in str(schema.field(name).type) for name in (image, label)):
        raise DataError(f"{path} has lists of numbers: save each image as the bytes of a PNG file, and one label")
    return image, label


def _class_names(schema: Any, label: str) -> Sequence[str] | None:
    """The names that Hugging Face's datasets keeps beside the columns."""
    try:
        names = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"][label]["names"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
    return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else None


def _named(label: Any, names: Sequence[str] | None) -> Any:
    if isinstance(label, list) or not isinstance(label, (int, float, str, bytes, type(None))):
        raise ValueError("a label is not a number or text")
    if names is None or not isinstance(label, int):
        return label
    if not 0 <= label < len(names):
        raise ValueError(f"there is a label {label}, but {len(names)} names")
    return names[label]


def _length(label: Any) -> int:
    """The characters of a label that is a text."""
    return len(label) if isinstance(label, str | bytes) else 0


def _content(value: Any) -> bytes:
    """A picture's bytes, alone or in Hugging Face's record."""
    content = value.get("bytes") if isinstance(value, dict) else value
    if not isinstance(content, bytes):
        raise ValueError("there is an image without bytes")
    return content
