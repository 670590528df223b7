"""Reads a folder with the four IDX files under any of the names that MNIST and its relatives give them."""

import re
from pathlib import Path

from edgecnn.data import emnist, idx
from edgecnn.data.parts import Pair, Parts
from edgecnn.errors import DataError
from edgecnn.imaging.names import is_left_behind

# train-images-idx3-ubyte, t10k-labels.idx1-ubyte.gz, emnist-letters-test-images-idx3-ubyte
NAME = re.compile(r"(?P<set>.*?)(?P<split>train|t10k|test)[-_](?P<kind>images|labels)(?![a-z])(?!.*\.(zip|png|jpg)$)")
FILES = ("train-images", "train-labels", "t10k-images", "t10k-labels")
Found = dict[str, dict[str, Path]]  # by the set's name, then by the file's


def has_idx_files(path: Path) -> bool:
    """Whether a folder has IDX files, or a path is what their names begin with, such as `gzip/emnist-letters`."""
    return bool(_sets(path))


def read_idx_folder(path: Path) -> Parts:
    """The data of the four files. Raises DataError if one is missing or damaged."""
    sets = _sets(path)
    if len(sets) > 1 and "" not in sets:
        names = sorted(name.rstrip("-_.") for name in sets)
        raise DataError(f"{path} holds {', '.join(names)}: give one of them, such as {path / names[0]}")
    files = sets[""] if "" in sets else next(iter(sets.values()))
    for name in FILES:
        if name not in files:
            raise DataError(
                f"{path} has no file {name}-idx…: give a folder with the four IDX files, gzipped or not, "
                "for training and test images and labels"
            )
    arrays = [idx.read(files[name]) for name in FILES]
    parts = Parts(Pair(arrays[0], arrays[1]), Pair(arrays[2], arrays[3]))
    return emnist.put_right(parts, files[FILES[0]])


def _sets(path: Path) -> Found:
    folder, begin = (path, "") if path.is_dir() else (path.parent, path.name)
    found: Found = {}
    for file in sorted(_files(folder)):
        name = NAME.match(file.name)
        if name and (not begin or name["set"].rstrip("-_.") == begin):
            found.setdefault(name["set"], {}).setdefault(f"{_split(name)}-{name['kind']}", file)
    return found


def _split(name: re.Match[str]) -> str:
    return "train" if name["split"] == "train" else "t10k"


def _files(folder: Path) -> list[Path]:
    """The files in a folder, and those that an unpacking program put into a folder of their own name."""
    items = [item for item in folder.iterdir() if not is_left_behind(item.name)] if folder.is_dir() else []
    inside = [item / item.name for item in items if item.is_dir()]
    return [item for item in (*items, *inside) if item.is_file()]
