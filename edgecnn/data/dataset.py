"""What a data set is, and the fixed rule that parts its training images from its validation images."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgecnn.errors import DataError

# Of the training images, in the order they are stored, number 0, 12, 24, … are for validation and the rest for
# training: 5,000 and 55,000 of MNIST's 60,000. Taking every twelfth keeps the classes in proportion even where they
# are stored one after another, as in image folders, and needs no random numbers.
VALIDATION_EVERY = 12
MOST_CLASSES = 1000


@dataclass(frozen=True, eq=False)
class Split:
    """`images` uint8 [n, height, width] or [n, height, width, 3], and `labels` int64 [n], class indices."""

    name: str
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def draw(self, size: int, seed: int) -> NDArray[np.int64]:
        """The positions of `size` images without replacement (all, if there are fewer), in order; one draw a seed."""
        size = min(size, len(self))
        return np.sort(np.random.default_rng(seed).choice(len(self), size, replace=False))

    def sample(self, size: int, seed: int) -> "Split":
        """The images that `draw` picks."""
        chosen = self.draw(size, seed)
        return Split(self.name, self.images[chosen], self.labels[chosen])


@dataclass(frozen=True, eq=False)
class Dataset:
    """Three splits of one form. `labels` are the classes' names, by index: where stored labels skip numbers, the map.

    `sha256` is of all pixels and labels as stored.

    The test split is for reporting only: nothing is chosen by it.
    """

    name: str
    sha256: str
    labels: tuple[str, ...]
    train: Split
    validation: Split
    test: Split

    @property
    def image_shape(self) -> tuple[int, ...]:
        """[height, width] or [height, width, 3]."""
        return self.test.images.shape[1:]


def make_dataset(
    dataset_name: str,
    train: tuple[NDArray[np.uint8], NDArray[np.integer]],
    test: tuple[NDArray[np.uint8], NDArray[np.integer]],
    names: tuple[str, ...] | None = None,
    limit: int | None = None,
) -> Dataset:
    """Check two (images, labels) pairs and part them into splits.

    `limit` keeps that many of the training images, evenly spaced. Raises DataError for lengths, shapes, types or class
    counts that do not fit; `dataset_name` stands for the data in messages.
    """
    train_split, test_split = _split(dataset_name, "train", *train), _split(dataset_name, "test", *test)
    if train_split.images.shape[1:] != test_split.images.shape[1:]:
        raise DataError(
            f"{dataset_name}: training images are {_shape(train_split)} and test images {_shape(test_split)}; "
            "they must be of one shape"
        )
    digest = _digest(train_split, test_split)
    if names is None:
        names, train_split, test_split = _counted(dataset_name, train_split, test_split)
    kept, validation = _part(dataset_name, train_split, limit)
    return Dataset(dataset_name, digest, names, kept, validation, test_split)


def _split(dataset_name: str, name: str, images: NDArray[np.uint8], labels: NDArray[np.integer]) -> Split:
    if images.dtype != np.uint8:
        raise DataError(
            f"{dataset_name}: {name} images are {images.dtype}; they must be uint8, 0 to 255 "
            "(for values from 0 to 1: (255 * x).round().astype('uint8'))"
        )
    if images.ndim == 4 and images.shape[-1] == 1:
        images = images[..., 0]
    if images.ndim != 3 and not (images.ndim == 4 and images.shape[-1] == 3):
        raise DataError(
            f"{dataset_name}: {name} images have shape {images.shape}; they must be [n, height, width] or "
            "[n, height, width, 1 or 3]"
        )
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise DataError(
            f"{dataset_name}: {name} labels are {labels.dtype} of shape {labels.shape}; "
            "they must be one integer an image"
        )
    if len(images) != len(labels):
        raise DataError(
            f"{dataset_name}: {len(images):,} {name} images but {len(labels):,} labels; each image needs exactly one"
        )
    if not len(images) or 0 in images.shape:
        raise DataError(f"{dataset_name}: there are no {name} images")
    return Split(name, images, labels.astype(np.int64))


def _counted(dataset_name: str, train: Split, test: Split) -> tuple[tuple[str, ...], Split, Split]:
    """Classes named by the numbers that label them, and the splits with class indices: 1, 3, 7 become 0, 1, 2."""
    numbers = np.unique(np.concatenate([train.labels, test.labels]))
    if numbers[0] < 0:
        raise DataError(f"{dataset_name}: there is a label {numbers[0]}; labels are numbers from 0 up")
    if not 2 <= len(numbers) <= MOST_CLASSES:
        found = f"every image is labeled {numbers[0]}" if len(numbers) == 1 else f"there are {len(numbers):,} classes"
        raise DataError(f"{dataset_name}: {found}; there must be 2 to {MOST_CLASSES:,} classes")
    train, test = (replace(split, labels=np.searchsorted(numbers, split.labels)) for split in (train, test))
    return tuple(map(str, numbers)), train, test


def _part(dataset_name: str, split: Split, limit: int | None) -> tuple[Split, Split]:
    """Apply the limit, then the rule of VALIDATION_EVERY."""
    size = len(split) if limit is None else min(limit, len(split))
    if size < 2:
        raise DataError(f"{dataset_name}: {size} training images are too few; training and validation need one each")
    kept = np.linspace(0, len(split) - 1, size).astype(np.int64)
    held_out = np.arange(len(kept)) % VALIDATION_EVERY == 0
    train, validation = kept[~held_out], kept[held_out]
    return (
        Split("train", split.images[train], split.labels[train]),
        Split("validation", split.images[validation], split.labels[validation]),
    )


def _digest(*splits: Split) -> str:
    """SHA-256 of shapes, pixels and labels: the same data gives the same digest whatever files it came in."""
    digest = hashlib.sha256()
    for split in splits:
        digest.update(repr((split.name, split.images.shape)).encode())
        digest.update(np.ascontiguousarray(split.images).data)
        digest.update(split.labels.astype("<i8").data)
    return digest.hexdigest()


def _shape(split: Split) -> str:
    return "×".join(map(str, split.images.shape[1:]))


def chunks(images: NDArray[np.generic], size: int) -> Iterator[NDArray[np.generic]]:
    """Consecutive pieces of at most `size` along the first axis: evaluation in bounded memory."""
    for start in range(0, len(images), size):
        yield images[start : start + size]
