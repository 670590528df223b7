"""Whatever form a model takes, a picture reaches it with each pixel in its place."""

import numpy as np
import pytest
from numpy.typing import NDArray

from edgecnn.errors import InputError
from edgecnn.preprocessing import NAMED
from edgecnn.runtime.input_spec import InputSpec

GRAY = np.random.default_rng(0).integers(0, 256, (2, 4, 4), np.uint8)
COLOR = np.random.default_rng(1).integers(0, 256, (2, 4, 5, 3), np.uint8)
SQUARE = COLOR[:, :, :4]


@pytest.mark.parametrize(
    ("shape", "pictures", "expected"),
    [
        ((4, 4), GRAY, GRAY),
        ((4, 4, 1), GRAY, GRAY[..., None]),
        ((1, 4, 4), GRAY, GRAY[:, None]),
        ((16,), GRAY, GRAY.reshape(2, 16)),
        ((1, 16), GRAY, GRAY.reshape(2, 1, 16)),
        ((None, None, 1), GRAY, GRAY[..., None]),
        ((4, 5, 3), COLOR, COLOR),
        ((3, 4, 5), COLOR, COLOR.transpose(0, 3, 1, 2)),
        ((3, None, None), COLOR, COLOR.transpose(0, 3, 1, 2)),
        ((48,), SQUARE, SQUARE.reshape(2, 48)),
    ],
)
def test_pictures_are_brought_into_the_models_layout(
    shape: tuple[int | None, ...], pictures: NDArray[np.uint8], expected: NDArray[np.uint8]
) -> None:
    for dtype in ("uint8", "float32", "float16"):
        prepared = InputSpec(shape, dtype).prepare(pictures)
        assert prepared.dtype == dtype
        np.testing.assert_array_equal(prepared, expected)
        np.testing.assert_array_equal(InputSpec(shape, dtype).prepare(expected), expected)  # in its own layout already
    assert InputSpec(shape, "uint8").matches(pictures.shape[1:])


@pytest.mark.parametrize("shape", [(4, 5, 3), (3, 4, 5)])
@pytest.mark.parametrize("name", ["imagenet", "caffe", "-1..1"])
def test_each_channel_gets_its_own_numbers(shape: tuple[int, ...], name: str) -> None:
    how = NAMED[name]
    spec = InputSpec(shape, "float32", how)
    ordered = COLOR[..., ::-1] if how.bgr else COLOR
    expected = ordered * np.array(how.scale, np.float32) + np.array(how.offset, np.float32)
    prepared = spec.prepare(COLOR)
    np.testing.assert_allclose(prepared if shape[-1] == 3 else np.moveaxis(prepared, 1, -1), expected, rtol=1e-6)
    np.testing.assert_array_equal(spec.prepare(prepared), prepared)  # what is preprocessed is left as it is


def test_the_channels_of_a_flat_input_get_their_own_numbers() -> None:
    flat, whole = (InputSpec(shape, "float32", NAMED["caffe"]).prepare(SQUARE) for shape in ((48,), (4, 4, 3)))
    np.testing.assert_array_equal(flat, whole.reshape(2, 48))


def test_imagenets_numbers_are_those_of_torchvision() -> None:
    white, black = (
        InputSpec((1, 1, 3), "float32", NAMED["imagenet"]).prepare(pixel) for pixel in (pixel(255), pixel(0))
    )
    np.testing.assert_allclose(white.ravel(), [2.2489083, 2.4285715, 2.64], rtol=1e-6)
    np.testing.assert_allclose(black.ravel(), [-2.117904, -2.0357141, -1.8044444], rtol=1e-6)


def pixel(value: int) -> NDArray[np.uint8]:
    return np.full((1, 1, 1, 3), value, np.uint8)


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((28, 20), (28, 20, False)),
        ((28, 20, 1), (28, 20, False)),
        ((1, 28, 20), (28, 20, False)),
        ((28, 20, 3), (28, 20, True)),
        ((3, 28, 20), (28, 20, True)),
        ((784,), (28, 28, False)),
        ((3072,), (32, 32, True)),
    ],
)
def test_the_size_of_the_pictures_follows_from_the_shape(shape: tuple[int, ...], size: tuple[int, int, bool]) -> None:
    assert InputSpec(shape, "uint8").image_size == size


@pytest.mark.parametrize("shape", [(785,), (None, 28), (None,), (28, 28, 4), (2, 28, 28, 3), ()])
def test_a_model_of_no_known_picture_size_says_that_it_takes_no_pictures(shape: tuple[int | None, ...]) -> None:
    with pytest.raises(InputError):
        _ = InputSpec(shape, "uint8").image_size


@pytest.mark.parametrize("shape", [(5, 4), (4, 4, 3), (3, 5, 4), (4,), (2, 4, 4)])
def test_pictures_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    spec = InputSpec((4, 4), "uint8")
    assert not spec.matches(shape)
    with pytest.raises(InputError, match="got shape"):
        spec.prepare(np.zeros((2, *shape), np.uint8))


@pytest.mark.parametrize("values", [[0.0, 1.1], [-1.1, 0.0], [np.nan, 0.0], [0.0, 255.0]])
def test_numbers_outside_of_what_pixels_can_become_are_refused(values: list[float]) -> None:
    spec = InputSpec((1, 2), "float32", NAMED["0..1"])
    with pytest.raises(InputError):
        spec.prepare(np.array(values, np.float32).reshape(1, 1, 2))
