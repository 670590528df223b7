"""Reads tables in Parquet: a label and a picture's bytes in each row, as Hugging Face stores them. It needs pyarrow."""

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.data.bounds import require_room
from edgecnn.data.parts import Array, Pair
from edgecnn.data.roles import kind_of
from edgecnn.errors import DataError, MissingDependencyError
from edgecnn.files import open_regular
from edgecnn.imaging.reading import open_picture, pixels
from edgecnn.imaging.shades import is_gray

SUFFIXES = (".parquet", ".pq")
ROWS_AT_ONCE = 256


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
    rows: list[tuple[Array, Any]] = []
    for path in paths:
        try:
            rows += _rows(path, pyarrow.parquet)
        except (pyarrow.ArrowException, OSError, ValueError, TypeError, KeyError, MemoryError) as error:
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise DataError(f"{path} cannot be read as Parquet ({reason}): copy it again") from None
    return _pair(paths[0], rows)


def _pair(path: Path, rows: Sequence[tuple[Array, Any]]) -> Pair:
    shapes = {image.shape[:2] for image, _ in rows}
    if len(shapes) != 1:
        sizes = " and ".join(f"{width}×{height}" for height, width in sorted(shapes)[:2]) or "no images"
        raise DataError(f"{path} has {sizes}: all images must have the same size")
    if any(label is None for _, label in rows):
        raise DataError(f"{path} has images without a label: give each one")
    color = any(image.ndim == 3 for image, _ in rows)
    images = [np.repeat(image[..., None], 3, -1) if color and image.ndim == 2 else image for image, _ in rows]
    return Pair(np.stack(images), np.array([label for _, label in rows]))


def _rows(path: Path, parquet: Any) -> Iterator[tuple[Array, Any]]:
    with open_regular(path) as file:
        size = file.seek(0, io.SEEK_END)
        table = parquet.ParquetFile(file)
        image, label = _columns(path, table.schema_arrow)
        groups = [table.metadata.row_group(number) for number in range(table.metadata.num_row_groups)]
        require_room(path, sum(group.total_byte_size for group in groups), size)
        names = _class_names(table.schema_arrow, label)
        for batch in table.iter_batches(ROWS_AT_ONCE, columns=[image, label]):
            for row in batch.to_pylist():
                yield _decoded(row[image], f"{path}, row with the label {row[label]}"), _named(row[label], names)


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


def _decoded(value: Any, name: str) -> Array:
    """The pixels of a picture's bytes, alone or in Hugging Face's record, or of nested lists of numbers."""
    content = value.get("bytes") if isinstance(value, dict) else value
    if isinstance(content, list):
        return np.asarray(content)
    if not isinstance(content, bytes):
        raise ValueError("there is an image without bytes")
    picture = open_picture(io.BytesIO(content), name)
    return pixels(picture, color=not is_gray(picture))
