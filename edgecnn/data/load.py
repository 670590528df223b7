"""Loads every kind of data set: the built-in MNIST, IDX folders, `.npz` files and image folders."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecnn.data import idx
from edgecnn.data.dataset import MOST_CLASSES, Dataset, make_dataset
from edgecnn.data.npz import read_npz
from edgecnn.errors import DataError
from edgecnn.imaging.reading import SUFFIXES, open_picture, pixels
from edgecnn.imaging.shades import is_gray

MNIST = "mnist"
MNIST_FOLDER = Path(__file__).parent / "mnist"
# Hashes of the uncompressed files of the original distribution.
MNIST_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
NPZ_KEYS = ("x_train", "y_train", "x_test", "y_test")
FORMS = (
    "a folder with the four IDX files, an .npz file with x_train, y_train, x_test and y_test, "
    "or a folder of train/<label>/*.png and test/<label>/*.png"
)

Array = NDArray[Any]  # a file's content before make_dataset has checked it
Pair = tuple[Array, Array]


def load(path: str | Path = MNIST, limit: int | None = None) -> Dataset:
    """Read a data set.

    `path` is "mnist" or the path of a folder with the four IDX files (gzipped or not), an `.npz` file with `x_train`,
    `y_train`, `x_test` and `y_test`, or a folder of `train/<label>/*.png` and `test/<label>/*.png`. `limit` keeps that
    many training images. Raises DataError if the data is missing, damaged or of another form, ImageError if a picture
    cannot be read.
    """
    if str(path) == MNIST:
        return _load_mnist(limit)
    path = Path(path)
    if path.suffix == ".npz" and path.is_file():
        return make_dataset(str(path), *_read_npz(path), limit=limit)
    if (path / "train").is_dir():
        names, train, test = _read_image_folder(path)
        return make_dataset(str(path), train, test, names, limit)
    if path.is_dir():
        return make_dataset(str(path), *_read_idx_folder(path), limit=limit)
    raise DataError(f"{path} is not a data set: give {FORMS}")


def _load_mnist(limit: int | None) -> Dataset:
    arrays: list[Array] = []
    for name, expected in MNIST_SHA256.items():
        content = idx.read_bytes(MNIST_FOLDER / f"{name}.gz")
        if hashlib.sha256(content).hexdigest() != expected:
            raise DataError(f"{MNIST_FOLDER / name}.gz is not the original MNIST file: reinstall edgecnn")
        arrays.append(idx.parse(content, name))
    train_images, train_labels, test_images, test_labels = arrays
    return make_dataset(MNIST, (train_images, train_labels), (test_images, test_labels), limit=limit)


def _read_idx_folder(folder: Path) -> tuple[Pair, Pair]:
    def read(*prefixes: str) -> Array:
        found = sorted(path for prefix in prefixes for path in folder.glob(f"{prefix}*") if path.is_file())
        if not found:
            raise DataError(f"{folder} has no file {prefixes[0]}-idx…: give {FORMS}")
        return idx.read(found[0])

    train = read("train-images"), read("train-labels")
    return train, (read("t10k-images", "test-images"), read("t10k-labels", "test-labels"))


def _read_npz(path: Path) -> tuple[Pair, Pair]:
    x_train, y_train, x_test, y_test = read_npz(path, NPZ_KEYS)
    return (x_train, y_train), (x_test, y_test)


def _read_image_folder(folder: Path) -> tuple[tuple[str, ...], Pair, Pair]:
    names = sorted(_folders(folder / "train"), key=_label_order)
    if not 2 <= len(names) <= MOST_CLASSES:
        raise DataError(
            f"{folder / 'train'} has {len(names)} folders; it needs one per class, for 2 to {MOST_CLASSES:,} classes"
        )
    stray = _folders(folder / "test") - set(names)
    if stray:
        raise DataError(f"{folder / 'test'} has a class that train lacks: {min(stray)}; add it to train or remove it")
    files = [_labeled_files(folder / split, names) for split in ("train", "test")]
    color = not all(is_gray(open_picture(path)) for path, _ in files[0] + files[1])
    train, test = (_read_pictures(chosen, color=color) for chosen in files)
    return tuple(names), train, test


def _label_order(name: str) -> tuple[bool, int, str]:
    """Sorts numbers by value (2 before 10), then words alphabetically."""
    return (False, int(name), name) if name.isdecimal() else (True, 0, name)


def _folders(path: Path) -> set[str]:
    """The names of the class folders. Hidden folders, which other tools create, are ignored."""
    found = path.iterdir() if path.is_dir() else ()
    return {item.name for item in found if item.is_dir() and not item.name.startswith(".")}


def _labeled_files(folder: Path, names: list[str]) -> list[tuple[Path, int]]:
    files = [
        (path, label)
        for label, name in enumerate(names)
        for path in sorted((folder / name).glob("*"))
        if path.suffix.lower() in SUFFIXES
    ]
    if not files:
        raise DataError(f"{folder} has no images: put them into {folder}/<label>/*.png")
    return files


def _read_pictures(files: list[tuple[Path, int]], *, color: bool) -> Pair:
    images: list[Array] = []
    for path, _ in files:
        image = pixels(open_picture(path), color=color)
        if images and image.shape != images[0].shape:
            raise DataError(
                f"{path} has {image.shape[1]}×{image.shape[0]} pixels, but {files[0][0]} has "
                f"{images[0].shape[1]}×{images[0].shape[0]}: resize all images to the same size"
            )
        images.append(image)
    return np.stack(images), np.array([label for _, label in files], np.int64)
