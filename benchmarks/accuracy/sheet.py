"""Read photographs of sheets that are filled with MNIST's test digits: [--sheets N] | --picture FILE.png

Each sheet has a digit in three quarters of its boxes. It is photographed in every way that filled_sheets.py lists, with
other light and turned by another multiple of 90° each time, and read as `edgecnn sheet --read` does. The shipped `edge`
labels the digits that were cut out, and the same digits as MNIST has them. The figures go to
benchmarks/results/sheet.json. Takes 2 seconds for each of the N × 13 photographs; N is 2 by default. `--picture` draws
a photograph instead, to look at.
"""

import io
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.accuracy.filled_sheets import PHOTOGRAPHS, Photograph, filled, photographed
from benchmarks.lib import markdown, paths
from benchmarks.lib.results import read_result, update_result
from edgecnn.card import versions
from edgecnn.data import Dataset, load
from edgecnn.errors import ImageError
from edgecnn.files import atomic
from edgecnn.runtime.classifier import Classifier
from edgecnn.scratch import scratch
from edgecnn.sheet.collecting import Sheet, read_sheet
from edgecnn.sheet.layout import LAYOUT

RESULTS = paths.RESULTS / "sheet.json"
MODEL = "edge"
SHARE = 0.75  # of the boxes that are filled


@dataclass(frozen=True, eq=False)
class Filled:
    """A sheet: the numbers of its filled boxes, the digits in them, and the page."""

    boxes: NDArray[np.intp]
    digits: NDArray[np.uint8]
    page: Image.Image


def main(arguments: Sequence[str]) -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--sheets", metavar="N", type=int, default=2)
    parser.add_argument("--picture", metavar="FILE", type=Path)
    given = parser.parse_args(arguments)
    data = load()
    if given.picture:
        draw(given.picture, fill(data, 0))
        return
    classifier = Classifier(MODEL)
    sheets = [fill(data, seed) for seed in range(given.sheets)]
    rows = []
    for name, how in PHOTOGRAPHS.items():
        print(name, flush=True)
        rows.append(
            {"photograph": name, **total([measured(sheet, how, classifier, n) for n, sheet in enumerate(sheets)])}
        )
    update_result(RESULTS, model=MODEL, versions=versions("edgecnn", "onnxruntime", "pillow", "numpy"), rows=rows)
    print(table(), end="")


def table() -> str:
    """The committed results, as a Markdown table."""
    found = read_result(RESULTS)
    rows = [
        (
            row["photograph"],
            f"{row['found']} of {row['sheets']}",
            f"{row['boxes_right'] / row['boxes']:.2%}",
            f"{row['read_right'] / row['digits']:.2%}",
            f"{row['direct_right'] / row['digits']:.2%}",
        )
        for row in found["rows"]
    ]
    headings = ("photograph", "sheets found", "boxes rightly filled or empty", "digits read", "the same, uncut")
    note = f"{found['rows'][0]['digits']} digits in each row, labeled by the shipped `{found['model']}`, float32"
    return markdown.table(headings, rows, [note])


def fill(data: Dataset, seed: int) -> Filled:
    """A sheet with test images, in its columns by their labels."""
    rng = np.random.default_rng(seed)
    boxes = np.sort(rng.permutation(len(LAYOUT.boxes))[: round(SHARE * len(LAYOUT.boxes))])
    columns = [rng.permutation(np.flatnonzero(data.test.labels == label))[: LAYOUT.rows] for label in range(10)]
    digits = data.test.images[np.stack(columns, axis=1).ravel()[boxes]]
    return Filled(boxes, digits, filled(digits, boxes, seed, ink=int(rng.integers(20, 110))))


def measured(sheet: Filled, how: Photograph, classifier: Classifier, seed: int) -> dict[str, int]:
    """How many of a sheet's boxes were told to be filled or empty rightly, and how many digits were read."""
    truth = sheet.boxes % len(LAYOUT.labels)
    found = read(photographed(sheet.page, replace(how, turn=how.turn + 90 * seed), seed))
    direct = classifier.predict(sheet.digits).argmax(axis=1)
    counts = {
        "sheets": 1,
        "found": int(found is not None),
        "boxes": len(LAYOUT.boxes),
        "boxes_right": 0,
        "digits": len(truth),
        "read_right": 0,
        "direct_right": int((direct == truth).sum()),
    }
    if found is None:
        return counts
    cut = {number: box.digit for number, box in enumerate(found.boxes) if box.digit is not None}
    both = [number for number in sheet.boxes.tolist() if number in cut]
    said = classifier.predict(np.stack([cut[number] for number in both])).argmax(axis=1)
    right = len(LAYOUT.boxes) - len(set(cut) ^ set(sheet.boxes.tolist()))
    labels = np.array(both) % len(LAYOUT.labels)
    return counts | {"boxes_right": right, "read_right": int((said == labels).sum())}


def read(photograph: bytes) -> Sheet | None:
    with scratch() as folder:
        path = folder / "photograph.jpg"
        path.write_bytes(photograph)
        try:
            return read_sheet(path)
        except ImageError:
            return None


def total(counts: Sequence[dict[str, int]]) -> dict[str, int]:
    return {name: sum(count[name] for count in counts) for name in counts[0]}


def draw(path: Path, sheet: Filled) -> None:
    """A photograph for the documents: what a person would send."""
    how = Photograph((1240, 1560), turn=8, tilt=22, table=90, gradient=0.3, shadow=0.15, noise=2, quality=95)
    with Image.open(io.BytesIO(photographed(sheet.page, how))) as picture, atomic(path) as temporary:
        picture.reduce(2).save(temporary, optimize=True)
