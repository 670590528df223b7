"""Reads tables of pixels: a label and one column per pixel in each row, with or without a heading, gzipped or not."""

import csv
import gzip
import io
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, pairwise
from math import isqrt
from pathlib import Path

import numpy as np

from edgecnn.data.bounds import CHARACTER, most_unpacked, require_short_labels
from edgecnn.data.growing import Growing
from edgecnn.data.parts import Array, Pair
from edgecnn.data.roles import kind_of
from edgecnn.errors import DataError
from edgecnn.files import open_regular

SUFFIXES = (".csv", ".csv.gz", ".tsv", ".tsv.gz")
GZIP_MAGIC = b"\x1f\x8b"
LONGEST_LINE = 2**20  # characters
ROWS_AT_ONCE, CHARACTERS_AT_ONCE = 2048, 2**22
INTEGERS = (np.uint8, np.int16)
INDEX_NAMES = frozenset({"", "unnamed: 0", "index", "id"})  # a column that numbers the rows


@dataclass(frozen=True)
class Columns:
    """Where a row has its label and its pixels. `label` is None in a file without labels."""

    delimiter: str
    count: int
    label: int | None
    pixels: Sequence[int]


def is_csv(path: Path) -> bool:
    """Whether a file's name is that of a table."""
    return path.name.lower().endswith(SUFFIXES)


def read_csv(path: Path) -> Pair | None:
    """Images [n, pixels] and labels [n], which are texts, of a table; None if it has no labels.

    Raises DataError if the file cannot be read or is not such a table.
    """
    try:
        with _lines(path) as lines:
            return _read(path, lines)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is truncated or corrupt ({error}): copy it again") from None
    except csv.Error as error:
        raise DataError(f"{path} is not a table ({error}): save it again as CSV") from None
    except UnicodeDecodeError:
        raise DataError(f"{path} is not UTF-8 text: save it as CSV in UTF-8") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}): check the path") from None


@contextmanager
def _lines(path: Path) -> Iterator[Iterator[str]]:
    """The lines that are not empty."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        packed = file.read(2) == GZIP_MAGIC
        file.seek(0)
        stream = gzip.GzipFile(fileobj=file) if packed else file
        text = io.TextIOWrapper(stream, "utf-8-sig")
        yield _bounded(path, text, most_unpacked(size) if packed else size)


def _bounded(path: Path, text: io.TextIOWrapper, most: int) -> Iterator[str]:
    while line := text.readline(LONGEST_LINE):
        most -= len(line)
        if len(line) == LONGEST_LINE or most < 0:
            raise DataError(f"{path} is too large when unpacked, or has a line that is: save it again as CSV")
        if line.strip():
            yield line


def _read(path: Path, lines: Iterator[str]) -> Pair | None:
    start = _at_once(lines)
    if not start:
        raise DataError(f"{path} is empty: give a table with a label and pixels in each row")
    delimiter = max(",;\t", key=start[0].count)
    heading = _heading(next(csv.reader(start[:1], delimiter=delimiter)))
    start = start[1:] if heading else start
    if not start:
        raise DataError(f"{path} has a heading but no rows: copy it again")
    columns = _columns(path, delimiter, heading, start)
    if columns.label is None:
        return None
    return _joined(path, chain(start, lines), columns)


def _at_once(lines: Iterator[str]) -> list[str]:
    """The next lines: fewer if they are long."""
    block: list[str] = []
    left = CHARACTERS_AT_ONCE
    while left > 0 and len(block) < ROWS_AT_ONCE and (line := next(lines, None)) is not None:
        block.append(line)
        left -= len(line)
    return block


def _joined(path: Path, lines: Iterator[str], columns: Columns) -> Pair:
    pixels, labels = _block(path, _at_once(lines), columns)
    images, parts, count = Growing(pixels), [labels], len(labels)
    while block := _at_once(lines):
        pixels, labels = _block(path, block, columns)
        images.append(pixels)
        parts.append(labels)
        count += len(labels)
        require_short_labels(path, max(part.itemsize for part in parts) // CHARACTER, count)
    return Pair(images.whole(), np.concatenate(parts))


def _heading(fields: Sequence[str]) -> list[str] | None:
    """The columns' names if the first row has them: texts, or numbers that count."""
    numbers = [_number(field) for field in fields]
    known = [number for number in numbers if number is not None]
    counts = len(known) > 8 and all(b - a == 1 for a, b in pairwise(known))
    return list(fields) if 2 * len(known) < len(fields) or counts else None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _columns(path: Path, delimiter: str, heading: Sequence[str] | None, rows: Sequence[str]) -> Columns:
    first = next(csv.reader(rows[:1], delimiter=delimiter))
    kept = [at for at in range(len(first)) if not heading or _name(heading, at) not in INDEX_NAMES]
    label = _label(delimiter, heading, rows, kept)
    pixels = [at for at in kept if at != label]
    if not pixels or isqrt(len(pixels)) ** 2 != len(pixels):
        raise DataError(
            f"{path} has {len(first):,} columns; give one for the label, and one for each pixel of a square gray image "
            "(for color, give a folder of pictures or an .npz file)"
        )
    return Columns(delimiter, len(first), label, pixels)


def _name(heading: Sequence[str], at: int) -> str:
    return heading[at].strip().lower() if at < len(heading) else "no name"


def _label(delimiter: str, heading: Sequence[str] | None, rows: Sequence[str], kept: Sequence[int]) -> int | None:
    """The label's column: by its name, or the one with texts, or the first or last one, whichever varies."""
    named = [
        at for at in kept if heading and (kind_of(_name(heading, at)) == "labels" or _name(heading, at) == "digit")
    ]
    if named:
        return named[0]
    if isqrt(len(kept)) ** 2 == len(kept):
        return None
    table = csv.reader(rows, delimiter=delimiter)
    whole = (row for row in table if len(row) > kept[-1])
    start = next(whole)
    texts = [at for at in kept if _number(start[at]) is None]
    first, last = kept[0], kept[-1]
    ends = [(start[first], start[-1]), *((row[first], row[-1]) for row in whole)]
    first_is_constant, last_is_constant = (len({pair[at] for pair in ends}) == 1 for at in (0, 1))
    return texts[0] if texts else last if first_is_constant and not last_is_constant else first


def _block(path: Path, lines: Sequence[str], columns: Columns) -> tuple[Array, Array]:
    for line in lines:
        if line.count(columns.delimiter) != columns.count - 1:
            raise DataError(
                f"{path} has a row of {line.count(columns.delimiter) + 1:,} values among rows of {columns.count:,}: "
                "copy it again"
            )
    try:
        values = np.loadtxt(lines, np.float32, None, columns.delimiter, usecols=columns.pixels, ndmin=2, quotechar='"')
    except ValueError as error:
        raise DataError(f"{path} has a pixel that is not a number ({_short(error)}): check that row") from None
    return _smallest(values), np.array([_label_in(path, line, columns) for line in lines])


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:100]


def _label_in(path: Path, line: str, columns: Columns) -> str:
    if columns.label == 0:
        text = line.partition(columns.delimiter)[0]
    else:
        text = line.split(columns.delimiter)[columns.label or 0]
    require_short_labels(path, len(text), 1)
    return text.strip().strip('"')


def _smallest(values: Array) -> Array:
    """As small integers if that loses nothing, so that a large table takes less memory."""
    low, high = values.min(), values.max()
    for kind in INTEGERS:
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max and (values == np.round(values)).all():
            return values.astype(kind)
    return values
