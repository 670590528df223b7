"""Measure whether what is not a digit is called uncertain: [--only-times] [NETWORK ...]

Each shipped NETWORK (default: all) reads, in float32 and in int8, MNIST's test digits, the test images of Fashion-MNIST
if Debian's package has put it on the disk, letters of the machine's TrueType fonts, and the digits of real pictures in
../shared/pictures if it is there. Letters and pictures are brought into MNIST's form first, as `edgecnn predict` does.
Letters that look like digits in some font are left out. A shipped file that does not tell outliers yet is measured as a
copy that does, by what `edgecnn export` calls. The plain confidence stands beside the distance, as the baseline.
`--only-times` times the check again, as a ratio to the same answer without it. The figures of what was measured are
written to benchmarks/results/outliers.json.
"""

import csv
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from benchmarks.accuracy import outliers_table, robustness
from benchmarks.accuracy.outliers_table import DIGITS, LETTERS, PICTURES, PRECISIONS, RESULTS
from benchmarks.lib import paths
from benchmarks.lib.results import Row, read_result, replace_row, update_result
from edgecnn.data import Dataset, load
from edgecnn.exporting import records
from edgecnn.folder import SHIPPED_MODELS, ModelFolder
from edgecnn.graph.loading import load_model
from edgecnn.host.machine import this_host
from edgecnn.imaging.digits import find_digits
from edgecnn.imaging.reading import open_sheet
from edgecnn.recipes import RECIPES
from edgecnn.runtime.classifier import Classifier
from edgecnn.runtime.metadata import ModelMetadata
from edgecnn.scratch import scratch

NETWORKS = ("edge", "nano", "accurate")
FONTS = Path("/usr/share/fonts")
# What looks like 0, 1, 2, 5, 6, 8 or 9 in some font.
LIKE_DIGITS = frozenset("BDGIOQSZbgiloqsz")
LETTER, SHEET = 64, 128  # the size of a letter, and of the paper around it, in pixels
ROUNDS, SAMPLE = 400, 50
Images = NDArray[np.uint8]
Scores = NDArray[np.floating]


def main(arguments: Sequence[str]) -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("networks", metavar="NETWORK", nargs="*", default=NETWORKS)
    parser.add_argument("--only-times", action="store_true")
    given = parser.parse_args(arguments)
    host, data = this_host(), load()
    update_result(RESULTS, host=str(host), versions=host.versions)
    sources = {} if given.only_times else dict(sources_of(data))
    for network in given.networks:
        print(f"== {network}", flush=True)
        with scratch() as folder:
            for precision, classifier in opened(network, data, folder).items():
                store(network, precision, judged(classifier, sources), ratio(classifier, data.test.images))
    print(outliers_table.table())


def store(network: str, precision: str, sources: Row, times: float) -> None:
    """Keep what was measured. Without sources, those of an earlier run stay."""
    row = {"network": network, "precision": precision, "sources": sources, "times": round(times, 2)}
    known: list[Row] = read_result(RESULTS).get("files", [])
    for old in known if not sources else []:
        if (old["network"], old["precision"]) == (network, precision):
            row["sources"] = old["sources"]
    replace_row(RESULTS, "files", row, ("network", "precision"), _place)


def _place(row: Row) -> tuple[int, int]:
    return [*RECIPES].index(row["network"]), PRECISIONS.index(row["precision"])


def opened(network: str, data: Dataset, scratch_folder: Path) -> dict[str, Classifier]:
    """The network's float32 and int8 files, or copies of them that tell outliers as the float32 file would."""
    folder = ModelFolder(SHIPPED_MODELS / network)
    found = {precision: Classifier(folder.onnx(precision)) for precision in PRECISIONS}
    if all(classifier.metadata.outliers for classifier in found.values()):
        return found
    original = found["float32"]
    told = records.telling_doubt(original.metadata, original, data)
    return {name: Classifier(telling(known, told, scratch_folder)) for name, known in found.items()}


def telling(classifier: Classifier, told: ModelMetadata, folder: Path) -> Path:
    """A copy of the file with the limits of `told`: a quantized file has those of the file that it is made of."""
    path = folder / classifier.path.name
    metadata = replace(classifier.metadata, confidence=told.confidence, outliers=told.outliers)
    records.save(load_model(classifier.path), path, metadata)
    return path


def sources_of(data: Dataset) -> Iterator[tuple[str, Images]]:
    """The images of each source by its name, uint8 [n, 28, 28]. What is not on this machine is left out."""
    yield DIGITS, data.test.images
    clothes = robustness.out_of_distribution(None)
    if clothes:
        yield Path(clothes.name).name, clothes.test.images
    fonts = sorted(FONTS.rglob("*.ttf"))
    if fonts:
        yield LETTERS, in_form(letter(font, text) for font in fonts for text in letters())
    folders = sorted(path.parent for path in paths.ROOT.parent.glob("shared/pictures/*/labels.csv"))
    if folders:
        yield PICTURES, in_form(sheet for folder in folders for sheet in sheets(folder))


def letters() -> list[str]:
    every = [*map(chr, range(ord("A"), ord("Z") + 1)), *map(chr, range(ord("a"), ord("z") + 1))]
    return [text for text in every if text not in LIKE_DIGITS]


def letter(font: Path, text: str) -> Images:
    """A letter in black on white paper, uint8 [128, 128]."""
    paper = Image.new("L", (SHEET, SHEET), 255)
    drawn = ImageFont.truetype(font, LETTER)
    ImageDraw.Draw(paper).text((SHEET / 2, SHEET / 2), text, font=drawn, fill=0, anchor="mm")
    return np.asarray(paper)


def sheets(folder: Path) -> Iterator[Images]:
    """The pictures of a folder that show one digit."""
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as rows:
        for row in csv.DictReader(rows):
            if len(row["label"]) == 1:
                yield open_sheet(folder / row["file"], row["file"])[0]


def in_form(found: Iterator[Images]) -> Images:
    """The digit of each picture in MNIST's form. Where none is found, predict says so, and nothing is to be judged."""
    digits = [digit.image for sheet in found for digit in find_digits(sheet).digits]
    return np.stack(digits)


def judged(classifier: Classifier, sources: Mapping[str, Images]) -> Row:
    """Of each source: how many are far, how many have a low probability, how many either; and how well each tells.

    The area under the curve is that of test digits against the source, where 0.5 is chance and 1 tells all apart.
    """
    known, least = classifier.metadata.outliers, classifier.metadata.confidence
    assert known is not None
    assert least is not None
    found: Row = {}
    scores: dict[str, tuple[Scores, Scores]] = {}
    for name, images in sources.items():
        probabilities = classifier.predict(images)
        distances, best = known.distances(images, probabilities.argmax(axis=1)), probabilities.max(axis=1)
        far, unsure = distances > known.limit, best.astype(np.float64) < least
        found[name] = {"images": len(images), "far": int(far.sum()), "unsure": int(unsure.sum())}
        found[name]["uncertain"] = int((far | unsure).sum())
        scores[name] = distances, -best
        if name not in (DIGITS, PICTURES):
            areas = [area(inside, outside) for inside, outside in zip(scores[DIGITS], scores[name], strict=True)]
            found[name] |= dict(zip(("area by distance", "area by confidence"), areas, strict=True))
    return found


def area(inside: Scores, outside: Scores) -> float:
    """The area under the ROC curve: how often what is outside has a higher score than what is inside."""
    ordered = np.sort(inside)
    below = np.searchsorted(ordered, outside, "left") + np.searchsorted(ordered, outside, "right")
    return round(float(below.mean() / 2 / len(ordered)), 4)


def ratio(classifier: Classifier, images: Images) -> float:
    """How many times the time of an answer for one image takes with the check: the median of alternating rounds."""
    return median(
        _seconds(partial(_answer, classifier, checks=True), images)
        / _seconds(partial(_answer, classifier, checks=False), images)
        for _ in range(ROUNDS)
    )


def _answer(classifier: Classifier, image: Images, *, checks: bool) -> None:
    probabilities = classifier.predict(image)
    classifier.best(probabilities, 2)
    if checks:
        classifier.outliers(image, probabilities)


def _seconds(answer: Callable[[Images], None], images: Images) -> float:
    started = time.perf_counter()
    for number in range(SAMPLE):
        answer(images[number : number + 1])
    return time.perf_counter() - started


def table() -> str:
    return outliers_table.table()
