"""Finds the data that a model was trained with, so that the user need not name it again in later stages."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from edgecnn.card import Card
from edgecnn.data import MNIST, Dataset, load
from edgecnn.errors import DataError, DataNotHere
from edgecnn.origin import Origin

MNIST_SHAPE, MNIST_CLASSES = (28, 28), 10
SHOWN = 5  # names of classes in a message

Read = Callable[[str | Path], Dataset]


class TakesImages(Protocol):
    """What a model takes. runtime's InputSpec fits this protocol; data may not import it, as it comes later."""

    def matches(self, image_shape: tuple[int, ...]) -> bool: ...

    def prepare(self, images: Any) -> Any: ...


def origin_of(card: Card | None, recorded: Origin | None = None) -> Origin | None:
    """The data set that the card names; without one, what the ONNX file itself has `recorded`; otherwise None."""
    return Origin(card.data.name, card.data.sha256) if card and card.data else recorded


def find_dataset(
    origin: Origin | None,
    data: str | Path | None,
    spec: TakesImages,
    classes: int,
    read: Read = load,
    labels: Sequence[str] = (),
) -> Dataset | None:
    """The data set to score a model with.

    It is the first of these: the user's `data`, the model's `origin`, MNIST if the model takes 28×28 images and has 10
    classes without other names. Otherwise it is None. `spec` is what the model takes and `classes` its number of
    classes. `read` loads a data set; a caller can pass a cached version. `labels` are the names of the model's classes,
    if they are known: data with the same names in another order, or with some of them only, gets the model's numbers;
    names that are numbers only say nothing. Raises DataError if the data cannot be read, has changed or has other
    classes, DataNotHere if the origin is not on this machine, InputError if its images do not fit the model.
    """
    if data is not None:
        dataset = read(data)
    elif origin is not None:
        dataset = _again(origin, read)
    elif spec.matches(MNIST_SHAPE) and classes == MNIST_CLASSES and not _are_names(labels):
        dataset = read(MNIST)
    else:
        return None
    spec.prepare(dataset.test.images[:1])
    dataset = _numbered_by(labels, dataset)
    if len(dataset.labels) != classes:
        raise DataError(
            f"{dataset.name} has {len(dataset.labels)} classes, but the model has {classes}: give the model's --data"
        )
    return dataset


def _numbered_by(labels: Sequence[str], dataset: Dataset) -> Dataset:
    """The data set with the model's classes, if those of its own are among them, and no two have one name."""
    if len(set(labels)) < len(labels):
        return dataset
    others = [name for name in dataset.labels if name not in labels]
    if others and _are_names(labels) and _are_names(dataset.labels):
        raise DataError(
            f"{dataset.name} has the class {others[0]!r}, which the model lacks; its classes are "
            f"{', '.join(labels[:SHOWN])}{', …' if len(labels) > SHOWN else ''}: give the model's --data"
        )
    if others:
        return dataset
    number = np.array([labels.index(name) for name in dataset.labels])
    train, validation, test = (
        replace(split, labels=number[split.labels]) for split in (dataset.train, dataset.validation, dataset.test)
    )
    return replace(dataset, labels=tuple(labels), train=train, validation=validation, test=test)


def _are_names(labels: Sequence[str]) -> bool:
    """Whether labels tell what the classes are, and do not only number them."""
    return not all(label.isdecimal() for label in labels)


def _again(origin: Origin, read: Read) -> Dataset:
    try:
        dataset = read(origin.name)
    except DataError as error:
        if not Path(origin.name).exists():
            raise DataNotHere(
                f"{origin.name}, the data that the model was trained with, is not here: copy it, or give --data"
            ) from None
        raise DataError(f"the data that the model was trained with cannot be read ({error}): give --data") from None
    if dataset.sha256 != origin.sha256:
        raise DataError(f"{origin.name} has changed since the model was trained: give the same data with --data")
    return dataset
