"""The forms of data sets that are read, in one table, and the search for one of them in a folder."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgecnn.data import folders, idx_folder, tables
from edgecnn.data.csv import is_csv
from edgecnn.data.npz import read_npz
from edgecnn.data.parquet import is_parquet
from edgecnn.data.parts import Parts
from edgecnn.errors import DataError
from edgecnn.imaging.names import is_left_behind

DEEPEST = 3  # torchvision's root/MNIST/raw, and a folder around it


@dataclass(frozen=True)
class Form:
    """One form: how a path to it is recognized, without much reading, and how it is read."""

    recognizes: Callable[[Path], bool]
    read: Callable[[Path], Parts]


# The first that recognizes a path reads it.
FORMS = (
    Form(tables.names_file(tables.is_npz), read_npz),
    Form(tables.names_file(is_csv), tables.read_csv_file),
    Form(tables.names_file(is_parquet), tables.read_parquet_file),
    Form(folders.has_splits, folders.read_splits),
    Form(idx_folder.has_idx_files, idx_folder.read_idx_folder),
    Form(tables.names_files_in(is_csv), tables.read_csv_folder),
    Form(tables.names_files_in(is_parquet), tables.read_parquet_folder),
    Form(tables.names_files_in(tables.is_npz), tables.read_npz_folder),
    Form(folders.has_classes, folders.read_classes),
)
KNOWN = (
    "a folder with the four IDX files, an .npz file with x_train, y_train, x_test and y_test, a .csv or .parquet file "
    "with labels, or a folder of train/<label>/*.png and test/<label>/*.png"
)
CURES = {
    (".zip", ".tar", ".tgz", ".tar.gz", ".7z", ".rar"): "unpack it, and give the folder",
    (".npy",): "it holds one array; save images and labels with numpy.savez as x_train, y_train, x_test and y_test",
    (".mat", ".pkl", ".pickle", ".pt", ".pth", ".h5", ".hdf5", ".tfrecord", ".arff"): "save its arrays with "
    "numpy.savez as x_train, y_train, x_test and y_test",
}


def read_parts(path: Path) -> Parts:
    """What a data set holds. Raises DataError if the path is not one, or holds several; ImageError for a picture."""
    found = _find(path, DEEPEST)
    if not found:
        raise DataError(f"{path} is not a data set: {_cure(path)}")
    if len(found) > 1:
        places = ", ".join(str(place) for place, _ in found[:4])
        raise DataError(f"{path} holds {len(found)} data sets: give one of {places}")
    place, form = found[0]
    return form.read(place)


def _find(path: Path, depth: int) -> Sequence[tuple[Path, Form]]:
    """The data set at a path, or those in the folders below."""
    form = next((form for form in FORMS if form.recognizes(path)), None)
    if form:
        return [(path, form)]
    if not depth or not path.is_dir():
        return []
    inside = sorted(item for item in path.iterdir() if item.is_dir() and not is_left_behind(item.name))
    return [found for item in inside for found in _find(item, depth - 1)]


def _cure(path: Path) -> str:
    name = path.name.lower()
    cures = [cure for suffixes, cure in CURES.items() if path.is_file() and name.endswith(suffixes)]
    return cures[0] if cures else f"give {KNOWN}"
