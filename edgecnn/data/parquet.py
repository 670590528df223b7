"""Reads tables in Parquet: a label and a picture's bytes in each row, as Hugging Face stores them. It needs pyarrow."""

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.data.bounds import require_room
from edgecnn.data.parts import Array, Pair
from edgecnn.data.pictures import Source, in_one_form, read_pictures
from edgecnn.data.roles import kind_of
from edgecnn.errors import DataError, MissingDependencyError
from edgecnn.files import open_regular

Content = bytes | Array
SUFFIXES = (".parquet", ".pq")
ROWS_AT_ONCE = 32


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
    rows: list[tuple[Content, Any]] = []
    for path in paths:
        try:
            rows += _rows(path, pyarrow.parquet)
        except (pyarrow.ArrowException, OSError, ValueError, TypeError, KeyError, MemoryError) as error:
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise DataError(f"{path} cannot be read as Parquet ({reason}): copy it again") from None
    return _pair(paths[0], rows)


def _pair(path: Path, rows: Sequence[tuple[Content, Any]]) -> Pair:
    if not rows:
        raise DataError(f"{path} has no rows: copy it again")
    if any(label is None for _, label in rows):
        raise DataError(f"{path} has images without a label: give each one")
    labels = np.array([label for _, label in rows])
    arrays = [content for content, _ in rows if not isinstance(content, bytes)]
    if not arrays:
        images = read_pictures(
            Source(io.BytesIO(content), f"{path}, row {number}", len(content))
            for number, (content, _) in enumerate(rows)
            if isinstance(content, bytes)
        )
        return Pair(in_one_form(images, color=any(image.ndim == 3 for image in images)), labels)
    if len(arrays) < len(rows) or len({array.shape for array in arrays}) > 1:
        raise DataError(f"{path} has images of several shapes: all must have the same size")
    return Pair(np.stack(arrays), labels)


def _rows(path: Path, parquet: Any) -> Iterator[tuple[Content, Any]]:
    with open_regular(path) as file:
        size = file.seek(0, io.SEEK_END)
        table = parquet.ParquetFile(file)
        image, label = _columns(path, table.schema_arrow)
        _require_announced(path, table.metadata, size)
        names = _class_names(table.schema_arrow, label)
        taken = 0
        for batch in table.iter_batches(ROWS_AT_ONCE, columns=[image, label]):
            for row in batch.to_pylist():
                content = _content(row[image])
                taken += len(content) if isinstance(content, bytes) else content.size
                require_room(path, taken, size)  # a dictionary may repeat one picture without end
                yield content, _named(row[label], names)


def _require_announced(path: Path, metadata: Any, size: int) -> None:
    """Raise DataError if the file says that it becomes too many bytes, or too many values of at least one byte."""
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    require_room(path, sum(group.total_byte_size for group in groups), size)
    values = sum(group.column(at).num_values for group in groups for at in range(group.num_columns))
    require_room(path, values, size)


def _columns(path: Path, schema: Any) -> tuple[str, str]:
    """The names of the columns with the pictures and the labels."""
    found = {kind: [name for name in schema.names if kind_of(name) == kind] for kind in ("images", "labels")}
    if any(len(names) != 1 for names in found.values()):
        raise DataError(
            f"{path} has the columns {', '.join(schema.names[:8])}: give one named image, with the bytes of a picture, "
            "and one named label"
        )
    return found["images"][0], found["labels"][0]


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


def _content(value: Any) -> Content:
    """A picture's bytes, alone or in Hugging Face's record, or the numbers of nested lists."""
    content = value.get("bytes") if isinstance(value, dict) else value
    if isinstance(content, list):
        array = np.asarray(content)
        return array.astype(np.int16) if array.dtype.kind in "iu" and np.abs(array).max(initial=0) < 2**15 else array
    if not isinstance(content, bytes):
        raise ValueError("there is an image without bytes")
    return content
