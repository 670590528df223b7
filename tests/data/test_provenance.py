"""Which data a model is scored with."""

from pathlib import Path

import numpy as np
import pytest

from edgecnn.card import Card, DataRecord
from edgecnn.data import Dataset, load
from edgecnn.data.provenance import find_dataset, origin_of
from edgecnn.errors import DataError, DataNotHere, InputError
from edgecnn.origin import Origin
from edgecnn.preprocessing import NAMED
from edgecnn.runtime.input_spec import InputSpec

DIGIT = InputSpec((28, 28), "uint8")


@pytest.fixture
def few(few_digits: Path) -> Dataset:
    return load(few_digits)


def card(data: DataRecord | None) -> Card:
    return Card("a", tuple("0123456789"), (28, 28), "uint8", 1, data=data)


def test_the_card_says_first_where_the_data_is_from() -> None:
    recorded = card(DataRecord("digits.npz", "ab12" * 16, 1, 1, 1))
    of_file = Origin("mnist", "cd34")
    assert origin_of(recorded, of_file) == Origin("digits.npz", "ab12" * 16)
    assert origin_of(card(None), of_file) == origin_of(None, of_file) == of_file


def test_what_does_not_name_its_data_has_no_origin() -> None:
    assert origin_of(None) is None
    assert origin_of(card(None)) is None


def test_data_that_is_given_comes_before_the_origin(few: Dataset) -> None:
    found = find_dataset(Origin("mnist", "of other data"), few.name, DIGIT, 10)
    assert found is not None
    assert (found.name, found.sha256) == (few.name, few.sha256)


def test_the_origin_comes_before_mnist(few: Dataset) -> None:
    found = find_dataset(Origin(few.name, few.sha256), None, DIGIT, 10)
    assert found is not None
    assert found.sha256 == few.sha256


def test_an_origin_that_has_changed_is_refused(few: Dataset) -> None:
    with pytest.raises(DataError, match=r"few\.npz has changed since the model was trained: give the same data"):
        find_dataset(Origin(few.name, "0" * 64), None, DIGIT, 10)


def test_an_origin_that_is_gone_says_to_give_the_data(tmp_path: Path) -> None:
    with pytest.raises(DataNotHere, match=r"gone\.npz, .* is not here: copy it, or give --data"):
        find_dataset(Origin(str(tmp_path / "gone.npz"), "0" * 64), None, DIGIT, 10)


def test_an_origin_that_is_damaged_is_here(tmp_path: Path) -> None:
    path = tmp_path / "damaged.npz"
    path.write_bytes(b"PK")
    with pytest.raises(DataError, match=r"cannot be read .*: give --data") as caught:
        find_dataset(Origin(str(path), "0" * 64), None, DIGIT, 10)
    assert not isinstance(caught.value, DataNotHere)


@pytest.mark.parametrize("shape", [(28, 28), (28, 28, 1), (1, 28, 28), (784,), (None, None), (None, None, 1)])
def test_a_model_of_mnists_form_is_scored_with_mnist(shape: tuple[int | None, ...], mnist: Dataset) -> None:
    found = find_dataset(None, None, InputSpec(shape, "float32", NAMED["0..1"]), 10)
    assert found is not None
    assert found.sha256 == mnist.sha256


@pytest.mark.parametrize(
    ("shape", "classes"),
    [((28, 28), 11), ((28, 28), 2), ((32, 32), 10), ((28, 28, 3), 10), ((None, 32), 10)],
)
def test_a_model_of_another_form_has_no_data(shape: tuple[int | None, ...], classes: int) -> None:
    assert find_dataset(None, None, InputSpec(shape, "uint8"), classes) is None


def test_data_with_other_classes_is_refused(few: Dataset) -> None:
    with pytest.raises(DataError, match=r"few\.npz has 10 classes, but the model has 7: give the model's --data"):
        find_dataset(None, few.name, DIGIT, 7)


def test_data_with_other_images_is_refused(few: Dataset) -> None:
    with pytest.raises(InputError, match=r"expected uint8 \[batch, 32, 32\], 0 to 255; got shape \[1, 28, 28\]"):
        find_dataset(None, few.name, InputSpec((32, 32), "uint8"), 10)


def test_data_that_is_no_data_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing\.npz is not a data set"):
        find_dataset(None, tmp_path / "nothing.npz", DIGIT, 10)


def test_data_with_some_of_the_models_classes_gets_the_models_numbers(mnist: Dataset, tmp_path: Path) -> None:
    chosen = np.flatnonzero(np.isin(mnist.test.labels, (3, 7)))[:40]
    path = tmp_path / "few.npz"
    images, labels = mnist.test.images[chosen], mnist.test.labels[chosen]
    np.savez(path, x_train=images, y_train=labels, x_test=images, y_test=labels)
    digits = tuple("0123456789")
    found = find_dataset(None, path, DIGIT, 10, labels=digits)
    assert found is not None
    assert found.labels == digits
    np.testing.assert_array_equal(found.test.labels, labels)
    backwards = find_dataset(None, path, DIGIT, 2, labels=("7", "3"))
    assert backwards is not None
    np.testing.assert_array_equal(backwards.test.labels, np.where(labels == 7, 0, 1))
    for others in ((), ("0", "3", *"cdefghij"), ("3", "7", "7", *"defghij")):  # unknown, lacking, ambiguous
        with pytest.raises(DataError, match="has 2 classes, but the model has 10"):
            find_dataset(None, path, DIGIT, 10, labels=others)


@pytest.fixture
def pets(mnist: Dataset, tmp_path: Path) -> Path:
    """Two classes with names, as folders of pictures have them."""
    path = tmp_path / "pets.npz"
    images, names = mnist.test.images[:40], np.where(mnist.test.labels[:40] % 2, "cat", "dog")
    np.savez(path, x_train=images, y_train=names, x_test=images, y_test=names)
    return path


def test_data_whose_classes_have_other_names_than_the_models_is_refused(pets: Path) -> None:
    for labels in (("cat", "fox"), ("bus", "car")):
        with pytest.raises(DataError, match=r"pets\.npz has the class '(cat|dog)', which the model lacks; its classes"):
            find_dataset(None, pets, DIGIT, 2, labels=labels)


def test_names_that_are_only_numbers_say_nothing_of_the_classes(pets: Path, few: Dataset) -> None:
    for given, labels in ((pets, ("0", "1")), (Path(few.name), tuple("abcdefghij"))):
        found = find_dataset(None, given, DIGIT, len(labels), labels=labels)
        assert found is not None
        assert len(found.labels) == len(labels)


def test_a_model_with_names_of_its_own_is_not_scored_with_mnist() -> None:
    assert find_dataset(None, None, DIGIT, 10, labels=tuple("abcdefghij")) is None
    assert find_dataset(None, None, DIGIT, 10, labels=tuple("0123456789")) is not None
