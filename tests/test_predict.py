"""From files of pictures to labels: which files, in which order, in how many at a time."""

from pathlib import Path
from typing import Any

import numpy as np
import odd_models as odd
import pytest
from numpy.typing import NDArray
from PIL import Image

from edgecnn.data import Dataset
from edgecnn.errors import ImageError, InputError
from edgecnn.predict import classify_files, expand
from edgecnn.runtime.classifier import PREDICT_CHUNK, Classifier


@pytest.fixture(scope="module")
def classifier(tiny: Path) -> Classifier:
    return Classifier(tiny)


def save_all(images: NDArray[Any], folder: Path) -> list[Path]:
    paths = [folder / f"{number:04}.png" for number in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image).save(path)
    return paths


def test_a_folder_stands_for_its_pictures_by_name(tmp_path: Path) -> None:
    for name in ("b.png", "a.JPG", "notes.txt", "c.tiff", ".hidden"):
        (tmp_path / name).touch()
    (tmp_path / "deeper").mkdir()
    assert [path.name for path in expand([tmp_path])] == ["a.JPG", "b.png", "c.tiff"]


def test_files_and_folders_keep_the_order_they_are_given_in(tmp_path: Path) -> None:
    (tmp_path / "inside.png").touch()
    given: list[str | Path] = ["z.png", tmp_path, Path("a.png"), "list.txt"]
    assert list(expand(given)) == [Path("z.png"), tmp_path / "inside.png", Path("a.png"), Path("list.txt")]


def test_a_folder_without_pictures_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ImageError, match=rf"{tmp_path} has no pictures: give a folder with PNG or JPEG files"):
        list(expand([tmp_path]))


def test_pictures_of_mnist_get_the_labels_of_their_arrays(
    classifier: Classifier, mnist: Dataset, tmp_path: Path
) -> None:
    images = mnist.test.images[:50]
    paths = save_all(images, tmp_path)
    results = list(classify_files(classifier, [tmp_path], top=3))
    assert [path for path, _ in results] == paths
    assert [best for _, best in results] == classifier.classify(images, top=3)


def test_black_ink_on_white_paper_is_read_as_white_on_black(
    classifier: Classifier, mnist: Dataset, tmp_path: Path
) -> None:
    images = mnist.test.images[:10]
    inverted = [best[0].label for _, best in classify_files(classifier, save_all(255 - images, tmp_path))]
    assert inverted == [best[0].label for best in classifier.classify(images)]


def test_more_pictures_than_one_run_takes_are_all_labeled_in_order(
    classifier: Classifier, mnist: Dataset, tmp_path: Path
) -> None:
    images = mnist.test.images[: PREDICT_CHUNK + 4]
    save_all(images, tmp_path)
    labels = [best[0].label for _, best in classify_files(classifier, [tmp_path])]
    assert labels == [best[0].label for best in classifier.classify(images)]


def test_pictures_are_read_as_they_are_needed(classifier: Classifier, mnist: Dataset, tmp_path: Path) -> None:
    paths = [*save_all(mnist.test.images[:1], tmp_path) * PREDICT_CHUNK, tmp_path / "missing.png"]
    results = classify_files(classifier, paths)
    assert sum(1 for _, _ in zip(range(PREDICT_CHUNK), results, strict=False)) == PREDICT_CHUNK
    with pytest.raises(ImageError, match=r"missing\.png"):
        next(results)


@pytest.mark.parametrize("content", [b"no picture", b"", b"\x89PNG\r\n\x1a\n"])
def test_a_file_that_is_no_picture_is_named(classifier: Classifier, content: bytes, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(content)
    with pytest.raises(ImageError, match=r"bad\.png"):
        list(classify_files(classifier, [tmp_path]))


def test_a_color_model_sees_the_picture_in_color(tmp_path: Path) -> None:
    model = Classifier(odd.save(odd.linear((20, 24, 3)), tmp_path / "color.onnx"))
    images = np.random.default_rng(0).integers(0, 256, (3, 20, 24, 3), np.uint8)
    results = classify_files(model, save_all(images, tmp_path))
    assert [best for _, best in results] == model.classify(images)


def test_a_model_that_takes_no_pictures_says_so(mnist: Dataset, tmp_path: Path) -> None:
    model = Classifier(odd.save(odd.linear((784,)), tmp_path / "flat.onnx"))
    with pytest.raises(InputError, match="pictures need"):
        list(classify_files(model, save_all(mnist.test.images[:1], tmp_path)))
