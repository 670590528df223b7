"""What predict says of pictures: one digit or several, a verdict for each, and which models get which treatment."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import odd_models as odd
import outlier_models
import pytest
from numpy.typing import NDArray
from PIL import Image

from edgecnn.data import Dataset
from edgecnn.errors import ImageError
from edgecnn.imaging.digits import Digit
from edgecnn.origin import Origin
from edgecnn.readings import Reading, Wanted, read_digits, read_files, reads_digits
from edgecnn.runtime.classifier import Classifier
from edgecnn.runtime.metadata import DIGIT, SCALE, ModelMetadata
from edgecnn.runtime.treatment import treatment_for, treatment_of

Gray = NDArray[np.uint8]
DIGITS = tuple("0123456789")
FORM = (28, 28, False)


@pytest.fixture(scope="module")
def edge() -> Classifier:
    return Classifier("edge")


def page(images: Gray, size: int = 100) -> Image.Image:
    """Digits side by side in dark ink on light paper."""
    paper = Image.new("L", (len(images) * 150 + 50, 200), 235)
    for number, image in enumerate(images):
        ink = Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC)
        paper.paste(40, (50 + 150 * number, 50), ink)
    return paper


def read(classifier: Classifier, path: Path, wanted: Wanted | None = None) -> list[Reading]:
    ((_, found),) = read_files(classifier, [path], wanted)
    assert not isinstance(found, ImageError)
    return found


def test_a_digit_in_a_corner_is_read_with_its_box_in_the_pictures_own_pixels(
    edge: Classifier, mnist: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "corner.png"
    large = page(mnist.test.images[:1]).resize((1000, 1000))
    large.crop((0, 0, 1000, 1000)).resize((2000, 2000)).save(path)
    (reading,) = read(edge, path)
    assert reading.verdict == "label"
    assert reading.predictions[0].label == "7"
    assert reading.box is not None
    left, top, right, bottom = reading.box
    assert 500 <= left < right <= 1500
    assert 500 <= top < bottom <= 1500


def test_several_digits_are_read_from_left_to_right(edge: Classifier, mnist: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "several.jpg"
    page(mnist.test.images[:4]).save(path)
    found = read(edge, path, Wanted(segment=True))
    assert [reading.predictions[0].label for reading in found] == ["7", "2", "1", "0"]
    lefts = [reading.box[0] for reading in found if reading.box]
    assert lefts == sorted(lefts)


def test_empty_paper_has_no_digit_and_no_error(edge: Classifier, tmp_path: Path) -> None:
    path = tmp_path / "empty.png"
    Image.new("L", (300, 200), 240).save(path)
    for segment in (False, True):
        assert read(edge, path, Wanted(segment=segment)) == [Reading("no digit")]


def test_below_the_confidence_a_label_is_uncertain_and_has_two_guesses(
    edge: Classifier, mnist: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "7.png"
    page(mnist.test.images[:1]).save(path)
    (reading,) = read(edge, path, Wanted(confidence=1.0))
    assert reading.verdict == "uncertain"
    assert reading.predictions[0].label == "7"
    assert len(reading.predictions) == 2
    assert read(edge, path, Wanted(confidence=0))[0].verdict == "label"


def test_the_models_own_confidence_counts(
    edge: Classifier, mnist: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "7.png"
    page(mnist.test.images[:1]).save(path)
    monkeypatch.setattr(edge, "metadata", replace(edge.metadata, confidence=1.0))
    assert read(edge, path)[0].verdict == "uncertain"


def framed(path: Path) -> Path:
    """A picture in MNIST's form that no hand has written."""
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 4:24] = 255
    image[9:19, 9:19] = 0
    Image.fromarray(image).save(path)
    return path


def test_what_looks_like_no_training_image_is_uncertain_however_sure_the_network_is(
    mnist: Dataset, tmp_path: Path
) -> None:
    knowing, strange = Classifier(outlier_models.telling(tmp_path / "knowing.onnx")), framed(tmp_path / "frame.png")
    (reading,) = read(knowing, strange, Wanted(confidence=0.001))
    assert reading.verdict == "uncertain"
    assert len(reading.predictions) == 2
    page(mnist.test.images[:1]).save(tmp_path / "7.png")
    assert read(knowing, tmp_path / "7.png")[0].verdict == "label"


def test_with_a_confidence_of_0_or_raw_pixels_nothing_is_an_outlier(tmp_path: Path) -> None:
    knowing, strange = Classifier(outlier_models.telling(tmp_path / "knowing.onnx")), framed(tmp_path / "frame.png")
    for wanted in (Wanted(confidence=0), Wanted(raw=True), Wanted(raw=True, confidence=0.001)):
        (reading,) = read(knowing, strange, wanted)
        assert (reading.verdict, len(reading.predictions)) == ("label", 1)


def test_at_most_one_in_100_of_mnists_pictures_is_an_outlier_and_all_keep_their_labels(
    mnist: Dataset, tmp_path: Path
) -> None:
    knowing, images = Classifier(outlier_models.telling(tmp_path / "knowing.onnx")), mnist.test.images
    waiting = [(Path("a"), [Digit(image, (0, 0, 28, 28)) for image in images])]
    readings = {}
    for confidence in (0.001, 0):
        ((_, found),) = read_digits(knowing, list(waiting), Wanted(confidence=confidence), treated=True)
        assert not isinstance(found, ImageError)
        readings[confidence] = found
    labels = [[reading.predictions[0] for reading in found] for found in readings.values()]
    assert labels[0] == labels[1]
    assert 0.003 < np.mean([reading.verdict == "uncertain" for reading in readings[0.001]]) <= 0.01
    assert {reading.verdict for reading in readings[0]} == {"label"}


def test_raw_squeezes_the_picture_as_it_is(edge: Classifier, mnist: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "mnist.png"
    Image.fromarray(255 - mnist.test.images[0]).save(path)
    (reading,) = read(edge, path, Wanted(raw=True))
    assert reading.box is None
    assert list(reading.predictions) == edge.classify(mnist.test.images[:1])[0]


def test_mnists_own_pictures_get_the_labels_of_their_arrays(edge: Classifier, mnist: Dataset, tmp_path: Path) -> None:
    for number, image in enumerate(mnist.test.images[:40]):
        Image.fromarray(image).save(tmp_path / f"{number:02}.png")
    found = [item for _, item in read_files(edge, [tmp_path], Wanted(confidence=0))]
    labels = [item[0].predictions[0] for item in found if not isinstance(item, ImageError)]
    assert labels == [best[0] for best in edge.classify(mnist.test.images[:40])]


def test_a_model_of_other_pictures_gets_them_resized_only(tmp_path: Path) -> None:
    model = Classifier(odd.save(odd.linear((20, 24)), tmp_path / "gray.onnx"))
    assert not reads_digits(model)
    image = np.random.default_rng(0).integers(150, 256, (20, 24), np.uint8)
    Image.fromarray(image).save(tmp_path / "light.png")
    (reading,) = read(model, tmp_path / "light.png")
    assert reading.verdict == "label"
    assert reading.predictions[0] == model.classify(image[None])[0][0]


@pytest.mark.parametrize(
    ("dataset", "labels", "size", "treatment"),
    [
        (Origin("mnist", "0" * 64), DIGITS, FORM, DIGIT),
        (None, DIGITS, FORM, DIGIT),
        (Origin("fashion-mnist", "0" * 64), DIGITS, FORM, SCALE),
        (None, ("cat", "dog"), FORM, SCALE),
        (None, DIGITS, (32, 32, False), SCALE),
        (None, DIGITS, (28, 28, True), SCALE),
    ],
)
def test_only_digit_networks_get_mnists_form(
    dataset: Origin | None, labels: tuple[str, ...], size: tuple[int, int, bool], treatment: str
) -> None:
    assert treatment_for(dataset, labels, size) == treatment


def test_what_a_file_says_of_its_treatment_counts() -> None:
    for treatment in (DIGIT, SCALE):
        metadata = ModelMetadata.of({"edgecnn.treatment": treatment, "edgecnn.confidence": "0.7"}, Path("a.onnx"))
        assert treatment_of(metadata, DIGITS, FORM) == treatment
        assert metadata.confidence == 0.7
        assert metadata.entries()["edgecnn.treatment"] == treatment


@pytest.mark.parametrize("model", ["edge", "nano", "accurate"])
def test_the_shipped_models_read_digits(model: str) -> None:
    assert reads_digits(Classifier(model))
