"""Calibration images come from the training split, can be drawn again, and are refused where they cannot be right."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from edgecnn.data import Dataset
from edgecnn.data.dataset import make_dataset
from edgecnn.errors import DataError, InputError
from edgecnn.preprocessing import NAMED
from edgecnn.quantizing.calibration import FEWEST, IMAGES, CalibrationRecord, draw, given
from edgecnn.runtime.input_spec import InputSpec

UINT8 = InputSpec((28, 28), "uint8")
FLOAT = InputSpec((28, 28, 1), "float32", NAMED["0..1"])
HALF = replace(FLOAT, dtype="float16")
RAW = replace(FLOAT, preprocessing=NAMED["0..255"])
EVERY_SPEC = pytest.mark.parametrize("spec", [UINT8, FLOAT, HALF, RAW], ids=["uint8", "float32", "float16", "raw"])


@pytest.fixture(scope="module")
def images(mnist: Dataset) -> NDArray[np.uint8]:
    return mnist.train.images[:64]


def sha256(values: NDArray[np.generic]) -> str:
    return hashlib.sha256(values.tobytes()).hexdigest()


def few(count: int, mnist: Dataset) -> Dataset:
    split = mnist.train
    return replace(mnist, train=replace(split, images=split.images[:count], labels=split.labels[:count]))


@EVERY_SPEC
def test_drawn_images_are_as_the_model_takes_them(spec: InputSpec, mnist: Dataset) -> None:
    drawn = draw(mnist, spec, 40)
    taken = spec.prepare(drawn.images)
    assert taken.shape == (40, *spec.shape)
    assert taken.dtype == spec.dtype
    assert taken.max() == pytest.approx(spec.preprocessing.range[1], rel=1e-3)
    assert drawn.notes == ()


def test_the_record_says_which_images_were_drawn(mnist: Dataset) -> None:
    drawn = draw(mnist, UINT8)
    indices = mnist.train.draw(IMAGES, 0)
    assert np.array_equal(drawn.images, mnist.train.images[indices])
    assert drawn.record == CalibrationRecord(
        mnist.name, IMAGES, sha256(drawn.images), "train", 0, sha256(indices.astype("<i8"))
    )
    assert set(drawn.record.to_dict()) == {"data", "images", "sha256", "split", "seed", "indices_sha256"}


def test_one_seed_draws_the_same_images_and_another_does_not(mnist: Dataset) -> None:
    first, again, other = draw(mnist, UINT8, 50), draw(mnist, UINT8, 50), draw(mnist, UINT8, 50, seed=1)
    assert first.record == again.record
    assert np.array_equal(first.images, again.images)
    assert other.record.seed == 1
    assert other.record.indices_sha256 != first.record.indices_sha256
    assert other.record.sha256 != first.record.sha256


def test_the_record_is_of_pixels_whatever_the_model_takes(mnist: Dataset) -> None:
    assert draw(mnist, UINT8, 40).record == draw(mnist, FLOAT, 40).record == draw(mnist, HALF, 40).record


def test_only_training_images_are_drawn() -> None:
    """The others are all alike: one of them would show."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(2, 250, (120, 6, 6), np.uint8)
    pixels[::12] = 255  # are for validation
    labels = np.arange(120) % 10
    dataset = make_dataset("made up", (pixels, labels), (np.full((20, 6, 6), 254, np.uint8), labels[:20]))
    assert len(dataset.validation) == 10
    drawn = draw(dataset, InputSpec((6, 6), "uint8"), 10_000)
    assert drawn.record.split == "train"
    assert len(drawn.images) == drawn.record.images == 110
    assert drawn.images.max() < 250


def test_of_few_training_images_all_are_drawn(mnist: Dataset) -> None:
    drawn = draw(few(40, mnist), UINT8)
    assert np.array_equal(drawn.images, mnist.train.images[:40])
    assert (drawn.record.images, drawn.notes) == (40, ())


@pytest.mark.parametrize("count", [0, -1])
def test_no_images_are_refused(count: int, mnist: Dataset) -> None:
    with pytest.raises(DataError, match=rf"cannot calibrate with {count} images: use {IMAGES}, or at least {FEWEST}"):
        draw(mnist, UINT8, count)


@EVERY_SPEC
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_an_empty_array_is_refused(dtype: type, spec: InputSpec) -> None:
    error = InputError if spec.dtype == "uint8" and dtype is np.float32 else DataError
    with pytest.raises(error, match=r"there are no calibration images: give 512|expected uint8"):
        given(np.zeros((0, 28, 28), dtype), spec)


@EVERY_SPEC
@pytest.mark.parametrize("count", [1, FEWEST - 1, FEWEST])
def test_few_images_are_worth_a_note(count: int, spec: InputSpec, mnist: Dataset) -> None:
    note = f"{count} calibration images are few, so ranges may be too narrow: {IMAGES} take only seconds more"
    expected = (note,) if count < FEWEST else ()
    assert draw(mnist, spec, count).notes == expected
    assert given(mnist.train.images[:count], spec).notes == expected


@EVERY_SPEC
def test_given_images_are_as_the_model_takes_them(spec: InputSpec, images: NDArray[np.uint8]) -> None:
    for shaped in (images, images[..., None]):
        found = given(shaped, spec)
        taken = spec.prepare(found.images)
        assert taken.shape == (64, *spec.shape)
        assert taken.dtype == spec.dtype
        assert found.record.to_dict() == {"data": "given images", "images": 64, "sha256": sha256(images)}


@pytest.mark.parametrize("spec", [FLOAT, HALF, RAW], ids=["float32", "float16", "raw"])
def test_a_float_model_may_be_given_its_own_pixels(spec: InputSpec, images: NDArray[np.uint8]) -> None:
    scaled = spec.preprocessing.apply(images[..., None])
    found = given(scaled, spec)
    assert np.allclose(spec.prepare(found.images), scaled, rtol=1e-3)
    assert found.record.sha256 == sha256(scaled)


@EVERY_SPEC
@pytest.mark.parametrize("shape", [(40, 27, 28), (40, 28), (40, 28, 28, 3), (28, 28)])
def test_images_of_another_shape_are_refused(shape: tuple[int, ...], spec: InputSpec) -> None:
    wrong = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    with pytest.raises(InputError, match=r"expected .* \[batch, 28, 28.*; got shape"):
        given(wrong, spec)


def test_data_of_another_shape_is_refused(mnist: Dataset) -> None:
    with pytest.raises(InputError, match=r"expected uint8 \[batch, 32, 32\], 0 to 255; got shape \[40, 28, 28\]"):
        draw(mnist, InputSpec((32, 32), "uint8"), 40)


def test_floats_are_refused_for_a_model_that_takes_uint8(images: NDArray[np.uint8]) -> None:
    for scaled in (images / np.float32(255), images.astype(np.float64)):
        with pytest.raises(InputError, match=r"values from 0 to 1 with \(255 \* images\)\.round\(\)"):
            given(scaled, UINT8)


@EVERY_SPEC
def test_pixels_from_0_to_1_are_refused(spec: InputSpec, images: NDArray[np.uint8], mnist: Dataset) -> None:
    binary = (images > 127).astype(np.uint8)
    words = r"pixels from 0 to 1, not from 0 to 255: scale them with \(255 \* x\)\.round\(\)\.astype\('uint8'\)"
    with pytest.raises(DataError, match=words):
        given(binary, spec)
    dataset = replace(mnist, train=replace(mnist.train, images=binary, labels=mnist.train.labels[:64]))
    with pytest.raises(DataError, match=words):
        draw(dataset, spec)


def test_dark_images_are_taken(images: NDArray[np.uint8]) -> None:
    assert given(np.minimum(images, 2), UINT8).images.max() == 2


@EVERY_SPEC
@pytest.mark.parametrize("pixel", [0, 1, 77, 255])
def test_flat_images_are_refused(pixel: int, spec: InputSpec) -> None:
    with pytest.raises(
        DataError, match=rf"every pixel of the calibration images is {pixel}: give images like those that the model"
    ):
        given(np.full((40, 28, 28), pixel, np.uint8), spec)


def test_flat_floats_are_refused() -> None:
    with pytest.raises(DataError, match=r"every pixel of the calibration images is 0\.5"):
        given(np.full((40, 28, 28), 0.5, np.float32), FLOAT)


@pytest.mark.parametrize("number", [np.nan, np.inf, -1, 1.1])
def test_floats_that_no_pixel_has_are_refused(number: float, images: NDArray[np.uint8]) -> None:
    scaled = images / np.float32(255)
    scaled[3, 3, 3] = number
    with pytest.raises(InputError, match=r"got (values|NaN or infinite values)"):
        given(scaled, FLOAT)


@pytest.mark.parametrize("wrong", [[[1, 2]], "images", None])
def test_what_is_no_array_is_refused(wrong: object) -> None:
    with pytest.raises(InputError, match="expected a numpy array"):
        given(wrong, UINT8)  # type: ignore[arg-type]


def test_given_images_are_not_changed(images: NDArray[np.uint8]) -> None:
    before = images.copy()
    given(images, FLOAT)
    given(images[:, ::-1], UINT8)  # whose memory is in another order
    assert np.array_equal(images, before)
    assert given(images[:, ::-1], UINT8).record == given(images[:, ::-1].copy(), UINT8).record
