"""Keras files and SavedModels that ask for much memory before TensorFlow is loaded."""

import zipfile
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

from benchmarks.hostile.documents import repeated
from benchmarks.lib.paths import ROOT

Make = Callable[[Path], object]
MODEL = ROOT / "models" / "nano" / "model.keras"
ZEROS = bytes(10**7)


def bomb(path: Path, member: str, start: bytes = b"", told: int | None = None) -> None:
    """The shipped model with a member that unpacks to 2.3 GB. `told` is the size that the archive claims."""
    with zipfile.ZipFile(MODEL) as original, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new:
        for name in original.namelist():
            if name != member:
                new.writestr(name, original.read(name))
        with new.open(member, "w", force_zip64=True) as file:
            file.write(start)
            for _ in range(230):
                file.write(ZEROS)
        if told is not None:
            new.getinfo(member).file_size = told


def members(path: Path, count: int) -> None:
    """An archive of so many empty members."""
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(count):
            archive.writestr(zipfile.ZipInfo(f"{number}"), b"")


def nested(path: Path) -> None:
    """A configuration of lists in lists, within the size that is read."""
    with zipfile.ZipFile(MODEL) as original, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in original.namelist():
            new.writestr(name, b"[" * 10**7 if name == "config.json" else original.read(name))


def hdf5(path: Path, chunk: int | None, shape: tuple[int, ...] = (600_000_000,)) -> None:
    """An HDF5 file with an array of 2.4 GB of which nothing is stored, or each chunk compressed."""
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = "{}"
        if chunk is None:
            file.create_dataset("kernel", shape, "f4", fillvalue=0)
            return
        array = file.create_dataset("kernel", shape, "f4", chunks=(chunk,), compression="gzip")
        for start in range(0, shape[0], chunk):
            array[start : start + chunk] = 0


def attribute(path: Path) -> None:
    """An HDF5 file whose configuration is a text of 1 GB."""
    import h5py

    with h5py.File(path, "w", libver="latest") as file:
        file.attrs["model_config"] = "x" * 10**9


def groups(path: Path, count: int) -> None:
    """An HDF5 file of so many groups."""
    import h5py

    with h5py.File(path, "w", libver="latest") as file:
        file.attrs["model_config"] = "{}"
        for number in range(count):
            file.create_group(f"{number}")


def saved_model(path: Path, item: bytes, count: int) -> None:
    """A SavedModel whose graph's file is one field, many times."""
    path.mkdir()
    (path / "variables").mkdir()
    repeated(path / "saved_model.pb", b"", item, count, b"")


def _archives() -> Iterable[tuple[str, tuple[str, Make]]]:
    for member in ("config.json", "model.weights.h5", "metadata.json", "assets/words.txt"):
        yield f".keras, {member} of 2.3 GB", ("m.keras", partial(bomb, member=member))
    yield ".keras, config.json of 2.3 GB that it denies", ("m.keras", partial(bomb, member="config.json", told=1_000))
    yield ".keras, weights of 2.3 GB that it denies", ("m.keras", partial(bomb, member="model.weights.h5", told=1_000))
    yield ".keras, 100,000 members", ("m.keras", partial(members, count=100_000))
    yield ".keras, 10,000,000 lists in lists", ("m.keras", nested)


MADE: Mapping[str, tuple[str, Make]] = {
    **dict(_archives()),
    ".h5, an array of 2.4 GB, not stored": ("m.h5", partial(hdf5, chunk=None)),
    ".h5, an array of 2.4 GB, compressed": ("m.h5", partial(hdf5, chunk=10_000_000)),
    ".h5, a configuration of 1 GB": ("m.h5", attribute),
    ".h5, 200,000 groups": ("m.h5", partial(groups, count=200_000)),
    "SavedModel, 100,000,000 empty graphs": ("m", partial(saved_model, item=b"\x12\0", count=100_000_000)),
    "SavedModel, 2.1 GB": ("m", partial(saved_model, item=bytes(21), count=100_000_000)),
}
