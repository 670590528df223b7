"""Data sets that hold code, that reach for other files, or that act on what reads the results."""

import gzip
import io
import os
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
from payloads.catalogue import Place, digit, payload
from payloads.in_pictures import Runs

TRAIN = "train --recipe nano --epochs 1 --out out --data {}"


def arrays(count: int = 40) -> dict[str, "np.ndarray[tuple[int, ...], np.dtype[np.generic]]"]:
    """Noise, as many images to train with as to test."""
    images = np.random.default_rng(0).integers(0, 255, (count, 28, 28), np.uint8)
    labels = np.arange(count) % 10
    return {"x_train": images, "y_train": labels, "x_test": images, "y_test": labels}


def as_npy(array: object) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)  # type: ignore[arg-type]
    return file.getvalue()


def objects(place: Place) -> "np.ndarray[tuple[int], np.dtype[np.object_]]":
    return np.array([Runs(place.marker)] * 40, object)


@payload(TRAIN.format("data.npz"), says="data.npz")
def pickled_images_in_an_npz(at: Path, place: Place) -> None:
    np.savez(at / "data.npz", allow_pickle=True, **arrays() | {"x_train": objects(place)})


@payload(TRAIN.format("data.npz"), says="data.npz")
def pickled_labels_in_an_npz(at: Path, place: Place) -> None:
    np.savez(at / "data.npz", allow_pickle=True, **arrays() | {"y_test": objects(place)})


@payload(TRAIN.format("data.npz"), says="data.npz")
def a_pickle_named_npz(at: Path, place: Place) -> None:
    (at / "data.npz").write_bytes(pickle.dumps(Runs(place.marker)))


@payload(TRAIN.format("data.npy"), says="data.npy")
def a_pickled_array(at: Path, place: Place) -> None:
    (at / "data.npy").write_bytes(as_npy(objects(place)))


@payload(TRAIN.format("data.npz"), says="data.npz")
def code_in_the_header_of_an_array(at: Path, place: Place) -> None:
    code = f"{{'descr': open({str(place.marker)!r}, 'w'), 'fortran_order': False, 'shape': (40,)}}\n".encode()
    with zipfile.ZipFile(at / "data.npz", "w") as archive:
        for name, array in arrays().items():
            if name != "y_test":
                archive.writestr(f"{name}.npy", as_npy(array))
        archive.writestr("y_test.npy", b"\x93NUMPY\1\0" + struct.pack("<H", len(code)) + code)


@payload(TRAIN.format("idx"), says="idx")
def a_gzip_bomb_as_images(at: Path, place: Place) -> None:
    (at / "idx").mkdir()
    for name in ("train", "t10k"):
        with gzip.open(at / "idx" / f"{name}-images-idx3-ubyte.gz", "wb", 9) as file:
            file.write(struct.pack(">IIII", 0x803, 10, 28, 28) + bytes(10**7))
        with gzip.open(at / "idx" / f"{name}-labels-idx1-ubyte.gz", "wb", 9) as file:
            file.write(struct.pack(">II", 0x801, 10) + bytes(10))


@payload(TRAIN.format("data.csv"), says="no class has two images", looks=True)
def a_table_that_is_a_secret(at: Path, place: Place) -> None:
    (at / "data.csv").symlink_to(place.secret / "secret.csv")


@payload(TRAIN.format("data.csv"), says="data.csv")
def a_table_with_formulas_in_the_place_of_pixels(at: Path, place: Place) -> None:
    row = ",".join(["=cmd|' /C calc'!A0"] * 785)
    (at / "data.csv").write_text("\n".join([row] * 20))


@payload(TRAIN.format("/dev/zero"), TRAIN.format("pipe"), says="")
def devices_and_pipes(at: Path, place: Place) -> None:
    os.mkfifo(at / "pipe")


@payload(TRAIN.format("pictures"), says="pictures")
def pictures_that_are_programs(at: Path, place: Place) -> None:
    for part in ("train", "test"):
        for label in ("$(touch marker)", "; rm -rf ~"):
            folder = at / "pictures" / part / label
            folder.mkdir(parents=True)
            digit(folder / "1.png")
            (folder / "2.png").write_text(f"%!PS\n({place.marker}) (w) file closefile\n")


def save(table: Any, folder: Path) -> None:
    folder.mkdir()
    for part in ("train", "test"):
        pyarrow.parquet.write_table(table, folder / f"{part}.parquet")


def parquet(at: Path, column: object) -> None:
    save(pyarrow.table({"image": column, "label": list(range(10)) * 4}), at / "data")


@payload(TRAIN.format("data"), says="")
def a_parquet_of_paths_to_secrets(at: Path, place: Place) -> None:
    parquet(at, [{"bytes": None, "path": str(place.secret / "digit.png")}] * 40)


@payload(TRAIN.format("data"), says="")
def a_parquet_of_addresses(at: Path, place: Place) -> None:
    parquet(at, [{"bytes": None, "path": f"{place.address}.png"}] * 40)


@payload(TRAIN.format("data"), says="")
def cve_2023_47248_a_parquet_with_a_pickled_type(at: Path, place: Place) -> None:
    """pyarrow before 14.0.1 unpickled the types that a file's schema names."""
    kind = {b"ARROW:extension:name": b"arrow.py_extension_type"}
    kind[b"ARROW:extension:metadata"] = pickle.dumps(Runs(place.marker))
    field = pyarrow.field("image", pyarrow.binary(), metadata=kind)
    schema = pyarrow.schema([field, ("label", pyarrow.int64())])
    table = pyarrow.table([[b"\x80\4."] * 40, list(range(10)) * 4], schema=schema)
    save(table, at / "data")


@payload(f"{TRAIN.format('few.npz')} --resume", says="checkpoint.npz")
def a_pickled_checkpoint(at: Path, place: Place) -> None:
    np.savez(at / "few.npz", **arrays())  # type: ignore[arg-type]
    (at / "out").mkdir()
    np.savez(at / "out" / "checkpoint.npz", allow_pickle=True, state=objects(place), v0=objects(place))
