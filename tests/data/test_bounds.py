"""What a small file may take of memory, measured in a process of its own, and which archives are refused."""

import gzip
import shutil
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from PIL import Image

from edgecnn.data import Dataset, load
from edgecnn.errors import DataError

MOST_MEMORY = 400_000_000  # bytes
ZEROS = bytes(100_000_000)
PACKED = gzip.compress(ZEROS)
PEAK = """
import resource, sys
from pathlib import Path
from edgecnn.data import load
from edgecnn.errors import EdgecnnError
for path in sys.argv[1:]:
    try:
        load(path)
        sys.exit(f"{path} was read")
    except EdgecnnError:
        pass
status = Path("/proc/self/status")  # on Linux, ru_maxrss counts the memory of the process that started this one
if status.exists():
    print(1024 * int(status.read_text().split("VmHWM:")[1].split()[0]))
else:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def gzip_bomb(head: bytes) -> bytes:
    """A gigabyte in one megabyte: gzip allows several streams in one file."""
    return gzip.compress(head) + PACKED * 10


def idx_head(*shape: int) -> bytes:
    return bytes([0, 0, 8, len(shape)]) + b"".join(struct.pack(">I", size) for size in shape)


def idx_folder(folder: Path, images: bytes) -> Path:
    folder.mkdir()
    for name in ("train", "t10k"):
        (folder / f"{name}-images-idx3-ubyte.gz").write_bytes(images)
        (folder / f"{name}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx_head(2) + b"\0\1"))
    return folder


def npz_bomb(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name in ("x_train", "y_train", "x_test", "y_test"):
            with archive.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array_header_1_0(
                    member, {"descr": "|u1", "fortran_order": False, "shape": (200, 1000, 1000)}
                )
                for _ in range(2):
                    member.write(ZEROS)
    return path


def tables(folder: Path) -> list[Path]:
    """One long row, many rows, one picture repeated by a dictionary, and lists of zeros."""
    row = b"1," + b",".join([b"0"] * 784) + b"\n"
    (folder / "row.csv.gz").write_bytes(gzip_bomb(b""))
    (folder / "rows.csv.gz").write_bytes(gzip.compress(row * 20_000) * 75)
    picture = np.random.default_rng(0).bytes(500_000)
    labels = pyarrow.array([0, 1] * 5_000)
    repeated = pyarrow.DictionaryArray.from_arrays(np.zeros(600, np.int32), [picture]).cast(pyarrow.binary())
    pyarrow.parquet.write_table(pyarrow.table({"image": repeated, "label": labels[:600]}), folder / "a.parquet")
    zeros = pyarrow.FixedSizeListArray.from_arrays(np.zeros(10_000 * 28 * 280, np.uint8), 28 * 280)
    pyarrow.parquet.write_table(pyarrow.table({"image": zeros, "label": labels}), folder / "b.parquet")
    return [folder / name for name in ("row.csv.gz", "rows.csv.gz", "a.parquet", "b.parquet")]


def pictures(folder: Path) -> Path:
    """Pictures of one color, each of 1 MB from 1 kB."""
    for number in range(300):
        path = folder / str(number % 2) / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        if number:
            shutil.copy(folder / "0" / "0.png", path)
        else:
            Image.new("L", (1000, 1000), 255).save(path)
    return folder


def test_a_small_file_that_would_become_gigabytes_takes_little_memory(tmp_path: Path) -> None:
    honest = idx_folder(tmp_path / "honest", gzip_bomb(idx_head(1000, 1000, 1000)))
    lying = idx_folder(tmp_path / "lying", gzip_bomb(idx_head(2, 28, 28)))
    bombs = [honest, lying, npz_bomb(tmp_path / "bomb.npz"), *tables(tmp_path), pictures(tmp_path / "pictures")]
    measured = subprocess.run([sys.executable, "-c", PEAK, *bombs], capture_output=True, text=True, check=False)
    assert measured.returncode == 0, measured.stderr
    assert int(measured.stdout) < MOST_MEMORY


def duplicate(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("x_train.npy", archive.read("x_train.npy"))


def encrypt(path: Path) -> None:
    """Set the flag in the archive's own directory, which is what is read first."""
    content = path.read_bytes()
    at = content.index(b"PK\1\2") + 8
    path.write_bytes(content[:at] + b"\1" + content[at + 1 :])


def shrink(path: Path) -> None:
    """An array's header announces fewer images than there are."""
    content = path.read_bytes()
    path.write_bytes(content.replace(b"(24, 28, 28)", b"(12, 28, 28)"))


@pytest.mark.parametrize("damage", [duplicate, encrypt, shrink])
def test_an_archive_that_numpy_did_not_write_is_refused(
    tmp_path: Path, mnist: Dataset, damage: Callable[[Path], None]
) -> None:
    path = tmp_path / "data.npz"
    images, labels = mnist.test.images[:24], mnist.test.labels[:24]
    np.savez(path, x_train=images, y_train=labels, x_test=images, y_test=labels)
    load(path)
    damage(path)
    with pytest.raises(DataError, match=r"data\.npz .*: save it again with numpy\.savez"):
        load(path)


def test_images_too_large_for_a_data_set_are_refused_at_the_first(tmp_path: Path) -> None:
    """Whatever they pack to: a folder of them would take gigabytes, and no network here takes them."""
    for number in range(4):
        path = tmp_path / str(number % 2) / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.effect_noise((1100, 1000), 50).save(path)
    with pytest.raises(DataError, match=r"0\.png has more than 1,048,576 pixels: resize all images"):
        load(tmp_path)
