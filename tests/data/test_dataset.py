"""The splits: what is held out, what a limit keeps, and which arrays make no data set."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgecnn.data import Dataset, Split
from edgecnn.data.dataset import MOST_COPIED, make_dataset
from edgecnn.errors import DataError

Array = NDArray[Any]


def numbered(count: int) -> tuple[Array, Array]:
    """Images of one pixel that are told apart by their labels, which count up."""
    return np.zeros((count, 1, 1), np.uint8), np.arange(count)


def refusal(train: tuple[Array, Array], test: tuple[Array, Array], limit: int | None = None) -> str:
    with pytest.raises(DataError) as caught:
        make_dataset("my data", train, test, limit=limit)
    assert str(caught.value).startswith("my data: ")
    return str(caught.value)


@pytest.fixture
def digits(mnist: Dataset) -> tuple[Array, Array]:
    return mnist.test.images[:50], np.arange(50) % 10  # every class, so that labels are indices as they are


@settings(deadline=None)
@given(st.integers(2, 1000), st.none() | st.integers(2, 1200))
def test_every_twelfth_image_is_for_validation_and_no_other_is_lost(count: int, limit: int | None) -> None:
    dataset = make_dataset("numbers", numbered(count), numbered(2), limit=limit)
    kept = np.sort(np.concatenate([dataset.train.labels, dataset.validation.labels]))
    assert len(np.unique(kept)) == len(kept) == min(count, limit or count)
    np.testing.assert_array_equal(dataset.validation.labels, kept[::12])
    assert (kept[0], kept[-1]) == (0, count - 1)
    assert np.ptp(np.diff(kept)) <= 1  # evenly spaced


@pytest.mark.parametrize("limit", [1, 0, -1])
def test_a_limit_that_leaves_no_image_for_training_is_refused(limit: int) -> None:
    assert f"{limit} training images are too few" in refusal(numbered(20), numbered(2), limit)


def test_a_limit_keeps_the_digest_and_the_test_images(mnist: Dataset, small_mnist: Dataset) -> None:
    assert small_mnist.sha256 == mnist.sha256
    np.testing.assert_array_equal(small_mnist.test.images, mnist.test.images)


def test_a_limit_keeps_classes_that_are_stored_one_after_another_in_proportion() -> None:
    labels = np.repeat(np.arange(10), 120)
    train = (np.zeros((1200, 1, 1), np.uint8), labels)
    dataset = make_dataset("sorted", train, train, limit=600)
    np.testing.assert_array_equal(np.bincount(dataset.validation.labels), [5] * 10)
    np.testing.assert_allclose(np.bincount(dataset.train.labels), [55] * 10, atol=1)


@pytest.mark.parametrize("classes", [2, 1000])
def test_2_to_1000_classes_are_named_by_their_numbers(classes: int) -> None:
    dataset = make_dataset("numbers", numbered(classes), numbered(2))
    assert dataset.labels == tuple(str(number) for number in range(classes))


@pytest.mark.parametrize(
    ("labels", "fault"),
    [
        (np.zeros(1002, int), "every image is labeled 0; there must be 2 to 1,000 classes"),
        (np.full(1002, 7), "every image is labeled 7"),
        (np.arange(1002), "there are 1,002 classes; there must be 2 to 1,000 classes"),
        (np.arange(1002) % 5 - 1, "there is a label -1; labels must be 0 or more"),
    ],
)
def test_labels_that_make_no_classes_are_refused(labels: Array, fault: str) -> None:
    pair = np.zeros((1002, 1, 1), np.uint8), labels
    assert fault in refusal(pair, pair)


def test_labels_that_skip_numbers_become_indices_and_the_names_are_the_map() -> None:
    images = np.zeros((24, 1, 1), np.uint8)
    dataset = make_dataset("gaps", (images, np.tile([40, 3, 7], 8)), (images[:3], np.array([7, 9, 3])))
    assert dataset.labels == ("3", "7", "9", "40")
    assert dataset.test.labels.tolist() == [1, 2, 0]
    assert [dataset.labels[label] for label in dataset.validation.labels] == ["40", "40"]


def test_a_class_that_only_the_test_images_have_is_a_class() -> None:
    assert len(make_dataset("numbers", numbered(2), numbered(3)).labels) == 3


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16, np.int32, np.uint64])
def test_labels_of_any_integer_type_or_in_one_column_are_taken(digits: tuple[Array, Array], dtype: type) -> None:
    images, labels = digits
    dataset = make_dataset("digits", (images, labels.astype(dtype)[:, None]), (images, labels.astype(dtype)))
    np.testing.assert_array_equal(dataset.test.labels, labels, strict=True)
    assert len(dataset.train) == 45


@pytest.mark.parametrize("last", [(), (1,), (3,)])
def test_gray_and_color_images_are_taken(digits: tuple[Array, Array], last: tuple[int, ...]) -> None:
    images = np.broadcast_to(digits[0].reshape(50, 28, 28, *(1 for _ in last)), (50, 28, 28, *last))
    dataset = make_dataset("digits", (images, digits[1]), (images, digits[1]))
    assert dataset.image_shape == ((28, 28, 3) if last == (3,) else (28, 28))


@pytest.mark.parametrize(
    ("images", "labels", "fault"),
    [
        (np.zeros((4, 2, 2), np.float32), np.zeros(4, int), "images are float32; they must be uint8, 0 to 255"),
        (np.zeros((4, 2, 2), np.int64), np.zeros(4, int), "images are int64; they must be uint8"),
        (np.zeros((4, 4), np.uint8), np.zeros(4, int), "images have shape (4, 4); they must be [n, height, width]"),
        (np.zeros((4, 2, 2, 4), np.uint8), np.zeros(4, int), "images have shape (4, 2, 2, 4); they must be"),
        (np.zeros((4, 2, 2), np.uint8), np.zeros(4), "labels are float64 of shape (4,); each image needs one integer"),
        (
            np.zeros((4, 2, 2), np.uint8),
            np.zeros(4, bool),
            "labels are bool of shape (4,); each image needs one integer",
        ),
        (np.zeros((4, 2, 2), np.uint8), np.zeros((4, 10), int), "of shape (4, 10); each image needs one integer label"),
        (np.zeros((4, 2, 2), np.uint8), np.array(3), "of shape (); each image needs one integer label"),
        (np.zeros((4, 2, 2), np.uint8), np.zeros(3, int), "images but 3 labels; each image needs one label"),
        (np.zeros((0, 2, 2), np.uint8), np.zeros(0, int), "there are no"),
        (np.zeros((4, 0, 2), np.uint8), np.zeros(4, int), "there are no"),
    ],
)
@pytest.mark.parametrize("where", ["train", "test"])
def test_arrays_that_do_not_fit_are_refused(
    digits: tuple[Array, Array], images: Array, labels: Array, fault: str, where: str
) -> None:
    message = refusal((images, labels), digits) if where == "train" else refusal(digits, (images, labels))
    assert fault in message
    assert where in message


def test_training_and_test_images_of_two_shapes_are_refused(digits: tuple[Array, Array]) -> None:
    images, labels = digits
    assert "training images are 28×28 and test images 28×14" in refusal(digits, (images[..., :14], labels))


def test_the_digest_is_of_pixels_labels_and_their_splits(digits: tuple[Array, Array]) -> None:
    images, labels = digits
    pixel, label = images.copy(), labels.copy()
    pixel[0, 0, 0] ^= 1
    label[0] ^= 1
    pairs = [(images, labels), (pixel, labels), (images, label), (images.reshape(50, 14, 56), labels)]
    digests = {make_dataset("digits", pair, pair).sha256 for pair in pairs}
    digests |= {make_dataset("digits", (images, labels), (images[:25], labels[:25])).sha256}
    digests |= {make_dataset("digits", (images[:25], labels[:25]), (images, labels)).sha256}
    assert len(digests) == 6
    again = make_dataset("other name", (np.asfortranarray(images), labels.astype(np.uint8)), (images, labels))
    assert again.sha256 == make_dataset("digits", digits, digits).sha256


def test_a_sample_is_the_same_for_a_seed_and_in_stored_order() -> None:
    split = Split("train", *numbered(1000))
    first, again, other = split.sample(50, 1).labels, split.sample(50, 1).labels, split.sample(50, 2).labels
    np.testing.assert_array_equal(first, again)
    assert (np.diff(first) > 0).all()
    assert first.tolist() != other.tolist()


def test_a_sample_keeps_images_with_their_labels(mnist: Dataset) -> None:
    sample = mnist.test.sample(20, seed=0)
    stored = {image.tobytes(): label for image, label in zip(mnist.test.images, mnist.test.labels, strict=True)}
    assert [stored[image.tobytes()] for image in sample.images] == sample.labels.tolist()


def test_a_sample_of_large_images_is_bounded_by_its_bytes() -> None:
    images = np.broadcast_to(np.zeros((1, 4000, 4000, 3), np.uint8), (9, 4000, 4000, 3))
    sample = Split("test", images, np.arange(9)).sample(5, seed=0)
    assert len(sample) == len(sample.images) == MOST_COPIED // (4000 * 4000 * 3) == 2


def test_a_sample_of_more_than_there_are_is_all_of_them() -> None:
    np.testing.assert_array_equal(Split("train", *numbered(9)).sample(10, seed=0).labels, np.arange(9))
