"""Test models with corrupted digits and out-of-distribution images: [MODEL ...] [--data PATH] | --sheet FILE.png

Each MODEL is a model folder; several can have the same recipe with different seeds. Without a MODEL, every recipe's
folder is used: models/<recipe>, or build/trained/<recipe>, where the program reference-recipes puts it. The files
`model.onnx` and, if it exists, `model.int8.onnx` label the 10,000 test images, unchanged and with each corruption. They
also label the out-of-distribution images, which do not show digits: the test images of the data set at PATH or, without
it, of Fashion-MNIST if it is installed. Each model's figures are written to benchmarks/results/robustness.json when
they are measured; other models are kept. At the end the table is printed. It takes half a minute to corrupt the images,
then some seconds to two minutes per file. `--sheet` draws ten digits with every corruption, to check them by eye.
"""

import hashlib
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from benchmarks.accuracy import robustness_table as tables
from benchmarks.accuracy.corruptions import CORRUPTIONS, Images
from benchmarks.accuracy.robustness_table import (
    AS_THEY_ARE,
    FLOAT32,
    INT8,
    KEPT_SHARE,
    Answers,
    Network,
    OutOfDistribution,
)
from benchmarks.lib import paths
from benchmarks.lib.results import write_text
from edgecnn import metrics
from edgecnn.data import Dataset, load
from edgecnn.files import atomic, sha256
from edgecnn.folder import SHIPPED_MODELS, ModelFolder
from edgecnn.host.machine import this_host
from edgecnn.recipes import RECIPES
from edgecnn.runtime.classifier import Classifier

RESULTS = paths.RESULTS / "robustness.json"
FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")  # where Debian's package puts it
NOT_INSTALLED = (
    f"{FASHION_MNIST} does not exist, so rejection is not measured: "
    "apt-get install dataset-fashion-mnist, or give --data"
)
ENLARGED, GAP, TITLES = 2, 2, 340  # of the sheet; the last two in pixels


@dataclass(frozen=True)
class Trial:
    """The images that every network labels.

    `corrupted` maps a corruption's name to the corrupted test images of `data`; AS_THEY_ARE comes first.
    """

    data: Dataset
    corrupted: dict[str, Images]
    out_of_distribution: Dataset | None

    @property
    def corrupted_sha256(self) -> str:
        return hashlib.sha256(b"".join(images.tobytes() for images in self.corrupted.values())).hexdigest()


def main(arguments: Sequence[str]) -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("models", metavar="MODEL", nargs="*", type=Path)
    parser.add_argument("--data", metavar="PATH", type=Path)
    parser.add_argument("--sheet", metavar="FILE", type=Path)
    given = parser.parse_args(arguments)
    if given.sheet:
        write_sheet(given.sheet)
        return
    folders = [ModelFolder(path.resolve()) for path in given.models] or trained()
    if not folders:
        parser.error(
            "there is no trained model: run python -m benchmarks reference-recipes first, or give a model folder"
        )
    data = load()
    trial = Trial(data, corrupted(data.test.images), out_of_distribution(given.data))
    for folder in folders:
        print(f"== {folder.path.name}", flush=True)
        store(folder.path.name, measure(folder, trial))
    print(table(), end="")


def table() -> str:
    """The committed results, as a Markdown table."""
    return tables.table(tables.read(RESULTS))


def trained() -> list[ModelFolder]:
    """The folder of each recipe that was trained and exported: the shipped model, or the one under build/trained."""
    places = [[ModelFolder(parent / name) for parent in (SHIPPED_MODELS, paths.TRAINED)] for name in RECIPES]
    found = (next((folder for folder in both if folder.onnx("float32").exists()), None) for both in places)
    return [folder for folder in found if folder]


def corrupted(images: Images) -> dict[str, Images]:
    return {AS_THEY_ARE: images} | {corruption.name: corruption(images) for corruption in CORRUPTIONS}


def out_of_distribution(path: Path | None) -> Dataset | None:
    """The data set at `path`, or Fashion-MNIST if it is installed, or None. Raises DataError."""
    if path or FASHION_MNIST.exists():
        return load(path or FASHION_MNIST)
    print(NOT_INSTALLED, file=sys.stderr)
    return None


def measure(folder: ModelFolder, trial: Trial) -> Network:
    """Measure a folder's float32 file and, if there is one, its int8 file. Raises ModelError."""
    card, host = folder.card(), this_host()
    training = card.training if card else None
    files = {FLOAT32: folder.onnx("float32"), INT8: folder.onnx("int8")}
    return Network(
        recipe=training.recipe if training else folder.path.name,
        seed=training.seed if training else None,
        measured=datetime.now(UTC).isoformat(timespec="seconds"),
        host=str(host),
        versions=host.versions,
        data_sha256=trial.data.sha256,
        corrupted_sha256=trial.corrupted_sha256,
        out_of_distribution=described(trial.out_of_distribution),
        files={name: answers(path, trial) for name, path in files.items() if name == FLOAT32 or path.exists()},
    )


def described(data: Dataset | None) -> OutOfDistribution | None:
    return OutOfDistribution(Path(data.name).name, data.sha256, len(data.test)) if data else None


def answers(model: Path, trial: Trial) -> Answers:
    classifier, digits = Classifier(model), trial.data.test
    threshold = metrics.threshold_keeping(KEPT_SHARE, classifier.predict(trial.data.validation.images))
    said = {name: classifier.predict(images) for name, images in trial.corrupted.items()}
    others = trial.out_of_distribution
    strange = classifier.predict(others.test.images) if others else None
    return Answers(
        sha256=sha256(model),
        images=len(digits),
        correct={name: metrics.accuracy("test", rows.argmax(1), digits.labels).correct for name, rows in said.items()},
        calibration_error=metrics.expected_calibration_error(said[AS_THEY_ARE], digits.labels),
        threshold=threshold,
        kept=int((said[AS_THEY_ARE].max(axis=1) >= threshold).sum()),
        rejected=None if strange is None else int((strange.max(axis=1) < threshold).sum()),
    )


def store(name: str, found: Network) -> None:
    write_text(RESULTS, tables.to_json(tables.read(RESULTS) | {name: found}))


def write_sheet(file: Path) -> None:
    """Draw a row per corruption, with its description, and a column per digit: its first test image."""
    what = {corruption.name: f"{corruption.name}: {corruption.what}" for corruption in CORRUPTIONS}
    test = load().test
    first = [int(np.argmax(test.labels == digit)) for digit in range(10)]
    rows = corrupted(test.images[: max(first) + 1])
    step = ENLARGED * test.images.shape[1] + GAP
    sheet = Image.new("L", (TITLES + 10 * step, len(rows) * step), 60)
    for row, (name, images) in enumerate(rows.items()):
        ImageDraw.Draw(sheet).text((GAP, row * step + step // 3), what.get(name, name), fill=255)
        for digit, place in enumerate(first):
            picture = Image.fromarray(images[place]).resize((step - GAP,) * 2, Image.Resampling.NEAREST)
            sheet.paste(picture, (TITLES + digit * step, row * step))
    with atomic(file) as path:
        sheet.save(path)
