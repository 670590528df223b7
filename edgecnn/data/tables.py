"""Reads one table of a data set, or a folder of them with a table or several per split: CSV, Parquet and arrays."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from edgecnn.data import emnist
from edgecnn.data.csv import is_csv, read_csv
from edgecnn.data.npz import read_npz
from edgecnn.data.parquet import is_parquet, read_parquet
from edgecnn.data.parts import Pair, Parts
from edgecnn.data.roles import SplitName, split_of
from edgecnn.errors import DataError
from edgecnn.imaging.names import is_left_behind

Named = Callable[[Path], bool]


def is_npz(path: Path) -> bool:
    """Whether a file's name is that of an archive of arrays."""
    return path.name.lower().endswith(".npz")


def names_file(named: Named) -> Named:
    """Whether a path is such a file."""
    return lambda path: named(path) and not path.is_dir() and path.exists()


def names_files_in(named: Named) -> Named:
    """Whether a path is a folder with such files."""
    return lambda path: path.is_dir() and bool(_files(path, named))


def read_csv_file(path: Path) -> Parts:
    """The labeled rows of one table, all of them training rows. Raises DataError."""
    pair = read_csv(path)
    if pair is None:
        raise DataError(f"{path} has pixels but no labels: give the file of the training images")
    return emnist.put_right(Parts(pair, typed=False), path)


def read_csv_folder(path: Path) -> Parts:
    """The tables of a folder by the splits that their names tell. A test table without labels does not count."""
    files = {split: _only(path, found) for split, found in _by_split(path, is_csv).items()}
    pairs = {split: pair for split, file in files.items() if (pair := read_csv(file)) is not None}
    if "train" not in pairs:
        raise DataError(f"{files['train']} has pixels but no labels: give a table with both")
    return emnist.put_right(replace(_parts(pairs), typed=False), files["train"])


def read_parquet_file(path: Path) -> Parts:
    """The rows of one table, all of them training rows."""
    return Parts(read_parquet([path]))


def read_parquet_folder(path: Path) -> Parts:
    """The tables of a folder by the splits that their names tell; a split may have several."""
    return _parts({split: read_parquet(files) for split, files in _by_split(path, is_parquet).items()})


def read_npz_folder(path: Path) -> Parts:
    """The one archive in a folder."""
    return read_npz(_only(path, _files(path, is_npz)))


def _parts(pairs: Mapping[SplitName, Pair]) -> Parts:
    return Parts(pairs["train"], pairs.get("test"), pairs.get("validation"))


def _files(path: Path, named: Named) -> list[Path]:
    return sorted(
        item for item in path.iterdir() if not is_left_behind(item.name) and named(item) and not item.is_dir()
    )


def _by_split(path: Path, named: Named) -> dict[SplitName, list[Path]]:
    """The tables of each split. A single table is of training."""
    files = _files(path, named)
    found: dict[SplitName, list[Path]] = {}
    for file in files:
        split = split_of(file.name) or ("train" if len(files) == 1 else None)
        if split:
            found.setdefault(split, []).append(file)
    if "train" not in found:
        raise DataError(f"{path} has no table named train among {', '.join(file.name for file in files[:8])}: name one")
    return found


def _only(path: Path, files: Sequence[Path]) -> Path:
    if len(files) > 1:
        raise DataError(f"{path} has {files[0].name} and {files[1].name}: give one of them")
    return files[0]
