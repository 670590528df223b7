"""Every form a data set comes in, made of real MNIST, and what each refuses."""

import gzip
import hashlib
import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from test_idx import encode

from edgecnn.data import Dataset, idx, load
from edgecnn.errors import DataError, EdgecnnError, ImageError

Array = NDArray[Any]
Arrays = Mapping[str, Array]

ORIGINAL = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
IDX_NAMES = dict(zip(ORIGINAL, ("x_train", "y_train", "x_test", "y_test"), strict=True))
"""Which array each file holds."""


@pytest.fixture(scope="module")
def mnist_folder() -> Path:
    return Path(idx.__file__).parent / "mnist"


@pytest.fixture(scope="module")
def arrays(mnist: Dataset) -> Arrays:
    """A little of MNIST under the names that an .npz has."""
    return {
        "x_train": mnist.train.images[:120],
        "y_train": mnist.train.labels[:120].astype(np.uint8),
        "x_test": mnist.test.images[:30],
        "y_test": mnist.test.labels[:30].astype(np.uint8),
    }


def refusal(path: Path, kind: type[EdgecnnError] = DataError) -> str:
    with pytest.raises(kind) as caught:
        load(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


# MNIST itself


def test_the_files_are_those_of_the_original_distribution(mnist_folder: Path) -> None:
    found = {
        path.stem: hashlib.sha256(gzip.decompress(path.read_bytes())).hexdigest() for path in mnist_folder.glob("*.gz")
    }
    assert found == ORIGINAL


def test_mnist_has_its_sizes_form_and_names(mnist: Dataset) -> None:
    assert [len(split) for split in (mnist.train, mnist.validation, mnist.test)] == [55_000, 5_000, 10_000]
    assert [split.name for split in (mnist.train, mnist.validation, mnist.test)] == ["train", "validation", "test"]
    assert {split.images.dtype.str for split in (mnist.train, mnist.validation, mnist.test)} == {"|u1"}
    assert mnist.image_shape == (28, 28)
    assert mnist.labels == tuple("0123456789")
    assert mnist.name == "mnist"


def test_every_twelfth_stored_image_is_for_validation(mnist: Dataset, mnist_folder: Path) -> None:
    images = idx.read(mnist_folder / "train-images-idx3-ubyte.gz")
    labels = idx.read(mnist_folder / "train-labels-idx1-ubyte.gz")
    np.testing.assert_array_equal(mnist.validation.images, images[::12])
    np.testing.assert_array_equal(mnist.validation.labels, labels[::12])
    np.testing.assert_array_equal(mnist.train.labels, np.delete(labels, np.s_[::12]))
    np.testing.assert_array_equal(mnist.train.images[:11], images[1:12])


def test_a_limit_counts_training_and_validation_images(small_mnist: Dataset) -> None:
    assert [len(split) for split in (small_mnist.train, small_mnist.validation, small_mnist.test)] == [2200, 200, 10000]


@pytest.mark.parametrize("damage", ["another pixel", "flipped byte", "truncated", "missing"])
def test_a_copy_of_mnist_that_is_not_the_original_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mnist_folder: Path, damage: str
) -> None:
    shutil.copytree(mnist_folder, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "t10k-labels-idx1-ubyte.gz"
    packed, plain = path.read_bytes(), gzip.decompress(path.read_bytes())
    damages: Mapping[str, Callable[[], object]] = {
        "another pixel": lambda: path.write_bytes(gzip.compress(plain[:-1] + bytes([plain[-1] ^ 1]))),
        "flipped byte": lambda: path.write_bytes(packed[:999] + bytes([packed[999] ^ 0xFF]) + packed[1000:]),
        "truncated": lambda: path.write_bytes(packed[:-100]),
        "missing": path.unlink,
    }
    damages[damage]()
    monkeypatch.setattr(sys.modules[load.__module__], "MNIST_FOLDER", tmp_path)
    with pytest.raises(DataError) as caught:
        load()
    assert str(path) in str(caught.value)


# Folders of IDX files


def write_idx(folder: Path, arrays: Arrays, names: Mapping[str, str], *, zipped: bool = False) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, key in names.items():
        content = encode(arrays[key])
        (folder / (f"{name}.gz" if zipped else name)).write_bytes(gzip.compress(content) if zipped else content)
    return folder


def test_idx_files_gzipped_and_plain_are_the_same_data(tmp_path: Path, arrays: Arrays) -> None:
    plain = load(write_idx(tmp_path / "plain", arrays, IDX_NAMES))
    packed = load(write_idx(tmp_path / "packed", arrays, IDX_NAMES, zipped=True))
    assert plain.sha256 == packed.sha256
    np.testing.assert_array_equal(plain.test.images, arrays["x_test"])
    assert packed.name == str(tmp_path / "packed")


def test_a_folder_of_the_canonical_four_files_is_read_whole(mnist: Dataset, mnist_folder: Path) -> None:
    """Fashion-MNIST, KMNIST and QMNIST have these very names and shapes."""
    dataset = load(mnist_folder)
    assert dataset.sha256 == mnist.sha256
    np.testing.assert_array_equal(dataset.train.labels, mnist.train.labels)


@pytest.mark.parametrize("style", ["{}-images.idx3-ubyte {}-labels.idx1-ubyte", "{}-images-idx3 {}-labels-idx1"])
@pytest.mark.parametrize("test", ["t10k", "test"])
def test_other_spellings_of_the_names_are_found(tmp_path: Path, arrays: Arrays, style: str, test: str) -> None:
    names = f"{style.format('train', 'train')} {style.format(test, test)}".split()
    assert len(load(write_idx(tmp_path, arrays, dict(zip(names, arrays, strict=True)))).test) == 30


@pytest.mark.parametrize("name", IDX_NAMES)
def test_a_missing_idx_file_is_named(tmp_path: Path, arrays: Arrays, name: str) -> None:
    write_idx(tmp_path, arrays, {other: key for other, key in IDX_NAMES.items() if other != name})
    message = refusal(tmp_path)
    assert f"has no file {name.rsplit('-', 2)[0]}-idx…: give a folder with the four IDX files" in message


@pytest.mark.parametrize("key", ["y_train", "y_test"])
def test_images_and_labels_of_different_length_are_refused(tmp_path: Path, arrays: Arrays, key: str) -> None:
    write_idx(tmp_path, {**arrays, key: arrays[key][:-1]}, IDX_NAMES)
    count = len(arrays[key])
    assert f"{count} {key[2:]} images but {count - 1} labels" in refusal(tmp_path)


def test_a_damaged_idx_file_is_named(tmp_path: Path, arrays: Arrays) -> None:
    path = write_idx(tmp_path, arrays, IDX_NAMES) / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    assert f"{path} is truncated" in refusal(tmp_path)


# .npz files


def write_npz(path: Path, arrays: Arrays) -> Path:
    np.savez_compressed(path, allow_pickle=True, **arrays)
    return path


def test_an_npz_is_the_same_data_as_idx_files(tmp_path: Path, arrays: Arrays) -> None:
    from_npz = load(write_npz(tmp_path / "data.npz", arrays))
    assert from_npz.sha256 == load(write_idx(tmp_path / "idx", arrays, IDX_NAMES)).sha256
    assert [len(split) for split in (from_npz.train, from_npz.validation, from_npz.test)] == [110, 10, 30]


def test_an_npz_may_hold_labels_in_one_column_and_color_images(tmp_path: Path, arrays: Arrays) -> None:
    color = {name: np.stack([array] * 3, axis=-1) for name, array in arrays.items() if name[0] == "x"}
    column = {name: array[:, None] for name, array in arrays.items() if name[0] == "y"}
    dataset = load(write_npz(tmp_path / "data.npz", {**color, **column}))
    assert dataset.image_shape == (28, 28, 3)
    np.testing.assert_array_equal(dataset.test.labels, arrays["y_test"])


@pytest.mark.parametrize("key", ["x_train", "y_train", "x_test", "y_test"])
def test_a_missing_array_is_named(tmp_path: Path, arrays: Arrays, key: str) -> None:
    path = write_npz(tmp_path / "data.npz", {name: array for name, array in arrays.items() if name != key})
    split, kind = key[2:], "images" if key[0] == "x" else "labels"
    assert f"lacks {split} {kind}" in refusal(path)


class Trap:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., object], tuple[Path]]:
        return Path.touch, (self.mark,)


def test_pickled_objects_are_refused_and_never_run(tmp_path: Path, arrays: Arrays) -> None:
    mark = tmp_path / "ran"
    path = write_npz(tmp_path / "data.npz", {**arrays, "y_test": np.array([Trap(mark)], object)})
    assert "does not hold plain arrays of numbers" in refusal(path)
    assert "save it again with numpy.savez" in refusal(path)
    assert not mark.exists()


def test_splits_of_two_scales_are_refused(tmp_path: Path, arrays: Arrays) -> None:
    path = write_npz(tmp_path / "data.npz", {**arrays, "x_train": arrays["x_train"] / np.float32(255)})
    assert "values from 0 to 1 and from 0 to 255: save them as uint8" in refusal(path)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04" + bytes(100)], ids=["empty", "text", "zip start"])
def test_what_is_no_zip_is_no_npz(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "data.npz"
    path.write_bytes(content)
    message = refusal(path)
    assert "is not a complete .npz file: save it again with numpy.savez" in message
    assert "pickle" not in message


def test_an_npy_named_npz_is_refused(tmp_path: Path, arrays: Arrays) -> None:
    path = tmp_path / "data.npz"
    with path.open("wb") as file:
        np.save(file, arrays["x_train"])
    assert "is not a complete .npz file" in refusal(path)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_damaged_npz_files_are_refused_or_read(tmp_path: Path, arrays: Arrays, save: Callable[..., None]) -> None:
    path = tmp_path / "data.npz"
    save(path, **{name: array[:24, ..., 13:15] if name[0] == "x" else array[:24] for name, array in arrays.items()})
    whole, digest = path.read_bytes(), load(path).sha256
    for at in range(0, len(whole), 5):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        with suppress(DataError):
            assert load(path).sha256 == digest
        path.write_bytes(whole[:at])
        refusal(path)


# Folders of pictures


def write_pictures(folder: Path, labels: list[str], *, count: int = 3, side: int = 28, mode: str = "L") -> Path:
    """`train/<label>` and `test/<label>`, each picture's shade telling its label's place and its own."""
    for place, label in enumerate(labels):
        for split in ("train", "test"):
            (folder / split / label).mkdir(parents=True)
            for number in range(count):
                shade = np.full((side, side), (3 * place + number) % 256, np.uint8)
                Image.fromarray(shade).convert(mode).save(folder / split / label / f"{number}.png")
    return folder


@pytest.mark.parametrize(("mode", "shape"), [("L", (28, 28)), ("RGB", (28, 28, 3))])
def test_a_folder_of_mnist_pictures_is_read(tmp_path: Path, mnist: Dataset, mode: str, shape: tuple[int, ...]) -> None:
    for split, source in (("train", mnist.train), ("test", mnist.test)):
        for number, (image, label) in enumerate(zip(source.images[:60], source.labels[:60], strict=True)):
            folder = tmp_path / split / str(label)
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).convert(mode).save(folder / f"{number:02}.png")
    dataset = load(tmp_path)
    assert dataset.image_shape == shape
    assert dataset.labels == tuple("0123456789")
    order = np.argsort(mnist.test.labels[:60], kind="stable")
    np.testing.assert_array_equal(dataset.test.labels, mnist.test.labels[:60][order])
    gray = dataset.test.images if mode == "L" else dataset.test.images[..., 1]
    np.testing.assert_array_equal(gray, mnist.test.images[:60][order])


def test_one_color_picture_makes_all_of_them_color(tmp_path: Path) -> None:
    write_pictures(tmp_path, ["cat", "dog"])
    Image.new("RGB", (28, 28), (9, 99, 199)).save(tmp_path / "test" / "dog" / "color.png")
    dataset = load(tmp_path)
    assert dataset.image_shape == (28, 28, 3)
    assert dataset.test.images[-1, 0, 0].tolist() == [9, 99, 199]


def test_numbers_are_ordered_by_value_and_before_words(tmp_path: Path) -> None:
    dataset = load(write_pictures(tmp_path, ["10", "b", "2", "a", "0"]))
    assert dataset.labels == ("0", "2", "10", "a", "b")
    np.testing.assert_array_equal(dataset.test.images[:, 0, 0] // 3, np.repeat([4, 2, 0, 3, 1], 3))
    np.testing.assert_array_equal(dataset.test.labels, np.repeat(np.arange(5), 3))


def test_other_files_among_the_pictures_are_passed_over(tmp_path: Path) -> None:
    write_pictures(tmp_path, ["a", "b"])
    for name in ("notes.txt", "train/notes.txt", "train/a/Thumbs.db"):
        (tmp_path / name).write_text("text")
    assert load(tmp_path).labels == ("a", "b")


def test_pictures_of_two_sizes_are_refused(tmp_path: Path) -> None:
    write_pictures(tmp_path, ["a", "b"])
    odd = tmp_path / "train" / "b" / "odd.png"
    Image.new("L", (30, 20)).save(odd)
    assert f"{odd} has 30×20 pixels, but {tmp_path / 'train' / 'a' / '0.png'} has 28×28: resize all images" in refusal(
        tmp_path
    )


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_split_without_pictures_is_refused(tmp_path: Path, split: str) -> None:
    folder = write_pictures(tmp_path, ["a", "b"]) / split
    for path in folder.rglob("*.png"):
        path.unlink()
    assert f"{folder} has no images: put them into {folder}/<label>/*.png" in refusal(tmp_path)


def test_a_test_class_that_was_never_trained_is_refused(tmp_path: Path) -> None:
    write_pictures(tmp_path, ["a", "b"])
    shutil.copytree(tmp_path / "test" / "a", tmp_path / "test" / "c")
    assert f"{tmp_path / 'test'} has a class that train lacks: c" in refusal(tmp_path)


def test_a_text_named_png_is_refused_by_name(tmp_path: Path) -> None:
    path = write_pictures(tmp_path, ["a", "b"]) / "test" / "b" / "9.png"
    path.write_text("a line of text")
    assert f"{path} is not a picture that can be read" in refusal(tmp_path, ImageError)


@pytest.mark.parametrize("classes", [2, 1000])
def test_2_to_1000_classes_of_pictures_are_read(tmp_path: Path, classes: int) -> None:
    dataset = load(write_pictures(tmp_path, [f"class {n:04}" for n in range(classes)], count=1, side=1))
    assert len(dataset.labels) == classes


@pytest.mark.parametrize("classes", [1, 1001])
def test_other_numbers_of_classes_are_refused(tmp_path: Path, classes: int) -> None:
    write_pictures(tmp_path, [str(number) for number in range(classes)], count=1, side=1)
    assert f"images in {classes} folders; it needs one folder per class, for 2 to 1,000" in refusal(tmp_path)


# Anything else


@pytest.mark.parametrize("name", ["absent", "absent.npz", "file.txt", "absent.csv"])
def test_what_is_no_data_set_gets_the_forms_listed(tmp_path: Path, name: str) -> None:
    if name.startswith("file"):
        (tmp_path / name).write_text("5,0,0,0\n")
    message = refusal(tmp_path / name)
    assert "is not a data set: give a folder with the four IDX files" in message
    assert ".npz" in message
    assert "train/<label>/*.png" in message


def test_an_empty_folder_gets_the_forms_listed(tmp_path: Path) -> None:
    assert "train/<label>/*.png" in refusal(tmp_path)


def test_a_hidden_folder_is_no_class(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path, ["a", "b"])
    (folder / "train" / ".ipynb_checkpoints").mkdir()
    assert load(folder).labels == ("a", "b")
