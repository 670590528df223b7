"""The images that travel with a model: test images to score it with, and those that its int8 file was calibrated by."""

import zipfile
from pathlib import Path

import numpy as np

from edgecnn.batches import fitting
from edgecnn.card import Card
from edgecnn.data import Dataset, Split
from edgecnn.data.npz import read_npz
from edgecnn.errors import DataError
from edgecnn.files import sha256
from edgecnn.folder import IMAGES

TEST_IMAGES, SEED = 1000, 0
CALIBRATION_IMAGES = 512  # as in `edgecnn export --quantize`
MOST_BYTES = 2**27  # of each kind of images


def sampled(dataset: Dataset, calibration: int = CALIBRATION_IMAGES) -> Dataset:
    """The images to take along: of large ones, only as many as have MOST_BYTES."""
    return Dataset(
        dataset.name,
        dataset.sha256,
        dataset.labels,
        _drawn(dataset.train, calibration),
        dataset.validation,
        _drawn(dataset.test, TEST_IMAGES),
    )


def _drawn(split: Split, most: int) -> Split:
    chosen = split.draw(fitting(split.images[:1].nbytes, MOST_BYTES, most), SEED)
    return Split(split.name, split.images[chosen], split.labels[chosen])


def write_images(path: Path, dataset: Dataset) -> None:
    """Write test and training images as `--data` also reads them: the same images always become the same bytes."""
    train, test = dataset.train, dataset.test
    with path.open("wb") as file:  # not packed: the bundle packs it
        np.savez(file, x_train=train.images, y_train=train.labels, x_test=test.images, y_test=test.labels)


def read_images(path: Path, card: Card) -> Dataset:
    """The images that came with a model, as a data set with the model's classes and without validation images.

    Raises DataError if the file is damaged, or does not suit the card.
    """
    if not zipfile.is_zipfile(path):
        raise DataError(f"{path} is damaged: bundle the model again")
    parts = read_npz(path)
    classes = len(card.labels)
    for pair in parts.pairs.values():
        numbers = pair.labels
        if not (
            pair.images.dtype == np.uint8
            and len(pair.images) == len(numbers) > 0
            and numbers.dtype == np.int64
            and numbers.ndim == 1
            and 0 <= int(numbers.min()) <= int(numbers.max()) < classes
        ):
            raise DataError(f"{path} does not hold images with labels from 0 to {classes - 1}: bundle the model again")
    if parts.test is None:
        raise DataError(f"{path} has no test images: bundle the model again")
    train, test = Split("train", *parts.train), Split("test", *parts.test)
    return Dataset(_name(card, len(test)), sha256(path), card.labels, train, train, test)


def _name(card: Card, images: int) -> str:
    origin = Path(card.data.name).name if card.data else ""
    return f"{origin or 'a data set'} ({images:,} images that came with the model, in {IMAGES})"
