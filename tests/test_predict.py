"""From files of pictures to labels: which files, in which order, in how many at a time."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import odd_models as odd
import pytest
from numpy.typing import NDArray
from PIL import Image

from edgecnn.data import Dataset
from edgecnn.errors import ImageError, InputError
from edgecnn.predict import AT_ONCE, FLOAT32, RUN_BYTES, FileResult, classify_files, expand
from edgecnn.runtime.classifier import Classifier, Prediction


@pytest.fixture(scope="module")
def classifier(tiny: Path) -> Classifier:
    return Classifier(tiny)


def save_all(images: NDArray[Any], folder: Path) -> list[Path]:
    paths = [folder / f"{number:04}.png" for number in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image).save(path)
    return paths


def labels_of(results: Iterable[FileResult]) -> list[str]:
    return [found[0].label for _, found in results if not isinstance(found, ImageError)]


def test_a_folder_stands_for_its_pictures_by_name(tmp_path: Path) -> None:
    for name in ("b.png", "a.JPG", "notes.txt", "c.tiff", ".hidden"):
        (tmp_path / name).touch()
    (tmp_path / "deeper").mkdir()
    assert [path.name for path in expand([tmp_path])] == ["a.JPG", "b.png", "c.tiff"]


def test_files_and_folders_keep_the_order_they_are_given_in(tmp_path: Path) -> None:
    (tmp_path / "inside.png").touch()
    given: list[str | Path] = ["z.png", tmp_path, Path("a.png"), "list.txt"]
    assert list(expand(given)) == [Path("z.png"), tmp_path / "inside.png", Path("a.png"), Path("list.txt")]


def test_hidden_files_and_folders_with_the_name_of_a_picture_are_left_out(tmp_path: Path) -> None:
    for name in ("._a.png", ".b.png", "c.png"):
        (tmp_path / name).touch()
    (tmp_path / "d.png").mkdir()
    assert list(expand([tmp_path])) == [tmp_path / "c.png"]


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
    assert labels_of(classify_files(classifier, save_all(255 - images, tmp_path))) == [
        best[0].label for best in classifier.classify(images)
    ]


def test_more_pictures_than_one_run_takes_are_all_labeled_in_order(
    classifier: Classifier, mnist: Dataset, tmp_path: Path
) -> None:
    images = mnist.test.images[: 2 * AT_ONCE + 4]
    save_all(images, tmp_path)
    assert labels_of(classify_files(classifier, [tmp_path])) == [best[0].label for best in classifier.classify(images)]


def test_pictures_are_read_as_they_are_needed(classifier: Classifier, mnist: Dataset, tmp_path: Path) -> None:
    asked = []

    def paths() -> Iterator[Path]:
        for path in save_all(mnist.test.images[:3], tmp_path):
            asked.append(path)
            yield path

    for number, _ in enumerate(classify_files(classifier, paths(), at_once=1), 1):
        assert len(asked) == number


def test_a_model_of_a_fixed_batch_gets_whole_batches(
    mnist: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Classifier(odd.save(odd.linear((28, 28), batch=4), tmp_path / "four.onnx"))
    images = mnist.test.images[:6]
    sizes: list[int] = []
    classify = model.classify

    def watched(some: NDArray[np.uint8], top: int) -> list[list[Prediction]]:
        sizes.append(len(some))
        return classify(some, top)

    monkeypatch.setattr(model, "classify", watched)
    assert labels_of(classify_files(model, save_all(images, tmp_path))) == [best[0].label for best in classify(images)]
    assert sizes == [4, 2]


def test_large_pictures_are_classified_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Classifier(odd.save(odd.linear((200, 200, 3)), tmp_path / "large.onnx"))
    sizes: list[int] = []
    classify = model.classify

    def watched(some: NDArray[np.uint8], top: int) -> list[list[Prediction]]:
        sizes.append(some.nbytes)
        return classify(some, top)

    monkeypatch.setattr(model, "classify", watched)
    done = list(classify_files(model, save_all(np.zeros((7, 200, 200, 3), np.uint8), tmp_path)))
    assert len(done) == 7
    assert max(sizes) * FLOAT32 <= RUN_BYTES


@pytest.mark.parametrize(
    "bad", ["no picture", "empty", "cut", "missing", "folder", "unreadable folder", "long name", "no path", "pipe"]
)
def test_a_picture_that_cannot_be_read_is_told_and_stops_no_other(
    classifier: Classifier, mnist: Dataset, bad: str, tmp_path: Path
) -> None:
    good = save_all(mnist.test.images[:2], tmp_path)
    path = make_bad(bad, tmp_path / "bad.png")
    (_, first), (named, error), (_, last) = classify_files(classifier, [good[0], path, good[1]])
    assert named == path
    assert isinstance(error, ImageError)
    assert path.name in str(error)
    assert ": give a " in str(error) or "Permission denied" in str(error)
    assert [found[0].label for found in (first, last) if not isinstance(found, ImageError)] == ["7", "2"]


def make_bad(kind: str, path: Path) -> Path:
    content = {"no picture": b"no picture", "empty": b"", "cut": b"\x89PNG\r\n\x1a\n"}
    if kind in content:
        path.write_bytes(content[kind])
    elif kind == "pipe":
        os.mkfifo(path)
    elif "folder" in kind:
        path.mkdir(mode=0o000 if kind == "unreadable folder" else 0o755)
    return {"long name": path.with_name("x" * 300 + ".png"), "no path": path.with_name("bad\0.png")}.get(kind, path)


def test_a_color_model_sees_the_picture_in_color(tmp_path: Path) -> None:
    model = Classifier(odd.save(odd.linear((20, 24, 3)), tmp_path / "color.onnx"))
    images = np.random.default_rng(0).integers(0, 256, (3, 20, 24, 3), np.uint8)
    results = classify_files(model, save_all(images, tmp_path))
    assert [best for _, best in results] == model.classify(images)


def test_a_model_that_takes_no_pictures_says_so(mnist: Dataset, tmp_path: Path) -> None:
    model = Classifier(odd.save(odd.linear((785,)), tmp_path / "flat.onnx"))
    with pytest.raises(InputError, match="pictures need"):
        list(classify_files(model, save_all(mnist.test.images[:1], tmp_path)))
