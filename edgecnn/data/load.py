"""Loads every kind of data set: the built-in MNIST, and what `forms` can read."""

import hashlib
from pathlib import Path

from edgecnn.data import idx
from edgecnn.data.dataset import Dataset, make_dataset
from edgecnn.data.forms import read_parts
from edgecnn.data.parts import Array
from edgecnn.data.values import normalized
from edgecnn.errors import DataError

MNIST = "mnist"
MNIST_FOLDER = Path(__file__).parent / "mnist"
# Hashes of the uncompressed files of the original distribution.
MNIST_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


def load(path: str | Path = MNIST, limit: int | None = None) -> Dataset:
    """Read a data set.

    `path` is "mnist" or the path of a folder with the four IDX files (gzipped or not), an `.npz` file with `x_train`,
    `y_train`, `x_test` and `y_test`, a table of pixels (CSV) or of pictures (Parquet), or a folder of pictures in
    `train/<label>/` and `test/<label>/`. Data without test images is split by a fixed rule. The data set is named by
    the resolved path. `limit` keeps that many training images. Raises DataError if the data is missing, damaged or of
    another form, ImageError if a picture cannot be read.
    """
    if str(path) == MNIST:
        return _load_mnist(limit)
    path = Path(path)
    parts = normalized(str(path), read_parts(path))
    return make_dataset(str(path.resolve()), parts.train, parts.test, parts.names, limit, parts.validation)


def _load_mnist(limit: int | None) -> Dataset:
    arrays: list[Array] = []
    for name, expected in MNIST_SHA256.items():
        content = idx.read_bytes(MNIST_FOLDER / f"{name}.gz")
        if hashlib.sha256(content).hexdigest() != expected:
            raise DataError(f"{MNIST_FOLDER / name}.gz is not the original MNIST file: reinstall edgecnn")
        arrays.append(idx.parse(content, name))
    train_images, train_labels, test_images, test_labels = arrays
    return make_dataset(MNIST, (train_images, train_labels), (test_images, test_labels), limit=limit)
