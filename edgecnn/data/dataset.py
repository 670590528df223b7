"""Defines a data set, and the fixed rule that splits off its validation images."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgecnn.batches import fitting
from edgecnn.data.parts import Pair
from edgecnn.data.splitting import without_test
from edgecnn.errors import DataError

# Training images number 0, 12, 24, … in stored order become validation images: 5,000 of MNIST's 60,000. The other
# 55,000 are for training. Taking every twelfth image keeps the classes in proportion even if they are stored one after
# another, as in image folders, and needs no random numbers.
VALIDATION_EVERY = 12
MOST_CLASSES = 1000
MOST_COPIED = 2**27  # bytes of a sample: 1,000 images of 210×210 pixels in color


@dataclass(frozen=True, eq=False)
class Split:
    """Images and their labels.

    `images` are uint8 [n, height, width] or [n, height, width, 3]; `labels` are int64 [n], class indices.
    """

    name: str
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def draw(self, size: int, seed: int) -> NDArray[np.int64]:
        """The positions of `size` random images, int64 and sorted, drawn without replacement.

        If there are fewer images, all are drawn. The same seed gives the same draw.
        """
        size = min(size, len(self))
        return np.sort(np.random.default_rng(seed).choice(len(self), size, replace=False))

    def sample(self, size: int, seed: int) -> "Split":
        """A split of the images that `draw` picks, fewer if they are large: a copy of MOST_COPIED bytes at most."""
        chosen = self.draw(fitting(self.images[:1].nbytes, MOST_COPIED, size), seed)
        if len(chosen) == len(self):
            return self
        return Split(self.name, self.images[chosen], self.labels[chosen])


@dataclass(frozen=True, eq=False)
class Dataset:
    """Three splits with images of one shape.

    `labels` are the names of the classes, by class index. If the stored labels skip numbers, they map an index to the
    stored number. `sha256` is the hash of all pixels and labels as stored. The test split is for reporting only:
    nothing is chosen by it.
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
    test: tuple[NDArray[np.uint8], NDArray[np.integer]] | None,
    names: tuple[str, ...] | None = None,
    limit: int | None = None,
    validation: tuple[NDArray[np.uint8], NDArray[np.integer]] | None = None,
) -> Dataset:
    """Check (images, labels) pairs and turn them into a data set.

    Without `test`, some of the training images become test images, as `splitting` says; without `validation`, some
    become validation images.

    Images are uint8 [n, height, width] or [n, height, width, 1 or 3], labels integers [n] or [n, 1]. `names` are the
    names of the classes; without them, each class is named by its number. `limit` keeps that many of the training
    images, evenly spaced. Raises DataError for wrong lengths, shapes, types or class counts; its message calls the data
    `dataset_name`.
    """
    given = {"train": train, "test": test, "validation": validation}
    splits = {name: _split(dataset_name, name, *pair) for name, pair in given.items() if pair is not None}
    for name, split in splits.items():
        if split.images.shape[1:] != splits["train"].images.shape[1:]:
            raise DataError(
                f"{dataset_name}: training images are {_shape(splits['train'])} and {name} images {_shape(split)}; "
                "all must have the same shape"
            )
    if test is None:
        splits = _with_test(dataset_name, splits)
    digest = _digest(*splits.values())
    if names is None:
        names, splits = _counted(dataset_name, splits)
    _require_classes(dataset_name, names)
    kept, held_out = _part(dataset_name, splits["train"], limit, splits.get("validation"))
    return Dataset(dataset_name, digest, names, kept, held_out, splits["test"])


def _with_test(dataset_name: str, splits: dict[str, Split]) -> dict[str, Split]:
    train = splits["train"]
    pairs = without_test(Pair(train.images, train.labels))
    if not len(pairs[1].labels):
        raise DataError(f"{dataset_name}: no class has two images, so that none is for testing; add some")
    parts = {name: Split(name, *pair) for name, pair in zip(("train", "test"), pairs, strict=True)}
    return {**parts, **{name: split for name, split in splits.items() if name == "validation"}}


def _split(dataset_name: str, name: str, images: NDArray[np.uint8], labels: NDArray[np.integer]) -> Split:
    if images.dtype != np.uint8:
        raise DataError(
            f"{dataset_name}: {name} images are {images.dtype}; they must be uint8, 0 to 255 "
            "(convert values from 0 to 1 with (255 * x).round().astype('uint8'))"
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
            "each image needs one integer label"
        )
    if len(images) != len(labels):
        raise DataError(
            f"{dataset_name}: {len(images):,} {name} images but {len(labels):,} labels; each image needs one label"
        )
    if not len(images) or 0 in images.shape:
        raise DataError(f"{dataset_name}: there are no {name} images; add some")
    return Split(name, images, labels.astype(np.int64))


def _counted(dataset_name: str, splits: dict[str, Split]) -> tuple[tuple[str, ...], dict[str, Split]]:
    """Class names from the stored numbers, and the splits with class indices: 1, 3, 7 become 0, 1, 2."""
    numbers = np.unique(np.concatenate([split.labels for split in splits.values()]))
    if numbers[0] < 0:
        raise DataError(f"{dataset_name}: there is a label {numbers[0]}; labels must be 0 or more")
    indexed = {name: replace(split, labels=np.searchsorted(numbers, split.labels)) for name, split in splits.items()}
    return tuple(map(str, numbers)), indexed


def _require_classes(dataset_name: str, names: tuple[str, ...]) -> None:
    if not 2 <= len(names) <= MOST_CLASSES:
        found = f"every image is labeled {names[0]}" if len(names) == 1 else f"there are {len(names):,} classes"
        raise DataError(f"{dataset_name}: {found}; there must be 2 to {MOST_CLASSES:,} classes")


def _part(dataset_name: str, split: Split, limit: int | None, validation: Split | None) -> tuple[Split, Split]:
    """Apply the limit, then split off the validation images by VALIDATION_EVERY if there are none yet."""
    size = len(split) if limit is None else min(limit, len(split))
    if size < 2:
        raise DataError(f"{dataset_name}: {size} training images are too few; training and validation need 1 each")
    kept = np.linspace(0, len(split) - 1, size).astype(np.int64)
    if validation:
        return Split("train", split.images[kept], split.labels[kept]), validation
    held_out = np.arange(len(kept)) % VALIDATION_EVERY == 0
    train, chosen = kept[~held_out], kept[held_out]
    return (
        Split("train", split.images[train], split.labels[train]),
        Split("validation", split.images[chosen], split.labels[chosen]),
    )


def _digest(*splits: Split) -> str:
    """SHA-256 of shapes, pixels and labels. The same data gives the same digest, whatever its file format."""
    digest = hashlib.sha256()
    for split in splits:
        digest.update(repr((split.name, split.images.shape)).encode())
        digest.update(np.ascontiguousarray(split.images).data)
        digest.update(split.labels.astype("<i8").data)
    return digest.hexdigest()


def _shape(split: Split) -> str:
    return "×".join(map(str, split.images.shape[1:]))
