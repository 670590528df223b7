"""What a small file may take of memory, measured in a process of its own, and which archives are refused."""

import gzip
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgecnn.data import Dataset, load
from edgecnn.errors import DataError

MOST_MEMORY = 400_000_000  # bytes
ZEROS = bytes(100_000_000)
PEAK = """
import resource, sys
from edgecnn.data import load
from edgecnn.errors import EdgecnnError
for path in sys.argv[1:]:
    try:
        load(path)
        sys.exit(f"{path} was read")
    except EdgecnnError:
        pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024))
"""


def gzip_bomb(head: bytes) -> bytes:
    """Three gigabytes in three megabytes: gzip allows several streams in one file."""
    return gzip.compress(head) + gzip.compress(ZEROS) * 30


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


def test_a_small_file_that_would_become_gigabytes_takes_little_memory(tmp_path: Path) -> None:
    honest = idx_folder(tmp_path / "honest", gzip_bomb(idx_head(3000, 1000, 1000)))
    lying = idx_folder(tmp_path / "lying", gzip_bomb(idx_head(2, 28, 28)))
    bombs = [honest, lying, npz_bomb(tmp_path / "bomb.npz")]
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
