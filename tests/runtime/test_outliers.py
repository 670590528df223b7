"""What does not look like the digits of its label is told from what does, and damaged numbers are refused."""

import base64
import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import odd_models as odd
import outlier_models
import pytest
from numpy.typing import NDArray

from edgecnn.data import Dataset
from edgecnn.errors import ModelError
from edgecnn.runtime import outliers
from edgecnn.runtime.classifier import Classifier
from edgecnn.runtime.metadata import ModelMetadata
from edgecnn.runtime.outliers import Outliers, fit, from_plain, limit_of, pooled

DIGITS = json.dumps([str(digit) for digit in range(10)])


@pytest.fixture(scope="module")
def fitted() -> Outliers:
    return outlier_models.fitted()


def not_digits() -> NDArray[np.uint8]:
    """Filled squares, frames, noise, stripes and a white image."""
    chance = np.random.default_rng(0)
    square, frame, stripes = (np.zeros((28, 28), np.uint8) for _ in range(3))
    square[4:24, 4:24] = 255
    frame[2:26, 2:26] = 255
    frame[5:23, 5:23] = 0
    stripes[::4] = 255
    noise = chance.integers(0, 256, (28, 28)).astype(np.uint8)
    return np.stack([square, frame, stripes, noise, np.full((28, 28), 255, np.uint8)])


def test_99_of_100_test_digits_are_no_outliers_and_what_is_no_digit_is_one(fitted: Outliers, mnist: Dataset) -> None:
    digits = fitted.among(mnist.test.images, mnist.test.labels)
    assert 0.004 < digits.mean() < 0.01
    for label in range(10):
        assert fitted.among(not_digits(), np.full(5, label)).all()


def test_the_limit_keeps_199_of_200_validation_images(fitted: Outliers, mnist: Dataset) -> None:
    found = fitted.among(mnist.validation.images, mnist.validation.labels)
    assert 0.0045 < found.mean() <= 0.005


def test_an_image_is_far_from_the_images_of_another_label(fitted: Outliers, mnist: Dataset) -> None:
    images, labels = mnist.test.images[:500], mnist.test.labels[:500]
    own, other = fitted.distances(images, labels), fitted.distances(images, (labels + 1) % 10)
    assert (own < other).mean() > 0.9


def test_the_distance_is_mahalanobiss_but_for_rounding(mnist: Dataset) -> None:
    images, labels = mnist.train.images[:2000], mnist.train.labels[:2000]
    known = fit(images, labels, 10)
    assert known is not None
    numbers = pooled(images)
    apart = numbers - np.stack([numbers[labels == label].mean(axis=0) for label in range(10)])[labels]
    covariance = apart.T @ apart / len(apart) + outliers.NOISE**2 * np.eye(49)
    exact = np.sqrt((apart * np.linalg.solve(covariance, apart.T).T).sum(axis=1))
    assert np.abs(known.distances(images, labels) / exact - 1).max() < 0.05


def test_squares_of_pixels_are_averaged() -> None:
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 4:8, 24:28] = np.arange(0, 160, 10).reshape(4, 4)
    expected = np.zeros(49)
    expected[7 + 6] = 75
    assert np.array_equal(pooled(image)[0], expected)


def test_the_record_is_small_and_is_read_as_it_was_written(fitted: Outliers) -> None:
    entries = ModelMetadata(outliers=fitted).entries()
    assert len(entries["edgecnn.outliers"]) < 3000
    assert ModelMetadata.of(entries, Path("a.onnx")).outliers == fitted


def test_too_few_images_tell_nothing(fitted: Outliers, mnist: Dataset) -> None:
    images, labels = mnist.train.images[:300], mnist.train.labels[:300]
    assert fit(images, labels, 11) is None  # one has no image
    assert fit(images[:0], labels[:0], 0) is None
    assert fit(images, np.arange(300), 1001) is None
    assert limit_of(fitted, images[: outliers.LEAST - 1], labels[: outliers.LEAST - 1]) is None
    assert limit_of(fitted, images[: outliers.LEAST], labels[: outliers.LEAST]) is not None


def test_images_that_are_all_the_same_are_fitted_too() -> None:
    known = fit(np.zeros((300, 28, 28), np.uint8), np.arange(300) % 10, 10)
    assert known is not None
    assert limit_of(known, np.zeros((300, 28, 28), np.uint8), np.arange(300) % 10) is None
    assert np.isfinite(known.distances(not_digits(), np.zeros(5, np.int64))).all()


def coded(size: int) -> str:
    return base64.b64encode(bytes(size)).decode()


@pytest.mark.parametrize(
    "damage",
    [
        {"means": coded(491)},
        {"means": ""},
        {"means": coded(1001 * 49)},
        {"means": "é" * 656},
        {"means": ["a"]},
        {"means": None},
        {"spread": coded(1224)},
        {"spread": coded(1226)},
        {"spread": "*" * 1636},
        {"spread": 7},
        *({name: value} for name in ("scale", "limit") for value in (0.0, -1.0, 1e9, "1", None, True, [1.0], 10**400)),
        {"scale": float("nan")},
        {"limit": float("inf")},
    ],
)
def test_a_damaged_record_is_refused(fitted: Outliers, damage: dict[str, Any]) -> None:
    tree = asdict(fitted) | damage
    with pytest.raises((ValueError, TypeError)):
        from_plain(tree)
    with pytest.raises(ModelError, match=r"a\.onnx has a damaged entry edgecnn\.outliers: export it again"):
        ModelMetadata.of({"edgecnn.outliers": json.dumps(tree)}, Path("a.onnx"))


def test_the_largest_numbers_that_a_file_may_have_overflow_nothing(fitted: Outliers) -> None:
    loud = replace(fitted, spread=base64.b64encode(b"\x7f" * 1225).decode(), scale=outliers.MOST_SCALE)
    with np.errstate(all="raise"):
        assert loud.among(not_digits(), np.zeros(5, np.int64)).all()


@pytest.mark.parametrize(("size", "classes"), [((28, 28), 9), ((20, 24), 10)])
def test_a_record_of_another_model_is_refused(
    fitted: Outliers, tmp_path: Path, size: tuple[int, int], classes: int
) -> None:
    entries = ModelMetadata(outliers=fitted).entries()
    path = odd.save(odd.linear(size, classes=classes, metadata=entries), tmp_path / "odd.onnx")
    with pytest.raises(ModelError, match=r"odd\.onnx tells outliers of 10 classes and 28×28 pixels"):
        Classifier(path)


def test_a_classifier_tells_outliers_by_the_label_that_it_gives(
    fitted: Outliers, tmp_path: Path, mnist: Dataset
) -> None:
    entries = ModelMetadata(outliers=fitted).entries()
    model = Classifier(odd.save(odd.linear((28, 28), classes=10, metadata=entries), tmp_path / "odd.onnx"))
    images = mnist.test.images[:50]
    probabilities = model.predict(images)
    expected = fitted.among(images, probabilities.argmax(axis=1))
    assert np.array_equal(model.outliers(images, probabilities), expected)


def test_without_the_record_nothing_is_an_outlier(tiny: Path) -> None:
    model = Classifier(tiny)
    assert model.metadata.outliers is None
    assert not model.outliers(not_digits(), model.predict(not_digits())).any()


def test_numpy_is_all_that_it_needs() -> None:
    code = "import sys, edgecnn.runtime.outliers; print({'onnx', 'onnxruntime', 'tensorflow'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
