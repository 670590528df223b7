"""The images that the networks are trained and judged with: MNIST's digits in several forms."""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.third_party.network import WORK
from edgecnn.data import Dataset, Split, load
from edgecnn.files import atomic

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]
Pair = tuple[Images, Labels]
SEED = 0
TRAIN, TEST = 12_000, 1000  # every twelfth of the training images is for validation
MIDDLE = slice(2, 26)  # where a digit of 28×28 pixels lies


def _digits(split: Split, rng: np.random.Generator) -> Pair:
    return split.images, split.labels


def _small(split: Split, rng: np.random.Generator) -> Pair:
    """8×8 pixels, as scikit-learn's digits."""
    middle = split.images[:, MIDDLE, MIDDLE].reshape(-1, 8, 3, 8, 3)
    return middle.mean(axis=(2, 4)).round().astype(np.uint8), split.labels


def _two(split: Split, rng: np.random.Generator) -> Pair:
    """Below five, or not."""
    return split.images, (split.labels >= 5).astype(np.int64)


def _color(split: Split, rng: np.random.Generator, size: int = 32) -> Pair:
    """Five digits in red and the same five in blue: ten classes that depend on the order of the channels."""
    few = split.labels < 5
    split = Split(split.name, split.images[few], split.labels[few])
    digits = split.images.repeat(size // 28, axis=1).repeat(size // 28, axis=2)
    room = size - digits.shape[1]
    ink = np.pad(digits, ((0, 0), (room // 2, room - room // 2), (room // 2, room - room // 2)))[..., None] / 255
    blue = rng.integers(0, 2, (len(split), 1)).astype(bool)
    strong, weak = rng.uniform(170, 255, (len(split), 1)), rng.uniform(0, 110, (len(split), 2))
    pens = np.where(blue, np.hstack([weak, strong]), np.hstack([strong, weak]))[:, None, None]
    grounds = rng.uniform(0, 80, (len(split), 1, 1, 3))
    return (grounds + ink * (pens - grounds)).round().astype(np.uint8), split.labels + 5 * blue[:, 0]


def _large(split: Split, rng: np.random.Generator) -> Pair:
    return _color(split, rng, 64)


SETS: Mapping[str, Callable[[Split, np.random.Generator], Pair]] = {
    "digits": _digits,
    "small": _small,
    "two": _two,
    "color": _color,
    "large": _large,
}
DRAWN = {"color": 2.0, "large": 1.0}  # times as many digits, of which half are below five


def path_of(name: str) -> Path:
    """The `.npz` file of a set; it is made unless it exists."""
    path = WORK / "data" / f"{name}.npz"
    if not path.exists():
        _save(name, path)
    return path


def _save(name: str, path: Path) -> None:
    mnist, rng = load(), np.random.default_rng(SEED)
    times = DRAWN.get(name, 1.0)
    x_train, y_train = SETS[name](mnist.train.sample(int(TRAIN * times), SEED), rng)
    x_test, y_test = SETS[name](mnist.test.sample(int(TEST * times), SEED), rng)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as unfinished:
        np.savez(unfinished, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)


@cache
def loaded(name: str) -> Dataset:
    return load(path_of(name))
