"""Data sets that ask for much memory: packed bombs, headers that lie, and large ones that do not."""

import gzip
import shutil
import struct
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.hostile import png
from edgecnn.data.load import MNIST_FOLDER

Make = Callable[[Path], object]
MILLIONS = 100  # of zero bytes in a gzip stream that is written several times
ZEROS = bytes(10**6 * MILLIONS)
KEYS = ("x_train", "y_train", "x_test", "y_test")
ROW = b"1," + b",".join([b"0"] * 784) + b"\n"


def bomb(head: bytes = b"", gigabytes: int = 3) -> bytes:
    """Gigabytes of zeros in megabytes: gzip allows several streams in one file."""
    return gzip.compress(head) + gzip.compress(ZEROS) * (10 * gigabytes)


def idx_head(*shape: int, code: int = 8) -> bytes:
    """The start of an IDX file of bytes, or of numbers with another code."""
    return bytes([0, 0, code, len(shape)]) + b"".join(struct.pack(">I", size) for size in shape)


def idx(path: Path, images: bytes, *, suffix: str = ".gz") -> None:
    """A folder of four files, two of them with those images."""
    path.mkdir()
    for name in ("train", "t10k"):
        (path / f"{name}-images-idx3-ubyte{suffix}").write_bytes(images)
        (path / f"{name}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_head(2) + b"\0\1"))


def idx_bomb(path: Path, shape: tuple[int, ...]) -> None:
    """Three gigabytes under a header of that shape."""
    idx(path, bomb(idx_head(*shape)))


def idx_labels(path: Path) -> None:
    """Labels of three gigabytes."""
    idx(path, gzip.compress(idx_head(2, 28, 28) + bytes(2 * 784)))
    (path / "train-labels-idx1-ubyte.gz").write_bytes(bomb(idx_head(3 * 10**9)))


def npz(path: Path, shape: tuple[int, ...], descr: str = "|u1", told: int | None = None) -> None:
    """Four compressed arrays of zeros of that shape and type. `told` is the size that the archive claims."""
    size = int(np.prod(shape)) * np.dtype(descr).itemsize
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name in KEYS:
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                header = {"descr": descr, "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(member, header)
                for start in range(0, size, len(ZEROS)):
                    member.write(ZEROS[: min(len(ZEROS), size - start)])
            if told is not None:
                archive.getinfo(f"{name}.npy").file_size = told


def csv(path: Path, line: bytes, count: int) -> None:
    """One line, many times, gzipped if the name says so."""
    many = max(1, 10**7 // len(line))
    block = gzip.compress(line * many, 1) if path.suffix == ".gz" else line * many
    with path.open("wb") as file:
        for _ in range(-(-count // many)):
            file.write(block)


def csv_line(path: Path, megabytes: int) -> None:
    """One line without an end."""
    csv(path, b"0,", megabytes * 500_000)


def mnist(path: Path, form: str) -> None:
    """The 70,000 images of MNIST, in that form."""
    from edgecnn.data import load

    if form == "idx":
        shutil.copytree(MNIST_FOLDER, path)
        return
    digits = load()
    images = np.concatenate([digits.train.images, digits.validation.images, digits.test.images])
    labels = np.concatenate([digits.train.labels, digits.validation.labels, digits.test.labels])
    if form == "csv":
        table = np.column_stack([labels, images.reshape(len(images), -1)])
        np.savetxt(path, table, "%d", delimiter=",")
    else:
        np.savez(path, x_train=images[:60_000], y_train=labels[:60_000], x_test=images[60_000:], y_test=labels[60_000:])


def parquet(path: Path, kind: str) -> None:
    """A table with one picture repeated by a dictionary, with lists of zeros, or with long texts as labels."""
    import pyarrow
    import pyarrow.parquet

    labels = pyarrow.array([0, 1] * 5_000)
    picture = np.random.default_rng(0).bytes(500_000)
    repeated = pyarrow.DictionaryArray.from_arrays(np.zeros(10_000, np.int32), [picture])
    images = {
        "repeated": lambda: repeated,
        "lists": lambda: pyarrow.FixedSizeListArray.from_arrays(np.zeros(10_000 * 7_840, np.uint8), 7_840),
        "zeros": lambda: pyarrow.array([bytes(200_000)] * 10_000),
        "labels": lambda: pyarrow.array([b"\x89PNG"] * 10_000),
    }[kind]()
    if kind == "labels":
        labels = pyarrow.array(["x" * 200_000] * 10_000)
    table = pyarrow.table({"image": images, "label": labels})
    pyarrow.parquet.write_table(table, path, compression="zstd", write_batch_size=100)


def pictures(path: Path, count: int, side: int, mode: str = "L") -> None:
    """A folder of two classes with pictures of one color."""
    first = path / "0" / "0.png"
    first.parent.mkdir(parents=True)
    (path / "1").mkdir()
    Image.new(mode, (side, side), "white").save(first)
    for number in range(1, count):
        shutil.copy(first, path / str(number % 2) / f"{number}.png")


def huge_picture(path: Path) -> None:
    """A folder with a picture of 60,000,000 × 1 among small ones."""
    pictures(path, 20, 28)
    png.write(path / "1" / "99.png", 60_000_000, 1)


MADE: Mapping[str, tuple[str, Make]] = {
    "MNIST, IDX": ("d", partial(mnist, form="idx")),
    "MNIST, npz": ("d.npz", partial(mnist, form="npz")),
    "MNIST, CSV": ("d.csv", partial(mnist, form="csv")),
    "IDX, 3 GB gzipped, and the header says so": ("d", partial(idx_bomb, shape=(3_000, 1_000, 1_000))),
    "IDX, 3 GB gzipped under a header of 2 images": ("d", partial(idx_bomb, shape=(2, 28, 28))),
    "IDX, labels of 3 GB gzipped": ("d", idx_labels),
    "IDX, a header of 4 TB": ("d", partial(idx, images=idx_head(2**32 - 1, 1_000), suffix="")),
    "npz, 3 GB": ("d.npz", partial(npz, shape=(1_000, 1_000, 1_000))),
    "npz, 3 GB that it denies": ("d.npz", partial(npz, shape=(1_000, 1_000, 1_000), told=10**6)),
    "npz, 60,000 images of float64": ("d.npz", partial(npz, shape=(60_000, 28, 28), descr="<f8")),
    "npz, 200,000,000 labels": ("d.npz", partial(npz, shape=(200_000_000,))),
    "CSV, a line of 200 MB": ("d.csv", partial(csv_line, megabytes=200)),
    "CSV, a line of 3 GB, gzipped": ("d.csv.gz", partial(csv_line, megabytes=3_000)),
    "CSV, 2,000,000 rows, gzipped": ("d.csv.gz", partial(csv, line=ROW, count=2_000_000)),
    "CSV, 20,000,000 rows of one pixel": ("d.csv", partial(csv, line=b"1,2\n", count=20_000_000)),
    "CSV, 40,000,000 empty lines": ("d.csv", partial(csv, line=b"\n", count=40_000_000)),
    "CSV, 60,000 rows with labels of 1 kB": (
        "d.csv",
        partial(csv, line=b"x" * 1_000 + ROW[1:], count=60_000),
    ),
    "Parquet, a picture repeated by a dictionary": ("d.parquet", partial(parquet, kind="repeated")),
    "Parquet, lists of zeros": ("d.parquet", partial(parquet, kind="lists")),
    "Parquet, 2 GB of zeros": ("d.parquet", partial(parquet, kind="zeros")),
    "Parquet, labels of 2 GB": ("d.parquet", partial(parquet, kind="labels")),
    "folder, a picture of 60,000,000 × 1": ("d", huge_picture),
    "folder, 200 pictures of 4 MP": ("d", partial(pictures, count=200, side=2_000)),
    "folder, 200 pictures of 59 MP": ("d", partial(pictures, count=200, side=7_700)),
    "folder, 200 pictures of 4 MP in color": ("d", partial(pictures, count=200, side=2_000, mode="RGB")),
}
