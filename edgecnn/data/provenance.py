"""Finds the data that a model was made with, so that later stages need not be told."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from edgecnn.card import Card
from edgecnn.data import MNIST, Dataset, load
from edgecnn.errors import DataError

MNIST_SHAPE, MNIST_CLASSES = (28, 28), 10

Read = Callable[[str | Path], Dataset]


class TakesImages(Protocol):
    """What a model takes: runtime's InputSpec, which stands further along the pipeline."""

    def matches(self, image_shape: tuple[int, ...]) -> bool: ...

    def prepare(self, images: Any) -> Any: ...


@dataclass(frozen=True)
class Origin:
    """The data that a card or an ONNX file names, and the SHA-256 of its contents."""

    name: str
    sha256: str


def origin_of(card: Card | None, recorded: Origin | None = None) -> Origin | None:
    """What the card says, else what the ONNX file itself has `recorded`, else None."""
    return Origin(card.data.name, card.data.sha256) if card and card.data else recorded


def find_dataset(
    origin: Origin | None, data: str | Path | None, spec: TakesImages, classes: int, read: Read = load
) -> Dataset | None:
    """The data to score a model with: `data` as told, else its origin, else MNIST if the model has its form, else None.

    `read` loads it; a caller who needs it several times may keep what it has read.
    Raises DataError if the data cannot be read or has other classes, InputError if it has other images.
    """
    if data is not None:
        dataset = read(data)
    elif origin is not None:
        dataset = _again(origin, read)
    elif spec.matches(MNIST_SHAPE) and classes == MNIST_CLASSES:
        dataset = read(MNIST)
    else:
        return None
    spec.prepare(dataset.test.images[:1])
    if len(dataset.labels) != classes:
        raise DataError(f"{dataset.name} has {len(dataset.labels)} classes, the model {classes}: give its own --data")
    return dataset


def _again(origin: Origin, read: Read) -> Dataset:
    try:
        dataset = read(origin.name)
    except DataError as error:
        raise DataError(f"the data that the model was trained with cannot be read ({error}); give --data") from None
    if dataset.sha256 != origin.sha256:
        raise DataError(f"{origin.name} has changed since the model was trained: give the same data with --data")
    return dataset
