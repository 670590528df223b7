"""Calibration images: where they come from, and what is wrong with them."""

import hashlib
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecnn.data import Dataset
from edgecnn.errors import DataError
from edgecnn.runtime.input_spec import InputSpec

IMAGES = 512
SEED = 0
FEWEST = 32  # below it, ranges are a matter of luck
GIVEN = "given images"


@dataclass(frozen=True)
class CalibrationRecord:
    """Which images: `sha256` is of their pixels, `indices_sha256` of their positions, int64, in the `split`.

    Images that were given as an array have no split, seed or positions; their pixels are hashed as they were given.
    """

    data: str
    images: int
    sha256: str
    split: str | None = None
    seed: int | None = None
    indices_sha256: str | None = None

    def to_dict(self) -> dict[str, Any]:
        return {key: value for key, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, eq=False)
class Calibration:
    """`images` as a model takes them, [n, …], and what there is to say of them."""

    images: NDArray[Any]
    record: CalibrationRecord
    notes: tuple[str, ...] = ()


def draw(dataset: Dataset, spec: InputSpec, count: int = IMAGES, seed: int = SEED) -> Calibration:
    """`count` of the data's training images, or all if there are fewer: never validation or test images.

    Raises DataError, InputError.
    """
    if count < 1:
        raise DataError(f"{count} calibration images are none: use {IMAGES}, or at least {FEWEST}")
    indices = dataset.train.draw(count, seed)
    images = dataset.train.images[indices]
    record = CalibrationRecord(
        dataset.name, len(indices), _sha256(images), dataset.train.name, seed, _sha256(indices.astype("<i8"))
    )
    return _checked(images, spec.prepare(images), record)


def given(images: NDArray[Any], spec: InputSpec) -> Calibration:
    """The user's own images. Raises DataError, InputError."""
    prepared = spec.prepare(images)
    return _checked(images, prepared, CalibrationRecord(GIVEN, len(images), _sha256(images)))


def _checked(images: NDArray[Any], prepared: NDArray[Any], record: CalibrationRecord) -> Calibration:
    """`prepared` are `images` as the model takes them."""
    if not len(images):
        raise DataError(f"there are no calibration images: give {IMAGES}, or at least {FEWEST}")
    if images.min() == images.max():
        raise DataError(f"all calibration images are one flat {images.min()}: give images like those to come")
    if images.dtype == np.uint8 and images.max() <= 1:
        raise DataError(
            "calibration images hold pixels from 0 to 1: pixels go to 255, (255 * x).round().astype('uint8')"
        )
    few = f"{len(images)} calibration images are few: ranges may be too narrow; {IMAGES} cost seconds"
    return Calibration(prepared, record, (few,) if len(images) < FEWEST else ())


def _sha256(values: NDArray[Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).data).hexdigest()
