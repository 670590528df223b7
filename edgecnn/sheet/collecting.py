"""Cuts photographs of filled sheets into a data set: folders of pictures for training and for testing."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecnn import files
from edgecnn.errors import ImageError, OutputError
from edgecnn.imaging.reading import open_picture, pixels, to_png
from edgecnn.processes import stopping
from edgecnn.scratch import scratch
from edgecnn.sheet.cells import digit_in
from edgecnn.sheet.page import find_page

DEFAULT = Path("digits")  # the folder that is written if none is named
INSET = 0.6  # millimeters of a box that are not looked at: its printed line, and how far it may be off
FINE = 72  # pixels that the rest of a box becomes
SPLITS = ("train", "test")  # of the digits of a label, by turns


@dataclass(frozen=True, eq=False)
class Box:
    """A box of a sheet: its row, from 1, its label, and its digit, uint8 [28, 28], or None if it is empty."""

    row: int
    label: str
    digit: NDArray[np.uint8] | None


@dataclass(frozen=True)
class Sheet:
    """What a photograph of a sheet shows, box by box."""

    path: Path
    boxes: tuple[Box, ...]

    @property
    def empty(self) -> dict[int, list[str]]:
        """The labels of the boxes that nothing is written in, by row."""
        lacking = [box for box in self.boxes if box.digit is None]
        return {row: [box.label for box in lacking if box.row == row] for row in sorted({box.row for box in lacking})}


@dataclass(frozen=True)
class Collected:
    """The data set that was written to `folder`, and the sheets that it comes from."""

    folder: Path
    sheets: tuple[Sheet, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many digits there are of each label, also of those that have none."""
        boxes = [box for sheet in self.sheets for box in sheet.boxes]
        found = Counter(box.label for box in boxes if box.digit is not None)
        return {box.label: found[box.label] for box in boxes}

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        sheets = [
            {"file": str(sheet.path), "empty": [{"row": row, "labels": labels} for row, labels in sheet.empty.items()]}
            for sheet in self.sheets
        ]
        return {"folder": str(self.folder), "digits": self.counts, "sheets": sheets}


def collect(photographs: Sequence[Path], folder: Path) -> Collected:
    """Read photographs or scans of filled sheets, and write a data set to a folder, all of it or nothing.

    Of each label, every second digit is for testing: a sheet has few, and a sixth of them would tell little.

    Raises ImageError if a picture cannot be read, does not show a whole sheet, or if too few boxes are filled;
    OutputError if the folder has something in it or cannot be written.
    """
    _require_new(folder)
    collected = Collected(folder, tuple(read_sheet(path) for path in photographs))
    _require_enough(collected)
    with _new(folder) as made:
        _write(collected, made)
    return collected


def read_sheet(path: Path) -> Sheet:
    """The boxes of a photographed or scanned sheet, row by row. Raises ImageError."""
    page = find_page(pixels(open_picture(path), color=False), str(path))
    labels = page.layout.labels
    cells = enumerate(page.boxes(FINE, INSET))
    return Sheet(
        path, tuple(Box(place // len(labels) + 1, labels[place % len(labels)], digit_in(cell)) for place, cell in cells)
    )


def _require_new(folder: Path) -> None:
    with files.telling_what_cannot_be_written(folder):
        if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
            raise OutputError(f"{folder} exists already: choose another folder with --out, or move it away")


def _require_enough(collected: Collected) -> None:
    """Two labels with a digit to train and one to test are what a data set needs."""
    counts = collected.counts.values()
    if sum(count >= 2 for count in counts) < 2:
        found = (
            f"{sum(counts)} box{'es have' if sum(counts) != 1 else ' has'} a digit"
            if any(counts)
            else "no box has a digit"
        )
        raise ImageError(
            f"{collected.sheets[0].path}: {found}: fill two boxes or more of each of two digits, with a dark pen"
        )


def _write(collected: Collected, folder: Path) -> None:
    seen = Counter[str]()
    for number, sheet in enumerate(collected.sheets, 1):
        for box in sheet.boxes:
            if box.digit is not None:
                split = SPLITS[seen[box.label] % 2]
                seen[box.label] += 1
                place = folder / split / box.label
                place.mkdir(parents=True, exist_ok=True)
                (place / f"sheet-{number}-row-{box.row:02}.png").write_bytes(to_png(box.digit))


@contextmanager
def _new(folder: Path) -> Iterator[Path]:
    """Yield a folder that becomes `folder` if the body succeeds."""
    with files.telling_what_cannot_be_written(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with scratch(folder.parent) as place:
            made = place / folder.name
            made.mkdir()
            yield made
            for path in (*made.rglob("*"), made):
                files.sync(path)
            made.rename(folder)
            stopping.wrote(folder)
