"""The forms in which people have their data: each is read right, pixel by pixel, or refused with the cure."""

import csv
import gzip
import io
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from numpy.typing import NDArray
from PIL import Image
from test_idx import encode

from edgecnn.data import Dataset, load
from edgecnn.errors import EdgecnnError
from edgecnn.imaging import decoding, reading

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True)
class Digits:
    """Real images in the order in which folders hold them: by class. Labels count from 0 to 4."""

    x: Array
    y: Array
    x_test: Array
    y_test: Array


@pytest.fixture(scope="module")
def digits(mnist: Dataset) -> Digits:
    def some(split: Any, count: int) -> tuple[Array, Array]:
        places = np.concatenate([np.flatnonzero(split.labels == label)[:count] for label in range(5)])
        return split.images[places], split.labels[places]

    return Digits(*some(mnist.train, 12), *some(mnist.test, 4))


def without_test(digits: Digits) -> Digits:
    """What the rule for data without test images makes of the training images."""
    chosen = np.arange(60) % 12 % 6 == 1  # each class has 12 images
    return Digits(digits.x[~chosen], digits.y[~chosen], digits.x[chosen], digits.y[chosen])


def check(dataset: Dataset, expected: Digits, names: Sequence[str], *, validation: bool = False) -> None:
    """Every image is there with its pixels and its label."""
    held_out = np.arange(len(expected.y)) % 12 == 0 if not validation else np.zeros(len(expected.y), bool)
    for split, images, labels in (
        (dataset.train, expected.x[~held_out], expected.y[~held_out]),
        (dataset.test, expected.x_test, expected.y_test),
    ):
        np.testing.assert_array_equal(split.images if split.images.ndim == 3 else split.images[..., 1], images)
        np.testing.assert_array_equal(split.labels, labels)
    assert dataset.labels == tuple(names)
    if validation:
        np.testing.assert_array_equal(dataset.validation.images, expected.x_test)


# Writers of single files


def idx_files(
    folder: Path, d: Digits, style: str = "{}-{}-{}-ubyte", test: str = "t10k", *, nest: bool = False
) -> Path:
    for split, kind, array in (
        ("train", "images", d.x),
        ("train", "labels", d.y),
        (test, "images", d.x_test),
        (test, "labels", d.y_test),
    ):
        name = style.format(split, kind, "idx3" if kind == "images" else "idx1")
        path = folder / name / name if nest else folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = encode(array.astype(np.uint8))
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return folder


def rows(images: Array, labels: Iterable[object], *, last: bool = False) -> list[list[object]]:
    pixels: list[list[object]] = images.reshape(len(images), -1).tolist()
    return [[*row, label] if last else [label, *row] for row, label in zip(pixels, labels, strict=True)]


HEADING = ["label", *(f"pixel{number}" for number in range(784))]


def table(path: Path, lines: Sequence[Sequence[object]], delimiter: str = ",", **how: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, **how).writerows(lines)
    content = text.getvalue().encode("utf-8-sig" if "sig" in path.name else "utf-8")
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def npz(path: Path, **arrays: Array) -> Path:
    np.savez_compressed(path, allow_pickle=False, **arrays)
    return path


def keras(path: Path, d: Digits, change: Callable[[Array], Array], labels: Callable[[Array], Array] = np.array) -> Path:
    return npz(path, x_train=change(d.x), y_train=labels(d.y), x_test=change(d.x_test), y_test=labels(d.y_test))


def pictures(folder: Path, images: Array, labels: Array, suffix: str = ".png", mode: str = "L") -> Path:
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = folder / str(label) / f"{number:03}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).convert(mode).save(path)
    return folder


def splits(folder: Path, d: Digits, train: str = "train", test: str = "test", **how: Any) -> Path:
    pictures(folder / train, d.x, d.y, **how)
    pictures(folder / test, d.x_test, d.y_test, **how)
    return folder


def png(image: Array) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def parquet(path: Path, images: Array, labels: Iterable[object], names: Sequence[str] = ()) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = [{"bytes": png(image), "path": None} for image in images]
    written = pyarrow.table({"image": content, "label": list(labels)})
    if names:
        listed = ", ".join(f'"{name}"' for name in names)
        text = f'{{"info": {{"features": {{"label": {{"names": [{listed}], "_type": "ClassLabel"}}}}}}}}'
        written = written.replace_schema_metadata({"huggingface": text})
    pyarrow.parquet.write_table(written, path)
    return path


def npy(array: Array) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def other_table() -> bytes:
    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"a": [1]}), file)
    return file.getvalue()


def raw(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


# Forms that are read. Each writes the data below a folder and returns the path to give.

Write: TypeAlias = Callable[[Path, Digits], Path]


def within(folder: Path, *_written: object) -> Path:
    """The folder of what was written."""
    return folder


WITH_TEST: dict[str, Write] = {}
WITHOUT_TEST: dict[str, Write] = {}
AS_VALIDATION: dict[str, Write] = {}
NAMES: dict[str, Sequence[str]] = {}


def hot(labels: Array) -> Array:
    return np.eye(5, dtype=np.float32)[labels]


def letters(labels: Array) -> Array:
    return np.array(list("abcde"))[labels]


WITH_TEST |= {
    "IDX, Safari's names": lambda at, d: idx_files(at, d, "{}-{}.{}-ubyte"),
    "IDX, named by folders too": lambda at, d: idx_files(at, d, nest=True),
    "IDX, torchvision's root": lambda at, d: within(at, idx_files(at / "MNIST" / "raw", d)),
    "IDX, torchvision's raw folder": lambda at, d: idx_files(at / "MNIST" / "raw", d),
    "IDX, packed and unpacked": lambda at, d: within(at, idx_files(at, d, "{}-{}-{}-ubyte.gz"), idx_files(at, d)),
    "IDX, macOS's other halves": lambda at, d: within(
        at, idx_files(at, d), (at / "._train-images-idx3-ubyte").write_bytes(b"\0\5\x16\7")
    ),
    "IDX, EMNIST's digits": lambda at, d: idx_files(
        at,
        Digits(d.x.swapaxes(1, 2), d.y, d.x_test.swapaxes(1, 2), d.y_test),
        "emnist-digits-{}-{}-{}-ubyte.gz",
        "test",
    ),
    "CSV, Kaggle's folder": lambda at, d: within(
        at,
        table(at / "train.csv", [HEADING, *rows(d.x, d.y)]),
        table(at / "test.csv", [HEADING, *rows(d.x_test, d.y_test)]),
        table(at / "sample_submission.csv", [["ImageId", "Label"], [1, 0]]),
    ),
    "CSV, no heading": lambda at, d: within(
        at, table(at / "mnist_train.csv", rows(d.x, d.y)), table(at / "mnist_test.csv", rows(d.x_test, d.y_test))
    ),
    "CSV, gzipped": lambda at, d: within(
        at,
        table(at / "train.csv.gz", [HEADING, *rows(d.x, d.y)]),
        table(at / "test.csv.gz", [HEADING, *rows(d.x_test, d.y_test)]),
    ),
    "npz, Keras's names": lambda at, d: keras(at / "a.npz", d, np.array),
    "npz, alone in a folder": lambda at, d: within(at, keras(at / "mnist.npz", d, np.array)),
    "npz, floats to 1": lambda at, d: keras(at / "a.npz", d, lambda x: (x / 255).astype(np.float32)),
    "npz, half floats to 1": lambda at, d: keras(at / "a.npz", d, lambda x: (x / 255).astype(np.float16)),
    "npz, floats to 255": lambda at, d: keras(at / "a.npz", d, lambda x: x.astype(np.float64)),
    "npz, wide integers": lambda at, d: keras(at / "a.npz", d, lambda x: x.astype(np.int64)),
    "npz, flat": lambda at, d: keras(at / "a.npz", d, lambda x: x.reshape(-1, 784)),
    "npz, channels first": lambda at, d: keras(at / "a.npz", d, lambda x: x[:, None]),
    "npz, color channels first": lambda at, d: keras(at / "a.npz", d, lambda x: np.stack([x] * 3, 1)),
    "npz, flat floats in one-hot classes": lambda at, d: keras(
        at / "a.npz", d, lambda x: (x / 255).reshape(-1, 784), hot
    ),
    "npz, labels in a column": lambda at, d: keras(at / "a.npz", d, np.array, lambda y: y[:, None]),
    "npz, float labels": lambda at, d: keras(at / "a.npz", d, np.array, lambda y: y.astype(np.float32)),
    "npz, numbers as text": lambda at, d: keras(at / "a.npz", d, np.array, lambda y: y.astype(str)),
    "npz, words": lambda at, d: keras(at / "a.npz", d, np.array, letters),
    "npz, bytes": lambda at, d: keras(at / "a.npz", d, np.array, lambda y: letters(y).astype("S")),
    "npz, other names": lambda at, d: npz(
        at / "a.npz", trainX=d.x, trainY=d.y, testX=d.x_test, testY=d.y_test, more=np.arange(3)
    ),
    "folders": splits,
    "folders, capital": lambda at, d: splits(at, d, "Train", "Test"),
    "folders, training and testing": lambda at, d: splits(at, d, "training", "testing"),
    "folders, one folder further in": lambda at, d: within(at, splits(at / "mnist_png", d)),
    "folders, colored": lambda at, d: splits(at, d, mode="RGB"),
    "folders, transparent": lambda at, d: splits(at, d, mode="LA"),
    "folders, capital suffix": lambda at, d: splits(at, d, suffix=".PNG"),
    "folders, files that programs leave": lambda at, d: leave_files(splits(at, d)),
    "folders, an empty class": lambda at, d: within(at, splits(at, d), raw(at / "train" / "9" / ".keep", b"")),
    "Parquet, Hugging Face's folder": lambda at, d: within(
        at,
        parquet(at / "data" / "train-00000-of-00002.parquet", d.x[:30], d.y[:30]),
        parquet(at / "data" / "train-00001-of-00002.parquet", d.x[30:], d.y[30:]),
        parquet(at / "data" / "test-00000-of-00001.parquet", d.x_test, d.y_test),
    ),
    "Parquet, named classes": lambda at, d: within(
        at,
        parquet(at / "train.parquet", d.x, d.y, list("abcde")),
        parquet(at / "test.parquet", d.x_test, d.y_test, list("abcde")),
    ),
    "IDX, EMNIST's letters": lambda at, d: within(
        at,
        idx_files(
            at,
            Digits(d.x.swapaxes(1, 2), d.y + 1, d.x_test.swapaxes(1, 2), d.y_test + 1),
            "emnist-letters-{}-{}-{}-ubyte",
            "test",
        ),
    ),
    "IDX, EMNIST's mapping": lambda at, d: within(
        at,
        idx_files(
            at,
            Digits(d.x.swapaxes(1, 2), d.y, d.x_test.swapaxes(1, 2), d.y_test),
            "emnist-balanced-{}-{}-{}-ubyte",
            "test",
        ),
        (at / "emnist-balanced-mapping.txt").write_text("0 97\n1 98\n2 99\n3 100\n4 101\n"),
    ),
    "IDX, one of EMNIST's sets": lambda at, d: within(
        at / "emnist-mnist",
        idx_files(at, d, "emnist-byclass-{}-{}-{}-ubyte", "test"),
        idx_files(
            at,
            Digits(d.x.swapaxes(1, 2), d.y, d.x_test.swapaxes(1, 2), d.y_test),
            "emnist-mnist-{}-{}-{}-ubyte",
            "test",
        ),
    ),
}
WITHOUT_TEST |= {
    "CSV, a heading": lambda at, d: table(at / "train.csv", [HEADING, *rows(d.x, d.y)]),
    "CSV, Kaggle's test file without labels": lambda at, d: within(
        at,
        table(at / "train.csv", [HEADING, *rows(d.x, d.y)]),
        table(at / "test.csv", [HEADING[1:], *d.x_test.reshape(-1, 784).tolist()]),
    ),
    "CSV, label last": lambda at, d: table(at / "a.csv", [[*HEADING[1:], "class"], *rows(d.x, d.y, last=True)]),
    "CSV, label last without a heading": lambda at, d: table(at / "a.csv", rows(d.x, d.y, last=True)),
    "CSV, semicolons": lambda at, d: table(at / "a.csv", [HEADING, *rows(d.x, d.y)], ";"),
    "CSV, tabs": lambda at, d: table(at / "a.tsv", rows(d.x, d.y), "\t"),
    "CSV, quoted": lambda at, d: table(at / "a.csv", [HEADING, *rows(d.x, d.y)], quoting=csv.QUOTE_ALL),
    "CSV, Excel's mark": lambda at, d: table(at / "sig.csv", [HEADING, *rows(d.x, d.y)]),
    "CSV, pandas's index": lambda at, d: table(
        at / "a.csv", [["", *HEADING], *([n, *row] for n, row in enumerate(rows(d.x, d.y)))]
    ),
    "CSV, pandas's numbers for names": lambda at, d: table(at / "a.csv", [list(range(785)), *rows(d.x, d.y)]),
    "CSV, floats": lambda at, d: table(at / "a.csv", [HEADING, *rows(d.x / 255, d.y)]),
    "CSV, words": lambda at, d: table(at / "a.csv", rows(d.x, letters(d.y))),
    "npz, images and labels": lambda at, d: npz(at / "a.npz", images=d.x, labels=d.y),
    "npz, x and y": lambda at, d: npz(at / "a.npz", X=d.x, y=d.y),
    "folders, one per class": lambda at, d: pictures(at, d.x, d.y),
    "folders, one per class, further in": lambda at, d: within(at, pictures(at / "digits", d.x, d.y)),
    "folders, train alone": lambda at, d: within(at, pictures(at / "train", d.x, d.y)),
    "Parquet, one file": lambda at, d: parquet(at / "digits.parquet", d.x, d.y),
    "Parquet, words": lambda at, d: parquet(at / "digits.parquet", d.x, letters(d.y).tolist()),
}
AS_VALIDATION |= {
    "npz, MedMNIST's names": lambda at, d: npz(
        at / "pathmnist.npz",
        **{"train_images": d.x, "train_labels": d.y[:, None], "val_images": d.x_test, "val_labels": d.y_test[:, None]},
        **{"test_images": d.x_test, "test_labels": d.y_test[:, None]},
    ),
    "npz, Keras's names and x_val": lambda at, d: npz(
        at / "a.npz", x_train=d.x, y_train=d.y, x_test=d.x_test, y_test=d.y_test, x_val=d.x_test, y_val=d.y_test
    ),
    **{
        f"folders, {name}": lambda at, d, name=name: within(at, splits(at, d), pictures(at / name, d.x_test, d.y_test))  # type: ignore[misc]
        for name in ("val", "valid", "Validation")
    },
    "CSV, three files": lambda at, d: within(
        at,
        table(at / "train.csv", rows(d.x, d.y)),
        table(at / "valid.csv", rows(d.x_test, d.y_test)),
        table(at / "test.csv", rows(d.x_test, d.y_test)),
    ),
}
WORDS = [form for form in (*WITH_TEST, *WITHOUT_TEST) if "words" in form or "named classes" in form]
NAMES |= dict.fromkeys([*WORDS, "npz, bytes", "IDX, EMNIST's mapping"], "abcde")
NAMES |= {"IDX, EMNIST's letters": "ABCDE"}


def leave_files(folder: Path) -> Path:
    for place in ("train/0", "test/1"):
        (folder / place / "._000.png").write_bytes(b"\0\5\x16\7")
        for name in (".DS_Store", "Thumbs.db", "desktop.ini"):
            (folder / place / name).write_bytes(b"x")
    for place in ("train/__MACOSX/0", "train/@eaDir", "train/0/@eaDir", "test/.ipynb_checkpoints"):
        (folder / place).mkdir(parents=True)
        shutil.copy(next((folder / "train" / "1").glob("0*.png")), folder / place / "thumb.png")
    return folder


@pytest.mark.parametrize("form", WITH_TEST)
def test_a_form_with_test_images_is_read_right(tmp_path: Path, digits: Digits, form: str) -> None:
    check(load(WITH_TEST[form](tmp_path, digits)), digits, NAMES.get(form, "01234"))


@pytest.mark.parametrize("form", WITHOUT_TEST)
def test_a_form_without_test_images_is_split_by_the_rule(tmp_path: Path, digits: Digits, form: str) -> None:
    check(load(WITHOUT_TEST[form](tmp_path, digits)), without_test(digits), NAMES.get(form, "01234"))


@pytest.mark.parametrize("form", AS_VALIDATION)
def test_validation_images_that_are_given_are_used(tmp_path: Path, digits: Digits, form: str) -> None:
    check(load(AS_VALIDATION[form](tmp_path, digits)), digits, "01234", validation=True)


def test_validation_images_without_test_images_stay_what_they_are(tmp_path: Path, digits: Digits) -> None:
    dataset = load(splits(tmp_path, digits, "train", "val"))
    np.testing.assert_array_equal(dataset.validation.images, digits.x_test)
    np.testing.assert_array_equal(dataset.test.images, without_test(digits).x_test)


# Forms that are refused


REFUSED: dict[str, tuple[Write, str]] = {
    "an archive": (lambda at, _: raw(at / "mnist.zip", b"PK\3\4"), "unpack it"),
    "an .npy file": (lambda at, d: raw(at / "a.npy", npy(d.x)), "numpy.savez"),
    "a pickle": (lambda at, _: raw(at / "a.pkl", b"\x80\4."), "numpy.savez"),
    "values from −1 to 1": (lambda at, d: keras(at / "a.npz", d, lambda x: x / 127.5 - 1), "127.5"),
    "values to 16": (lambda at, d: keras(at / "a.npz", d, lambda x: x / 16), "uint8"),
    "16 bits": (lambda at, d: keras(at / "a.npz", d, lambda x: x.astype(np.uint16) * 257), "uint8"),
    "no numbers": (lambda at, d: keras(at / "a.npz", d, lambda x: np.where(x == 0, np.nan, x)), "uint8"),
    "flat color": (lambda at, d: keras(at / "a.npz", d, lambda x: np.stack([x] * 3, 1).reshape(len(x), -1)), "reshape"),
    "several labels": (lambda at, d: keras(at / "a.npz", d, np.array, lambda y: np.ones((len(y), 5))), "one label"),
    "labels between": (lambda at, d: keras(at / "a.npz", d, np.array, lambda y: y + 0.5), "integers"),
    "empty labels": (lambda at, d: table(at / "a.csv", rows(d.x, ["", *d.y[1:]])), "empty label"),
    "unnamed arrays": (lambda at, d: npz(at / "a.npz", arr_0=d.x, arr_1=d.y), "x_train"),
    "two arrays for one": (lambda at, d: npz(at / "a.npz", images=d.x, data=d.x, labels=d.y), "keep one"),
    "CSV without labels": (lambda at, d: table(at / "a.csv", d.x.reshape(-1, 784).tolist()), "no labels"),
    "CSV that is cut": (lambda at, d: table(at / "a.csv", [*rows(d.x, d.y), [1, 2, 3]]), "copy it again"),
    "CSV of other columns": (
        lambda at, _: table(at / "a.csv", [[1, 2, 3, 4, 5, 6, 7], [1, 2, 3, 4, 5, 6, 7]]),
        "square",
    ),
    "CSV with a text for a pixel": (
        lambda at, d: table(at / "a.csv", [*rows(d.x, d.y), [0, "x", *[0] * 783]]),
        "row",
    ),
    "CSV of another text": (lambda at, _: raw(at / "a.csv", b"label,\xff\xfe\n1,2\n"), "UTF-8"),
    "CSV of values to 16": (lambda at, d: table(at / "a.csv", rows(d.x // 16, d.y)), "uint8"),
    "CSV with a very long label": (lambda at, d: table(at / "a.csv", rows(d.x, ["x" * 5000, *d.y[1:]])), "shorter"),
    "CSV with long labels": (
        lambda at, d: table(at / "a.csv", rows(np.repeat(d.x[:, :2, :2], 50, 0), ["x" * 4000, *range(2999)])),
        "shorter",
    ),
    "CSV with a value that is not a number": (
        lambda at, d: table(at / "a.csv", [*rows(d.x, d.y), [0, "nan", *[0] * 783]]),
        "uint8",
    ),
    "empty CSV": (lambda at, _: raw(at / "a.csv", b"\n"), "empty"),
    "CSV of a broken gzip": (lambda at, _: raw(at / "a.csv.gz", gzip.compress(b"1,2\n" * 99)[:-9]), "copy it again"),
    "several data sets": (lambda at, d: within(at, splits(at / "a", d), splits(at / "b", d)), "give one"),
    "both train and Train": (lambda at, d: within(at, splits(at, d), pictures(at / "training", d.x, d.y)), "keep one"),
    "several sets of EMNIST": (
        lambda at, d: within(
            at, idx_files(at, d, "emnist-digits-{}-{}-{}", "test"), idx_files(at, d, "emnist-mnist-{}-{}-{}", "test")
        ),
        "emnist-digits",
    ),
    "a mapping that lacks a label": (
        lambda at, d: within(
            at, idx_files(at, d, "emnist-balanced-{}-{}-{}", "test"), raw(at / "emnist-balanced-mapping.txt", b"0 48\n")
        ),
        "mapping",
    ),
    "a class of unread pictures": (
        lambda at, d: within(at, splits(at, d), raw(at / "train" / "9" / "a.heic", b"x")),
        "PNG",
    ),
    "a class without training pictures": (
        lambda at, d: within(at, splits(at, d), pictures(at / "test", d.x[:1], np.array([7]))),
        "add it to train",
    ),
    "Parquet without pictures": (
        lambda at, _: raw(at / "a.parquet", other_table()),
        "label",
    ),
    "Parquet with long labels": (
        lambda at, d: parquet(at / "a.parquet", np.repeat(d.x[:1], 3000, 0), ["x" * 4000, *map(str, range(2999))]),
        "shorter",
    ),
    "Parquet that is cut": (lambda at, _: raw(at / "a.parquet", b"PAR1" * 9), "copy it again"),
}


@pytest.mark.parametrize("form", REFUSED)
def test_what_cannot_be_read_right_is_refused_with_the_cure(tmp_path: Path, digits: Digits, form: str) -> None:
    write, cure = REFUSED[form]
    path = write(tmp_path, digits)
    with pytest.raises(EdgecnnError) as caught:
        load(path)
    assert cure in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_table_is_the_same_in_any_blocks(tmp_path: Path, digits: Digits, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first rows are dark, the next ones bright, and only the last ones hold a fraction."""
    images = digits.x.astype(float)
    images[0], images[-1, 0, 0] = 0, 0.25
    path = table(tmp_path / "a.csv", rows(images, digits.y))
    expected = load(path)
    monkeypatch.setattr("edgecnn.data.csv.CHARACTERS_AT_ONCE", 3000)
    assert load(path).sha256 == expected.sha256
    np.testing.assert_array_equal(load(path).train.images[-1], expected.train.images[-1])


def test_gray_pictures_are_decoded_once(tmp_path: Path, digits: Digits, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[object] = []

    def decode(undecoded: decoding.Undecoded) -> Image.Image:
        opened.append(undecoded)
        return decoding.decode(undecoded)

    monkeypatch.setattr(reading, "decode", decode)
    load(splits(tmp_path, digits))
    assert len(opened) == 80


def test_the_path_is_recorded_resolved(tmp_path: Path, digits: Digits, monkeypatch: pytest.MonkeyPatch) -> None:
    splits(tmp_path / "digits", digits)
    (tmp_path / "link").symlink_to("digits")
    monkeypatch.chdir(tmp_path)
    assert load("link").name == str((tmp_path / "digits").resolve())


def test_a_class_of_one_image_stays_in_training(tmp_path: Path, digits: Digits) -> None:
    labels = np.array([0] * 59 + [7])
    dataset = load(npz(tmp_path / "a.npz", images=digits.x, labels=labels))
    assert dataset.train.labels.max() == 1
    assert dataset.test.labels.max() == 0
