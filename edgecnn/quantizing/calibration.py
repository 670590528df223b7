"""Draws and checks calibration images."""

import hashlib
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgecnn.batches import batches
from edgecnn.data import Dataset
from edgecnn.errors import DataError
from edgecnn.runtime.input_spec import InputSpec

IMAGES = 512
SEED = 0
FEWEST = 32  # with fewer images, the ranges depend too much on which images they are
GIVEN = "given images"


@dataclass(frozen=True)
class CalibrationRecord:
    """Identifies the calibration images, so that they can be drawn again.

    `data` names the data set and `images` counts them. `sha256` is the hash of their pixels. `indices_sha256` is the
    hash of their positions in the `split`, as int64. Images that the user gave as an array have no split, seed or
    positions.
    """

    data: str
    images: int
    sha256: str
    split: str | None = None
    seed: int | None = None
    indices_sha256: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The fields that are set, for a file's metadata."""
        return {key: value for key, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, eq=False)
class Calibration:
    """Calibration `images` as `spec`, the model's input, takes them, [n, …]; their record; and `notes` for the user."""

    images: NDArray[Any]
    spec: InputSpec
    record: CalibrationRecord
    notes: tuple[str, ...] = ()


def draw(dataset: Dataset, spec: InputSpec, count: int = IMAGES, seed: int = SEED) -> Calibration:
    """Draw `count` training images of the data set at random, or take all if there are fewer.

    Validation and test images are never used. Raises DataError for a count below 1 or unsuitable images, and InputError
    for images that the model does not take.
    """
    if count < 1:
        raise DataError(f"cannot calibrate with {count} images: use {IMAGES}, or at least {FEWEST}")
    indices = dataset.train.draw(count, seed)
    images = dataset.train.images[indices]
    record = CalibrationRecord(
        dataset.name, len(indices), _sha256(images), dataset.train.name, seed, _sha256(indices.astype("<i8"))
    )
    return _checked(images, spec, record)


def given(images: NDArray[Any], spec: InputSpec) -> Calibration:
    """Take the user's own images, as an array. Raises DataError and InputError as `draw` does."""
    spec.check(images)
    return _checked(images, spec, CalibrationRecord(GIVEN, len(images), _sha256(images)))


def _checked(images: NDArray[Any], spec: InputSpec, record: CalibrationRecord) -> Calibration:
    """Refuse unsuitable images, and note if they are few."""
    spec.check(images)
    for piece in batches(images):
        spec.prepare(piece)
    if not len(images):
        raise DataError(f"there are no calibration images: give {IMAGES}, or at least {FEWEST}")
    if images.min() == images.max():
        raise DataError(
            f"every pixel of the calibration images is {images.min()}: give images like those that the model will see"
        )
    if images.dtype == np.uint8 and images.max() <= 1:
        raise DataError(
            "the calibration images hold pixels from 0 to 1, not from 0 to 255: "
            "scale them with (255 * x).round().astype('uint8')"
        )
    few = f"{len(images)} calibration images are few, so ranges may be too narrow: {IMAGES} take only seconds more"
    return Calibration(images, spec, record, (few,) if len(images) < FEWEST else ())


def _sha256(values: NDArray[Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).data).hexdigest()
